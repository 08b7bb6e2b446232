"""How a call ends: with a caller who says nothing more, or because somebody says so."""

import pytest

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.settings import Settings
from antiphon.conversation.state import Phase
from antiphon.types import ToolCall, ToolSpec
from tests.conversation.simulate import Answer, Call, Tool

GREETING = "Hello this is the bakery at the corner how can I help you"
GOODBYE = "agent: I can't hear you, so I'll let you go. Goodbye."
ORDER = ToolCall("call_1", "order", {})


def agent(call: Call) -> list[str]:
    return call.story(out.AgentTranscript)


# --- a caller who says nothing ------------------------------------------------------------------------------------


def test_a_silent_caller_is_asked_twice_and_then_let_go():
    call = Call(Settings(), greeting="Hello.")
    call.run(until=200_000)
    assert agent(call) == ["agent: Hello.", *["agent: Are you still there?"] * 2, GOODBYE]
    assert call.state.phase is Phase.CLOSED
    assert call.ordered(act.CloseSession) == [act.CloseSession("idle")]


def test_a_caller_who_answers_is_asked_anew_later():
    call = Call(Settings())
    call.caller("yes I am here", at=45_000)
    call.run(until=300_000)
    assert agent(call).count("agent: Are you still there?") == 3


def test_noise_is_no_caller():
    call = Call(Settings())
    for number in range(30):
        call.voice(at=5_000 + 20_000 * number, lasts=300)
    call.run(until=600_000)
    assert call.state.phase is Phase.CLOSED
    assert GOODBYE in agent(call)


def test_a_running_tool_is_no_silence():
    call = Call(
        Settings(tools=(ToolSpec("order"),), filler_after=None),
        model=[Answer("One moment.", calls=(ORDER,)), Answer("Done.")],
        tools={"order": Tool(takes=100_000)},
    )
    call.caller("order a cake", at=1_000)
    call.run(until=104_000)
    assert agent(call) == ["agent: One moment.", "agent: Done."]


@pytest.mark.parametrize("interruptible", [True, False])
def test_a_caller_who_speaks_over_the_goodbye_is_not_let_go(interruptible):
    call = Call(Settings(idle_asks=0, interruptible=interruptible))
    call.caller("wait I am here", at=32_200)  # over its last words
    call.run(until=45_000)
    assert call.state.phase is Phase.OPEN
    assert "caller: wait I am here" in call.story()


def test_a_goodbye_that_cannot_be_spoken_is_one_too():
    call = Call(Settings(idle_asks=0), script=Answer(hangs=True))
    call.run(until=120_000)
    assert call.state.phase is Phase.CLOSED


def test_nobody_is_asked_where_that_is_switched_off():
    call = Call(Settings())
    call.at(10_000, ev.SettingsChanged(Settings(idle_after=None)))
    call.run(until=200_000)
    assert call.story() == []


# --- the end ------------------------------------------------------------------------------------------------------


def test_the_end_in_a_reply_says_what_was_heard_of_it():
    call = Call(greeting=GREETING)
    call.at(1_000, ev.EndRequested("client_end"))
    call.run(until=10_000)
    assert call.story() == ["reply started", "agent: Hello this is|", "reply interrupted"]
    assert call.ordered(act.CloseSession) == [act.CloseSession("client_end")]


def test_the_end_comes_once():
    call = Call(greeting=GREETING, stops_after=None)
    call.at(1_000, ev.EndRequested("client_end"), ev.EndRequested("closed"))
    call.at(1_100, ev.EndRequested("closed"), ev.VoiceStarted(1_000, 1_100))
    call.run(until=10_000)
    assert call.ordered(act.CloseSession) == [act.CloseSession("client_end")]
    assert call.state.phase is Phase.CLOSED


def test_the_end_in_the_callers_turn_keeps_what_was_said():
    call = Call()
    call.caller("thank you goodbye", at=1_000)
    call.at(1_900, ev.EndRequested("client_end"))
    call.run(until=10_000)
    assert call.story() == ["speech started", "speech stopped", "caller: thank you goodbye"]
    assert call.history() == ["user: thank you goodbye"]


def test_the_end_before_the_beginning():
    call = Call(open_at=None)
    call.at(0, ev.EndRequested("client_end"), ev.SessionOpened("Hello."))
    call.run(until=10_000)
    assert call.story() == []
    assert call.state.phase is Phase.CLOSED


def test_a_call_of_two_hundred_turns():
    call = Call(Settings(context_window=1_000, idle_after=None), model=[Answer("It is " + "very " * 10 + "good.")])
    for number in range(200):
        call.caller("and what do you think of this one", at=1_000 + number * 10_000)
    call.run(until=2_100_000)
    assert len(call.requests) == 200
    assert call.requests[-1][-1].text == "and what do you think of this one"
