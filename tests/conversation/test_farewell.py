"""The session has to end: it says so, to nobody's face and in nobody's word, and within a bound."""

from __future__ import annotations

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.settings import Settings
from antiphon.types import ToolCall, ToolSpec
from tests.conversation.simulate import Answer, Call, Tool

LINE = "Our time is up. Goodbye."  # 1 250 ms, after 400
SETTINGS = Settings(idle_after=None, filler_after=None, farewell_line=LINE, tools=(ToolSpec("order"),))
LONG = Answer("one two three four five six seven eight nine ten " * 5)  # 12 500 ms
END = ev.FarewellRequested("budget_tokens")


def call(**options: object) -> Call:
    return Call(SETTINGS, **options)  # type: ignore[arg-type]


def agent(call: Call) -> list[str]:
    return call.story(out.AgentTranscript)


def ended(call: Call) -> float:
    (when,) = [time for time, _, actions in call.log if act.CloseSession("budget_tokens") in actions]
    return when


def test_in_silence_the_line_is_said_and_the_session_ends_with_it():
    made = call()
    made.at(1_000, END)
    made.run(until=20_000)
    assert agent(made) == [f"agent: {LINE}"]
    assert ended(made) == made.when("reply completed") == 1_000 + 400 + 5 * 250


def test_the_agent_is_heard_out():
    made = call(greeting="one two three four five six seven")
    made.at(500, END)
    made.run(until=20_000)
    assert agent(made) == ["agent: one two three four five six seven", f"agent: {LINE}"]
    assert ended(made)


def test_a_long_reply_is_heard_out_for_so_long_and_then_to_the_end_of_its_word():
    made = call(model=[LONG])
    made.at(1_000, ev.ReplyRequested())
    made.at(2_000, END)
    made.run(until=30_000)
    (stop,) = made.ordered(act.CancelReply)
    assert stop == act.CancelReply(stop.reply_id, at_word=True)
    assert agent(made)[-1] == f"agent: {LINE}"
    assert ended(made) == 2_000 + 8_000 + 400 + 5 * 250


def test_the_caller_is_heard_out_and_answered_with_the_line_and_by_no_model():
    made = call()
    made.caller("i would like to order a cake", at=1_000)
    made.at(1_500, END)
    made.run(until=20_000)
    assert "caller: i would like to order a cake" in made.story()
    assert agent(made) == [f"agent: {LINE}"]
    assert made.requests == []
    assert ended(made)


def test_a_caller_who_does_not_stop_is_cut_short_and_what_was_said_is_kept():
    made = call()
    made.caller("and " * 100, at=1_000)
    made.at(2_000, END)
    made.run(until=60_000)
    assert made.story(out.UserTranscript)[0].startswith("caller: and and and")
    assert ended(made) == 2_000 + 8_000 + 400 + 5 * 250


def test_nobody_interrupts_the_line():
    made = call()
    made.at(1_000, END)
    made.caller("wait wait wait please wait", at=1_600)
    made.run(until=20_000)
    assert agent(made) == [f"agent: {LINE}"]
    assert ended(made) == 1_000 + 400 + 5 * 250


def test_an_interruption_before_the_line_is_the_callers_last_turn():
    made = call(model=[LONG])
    made.at(1_000, ev.ReplyRequested())
    made.at(2_000, END)
    made.caller("stop that now", at=3_000)
    made.run(until=30_000)
    assert "caller: stop that now" in made.story()
    assert agent(made)[-1] == f"agent: {LINE}" and agent(made)[0].endswith("|")
    assert ended(made) < 8_000


def test_a_reply_prepared_in_vain_is_dropped_and_no_result_of_a_tool_is_told():
    order = Answer("One moment.", calls=(ToolCall("call_1", "order", {}),))
    made = call(model=[order, Answer("It is ordered.")], tools={"order": Tool(takes=2_000)})
    made.caller("order a cake", at=1_000)
    made.at(4_200, END)
    made.run(until=20_000)
    assert agent(made) == ["agent: One moment.", f"agent: {LINE}"]
    assert len(made.requests) == 1


def test_a_voice_that_is_dead_keeps_the_session_open_no_longer_than_a_stall():
    made = call(script=Answer(hangs=True))
    made.at(1_000, END)
    made.run(until=60_000)
    assert ended(made) <= 1_000 + 10_000 + 1_000


def test_a_voice_that_fails_ends_it_at_once():
    made = call(script=Answer(fails=True))
    made.at(1_000, END)
    made.run(until=60_000)
    assert ended(made) <= 2_000


def test_without_a_line_it_ends_when_the_floor_is_free():
    made = call(greeting="one two three")
    made.at(500, ev.FarewellRequested("budget_tokens", line=""))
    made.run(until=20_000)
    assert agent(made) == ["agent: one two three"]
    assert ended(made) == made.when("reply completed")


def test_asked_twice_it_is_said_once():
    made = call()
    made.at(1_000, END, ev.FarewellRequested("max_duration"))
    made.run(until=20_000)
    assert agent(made) == [f"agent: {LINE}"]
    assert ended(made)


def test_a_caller_who_is_away_is_waited_for_as_long_as_anyone():
    made = call()
    made.at(1_000, ev.CallerLeft(0.9), END)
    made.run(until=60_000)
    assert (agent(made), ended(made)) == ([], 9_000)


def test_a_caller_who_comes_back_is_told():
    made = call()
    made.at(1_000, ev.CallerLeft(0.9), END)
    made.at(3_000, ev.CallerReturned())
    made.run(until=60_000)
    assert agent(made) == [f"agent: {LINE}"]
