"""Turns out of events: tables, without a server."""

from __future__ import annotations

from antiphon.client.events import (
    Event,
    InputSpeechStarted,
    InputSpeechStopped,
    MetricsSpan,
    ReplyCost,
    ReplyDone,
    ReplyStarted,
    ToolCall,
    TranscriptAgent,
    TranscriptUser,
    TurnMetrics,
)
from antiphon.client.progress import Progress
from antiphon.client.report import Timed, Turn, turns
from antiphon.types import Cost

STOPPED = InputSpeechStopped()


def said(text: str) -> Event:
    return TranscriptUser(item_id="i", text=text)


def reply(reply_id: str, text: str, *, interrupted: bool = False) -> list[Event]:
    return [
        ReplyStarted(reply_id=reply_id, item_id="i"),
        TranscriptAgent(reply_id=reply_id, item_id="i", text=text, interrupted=interrupted),
        ReplyDone(reply_id=reply_id, status="interrupted" if interrupted else "completed"),
    ]


def told(
    *events: Event, voiced: dict[float, float] | None = None, audible: dict[str, float] | None = None
) -> tuple[Turn, ...]:
    """The turns of events that arrive a second apart, from 1 s on."""
    timed = [Timed(float(n), event) for n, event in enumerate(events, start=1)]
    return turns(timed, last_voiced=(voiced or {}).get, first_audible=(audible or {}).get)


def test_the_greeting_is_a_turn_without_a_caller() -> None:
    assert told(*reply("r", "Hello!"), audible={"r": 0.1}) == (Turn(user="", agent="Hello!", replies=["r"]),)


def test_a_turn_is_measured_from_voice_to_voice() -> None:
    (turn,) = told(STOPPED, said("Hi."), *reply("r", "Hello."), voiced={1.0: 0.4}, audible={"r": 1.1504})
    assert turn == Turn(user="Hi.", agent="Hello.", at=0.4, latency_ms=750.4, replies=["r"])


def test_without_speech_stopped_the_transcript_ends_the_turn() -> None:
    (turn,) = told(said("Hi."), *reply("r", "Hello."), voiced={1.0: 0.4}, audible={"r": 1.4})
    assert turn.latency_ms == 1000.0


def test_a_reply_that_was_not_heard_has_no_latency() -> None:
    (turn,) = told(STOPPED, said("Hi."), *reply("r", ""), voiced={1.0: 0.4})
    assert turn.latency_ms is None


def test_a_tool_call_and_both_its_replies_are_one_turn() -> None:
    call = ToolCall(call_id="c", name="weather", arguments={})
    (turn,) = told(
        STOPPED, said("Rain?"), call, *reply("a", ""), *reply("b", "No."), audible={"b": 3.0}, voiced={1.0: 1.0}
    )
    assert (turn.agent, turn.tools, turn.replies, turn.latency_ms) == ("No.", ["weather"], ["a", "b"], 2000.0)


def test_an_interruption_belongs_to_the_turn_that_was_interrupted() -> None:
    first, second = told(
        STOPPED,
        said("One."),
        ReplyStarted(reply_id="a", item_id="i"),
        InputSpeechStarted(),
        STOPPED,
        said("Two."),
        TranscriptAgent(reply_id="a", item_id="i", text="Fir", interrupted=True),
        ReplyDone(reply_id="a", status="interrupted"),
        *reply("b", "Second."),
    )
    assert (first.user, first.agent, first.interrupted) == ("One.", "Fir", True)
    assert (second.user, second.agent, second.interrupted) == ("Two.", "Second.", False)


def test_the_servers_spans_are_kept() -> None:
    spans = (MetricsSpan("stt", 500.0), MetricsSpan("llm", 250.0))
    (turn,) = told(said("Hi."), *reply("r", "Hello."), TurnMetrics(reply_id="r", total_ms=750.0, spans=spans))
    assert (turn.server_ms, turn.spans) == (750.0, spans)


def test_a_turn_costs_what_its_replies_do() -> None:
    cost = Cost(tts_characters=4, tts_usd=0.5)
    costs = [ReplyCost(reply_id=reply_id, cost=cost, session=cost) for reply_id in "ab"]
    call = ToolCall(call_id="c", name="weather", arguments={})
    (turn,) = told(said("Rain?"), call, *reply("a", ""), costs[0], *reply("b", "No."), costs[1])
    assert turn.cost == cost + cost


def progress(*events: Event) -> Progress:
    made = Progress()
    for n, event in enumerate(events, start=1):
        made.hear(event, float(n))
    return made


def settled(*events: Event) -> bool:
    return progress(*events).settled(len(events) + 1.0, since=0.5, calm=1.0)


def test_a_call_is_settled_once_everything_owed_has_come() -> None:
    assert settled(InputSpeechStarted(), STOPPED, said("Hi."), *reply("r", "Hello."))


def test_a_call_is_not_settled_while_something_is_owed() -> None:
    answered = reply("r", "Hello.")
    assert not settled()
    assert not settled(STOPPED, said("Hi."))
    assert not settled(*answered[:-1])
    assert not settled(*answered, InputSpeechStarted())
    assert not settled(*answered, STOPPED, said("And?"))
    assert not settled(ToolCall(call_id="c", name="n"), ReplyDone(reply_id="r"))


def test_a_reply_before_the_last_words_does_not_settle_a_call() -> None:
    made = progress(*reply("r", "Hello."))
    assert not made.settled(9.0, since=3.5, calm=1.0)
    assert not made.settled(3.5, since=0.0, calm=1.0)
