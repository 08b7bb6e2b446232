"""The agent ends the call itself: after its words were heard, and not while the caller has something to add."""

import pytest

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.settings import Settings
from antiphon.conversation.state import Phase
from antiphon.types import ToolCall, ToolSpec
from tests.conversation.simulate import Answer, Call, Tool

END = ToolCall("call_1", "end_call", {})
ORDER = ToolCall("call_2", "order", {})
SETTINGS = Settings(idle_after=None, filler_after=None, tools=(ToolSpec("end_call"), ToolSpec("order")))
BYE = Answer("Goodbye and have a nice day.", calls=(END,))  # heard from 2 750 to 4 250


def asked(*model: Answer, order: Tool | None = None, hang_up_at: float = 2_755) -> Call:
    """A call whose first turn ends at 2 350, and whose end the tool asks for."""
    call = Call(SETTINGS, model=list(model), tools={"end_call": Tool("ok", takes=10), "order": order or Tool()})
    call.caller("that is all", at=1_000)
    call.at(hang_up_at, ev.HangUpRequested("agent_end"))
    return call


def agent(call: Call) -> list[str]:
    return call.story(out.AgentTranscript)


def ended(call: Call) -> float:
    (when,) = [time for time, _, actions in call.log if act.CloseSession("agent_end") in actions]
    return when


def test_the_call_ends_when_the_goodbye_has_been_heard():
    call = asked(BYE).run(until=20_000)
    assert agent(call) == ["agent: Goodbye and have a nice day."]
    assert ended(call) == call.when("reply completed") == 2_350 + 400 + 6 * 250


def test_a_model_that_has_not_said_goodbye_may_do_so():
    call = asked(Answer(calls=(END,)), Answer("Goodbye.")).run(until=20_000)
    assert agent(call) == ["agent: Goodbye."]
    assert ended(call)


def test_a_model_that_never_says_goodbye_is_not_asked_for_ever():
    call = asked(Answer(calls=(END,))).run(until=20_000)
    assert agent(call) == []
    assert len(call.requests) == 2
    assert ended(call)


def test_a_caller_who_has_something_to_add_is_answered():
    call = asked(BYE, Answer("Of course."))
    call.caller("wait one more thing", at=3_500)
    call.run(until=20_000)
    assert agent(call)[-1] == "agent: Of course."
    assert call.state.phase is Phase.OPEN


@pytest.mark.parametrize("at", [3_500, 3_900])
def test_an_okay_over_the_goodbye_does_not_keep_the_call_going(at):
    call = asked(BYE)
    call.caller("okay", at=at)
    call.run(until=20_000)
    assert agent(call) == ["agent: Goodbye and have a nice day."]
    assert ended(call)


def test_a_noise_after_the_request_does_not_keep_the_call_going():
    call = asked(Answer(calls=(END,), takes=200), Answer("Goodbye.", takes=2_000))
    call.voice(at=3_000, lasts=300)
    call.run(until=30_000)
    assert agent(call) == ["agent: Goodbye."]
    assert ended(call)


def test_what_else_was_run_is_told_first():
    both = Answer("I order it. Goodbye.", calls=(ORDER, END))
    call = asked(both, Answer("It is ordered. Goodbye."), order=Tool("ok", takes=3_000)).run(until=20_000)
    assert agent(call) == ["agent: I order it. Goodbye.", "agent: It is ordered. Goodbye."]
    assert ended(call)


def test_a_reply_heard_before_its_tool_was_run_is_not_said_again():
    call = asked(Answer("Goodbye.", calls=(END,), takes=400), hang_up_at=9_000)
    call.tools["end_call"] = Tool("ok", takes=7_000)
    call.run(until=20_000)
    assert agent(call) == ["agent: Goodbye."]
    assert ended(call) == 2_750 + 7_000


def test_a_line_of_the_programs_is_spoken_before_the_end():
    call = Call(SETTINGS)
    call.at(1_000, ev.SayRequested("We close now."), ev.HangUpRequested("agent_end"))
    call.run(until=20_000)
    assert agent(call) == ["agent: We close now."]
    assert ended(call)


def test_with_nothing_to_say_the_call_ends_at_once():
    call = Call(SETTINGS)
    call.at(1_000, ev.HangUpRequested("agent_end"))
    assert ended(call.run(until=20_000)) == 1_000


def test_a_goodbye_that_cannot_be_spoken_still_ends_the_call():
    call = asked(Answer(calls=(END,)), Answer(fails=True)).run(until=60_000)
    assert call.state.phase is Phase.CLOSED
