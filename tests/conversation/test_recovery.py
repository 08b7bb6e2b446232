"""After a crash: calls without a result."""

from typing import Any

import pytest

from antiphon.conversation import events as ev
from antiphon.conversation.history import History
from antiphon.conversation.recovery import OUTCOME_UNKNOWN, Unfinished, recover, unfinished
from antiphon.conversation.settings import Settings
from antiphon.types import Role, ToolCall, ToolSpec
from tests.conversation.rules import check_request
from tests.conversation.simulate import Answer, Call, Tool

ORDER, PRICE, OLD = ToolCall("call_1", "order", {}), ToolCall("call_2", "price", {}), ToolCall("call_3", "order", {})
TOOLS = (ToolSpec("order"), ToolSpec("price", idempotent=True))


def crashed(*calls: ToolCall, answered: tuple[ToolCall, ...] = ()) -> History:
    history = History().said(Role.USER, "a cake please")
    for call in calls:
        history = history.called("resp_1", call)
    for call in answered:
        history = history.returned(call, "ok")
    return history


def results(history: History) -> dict[str | None, str]:
    return {message.call_id: message.text for message in history.messages() if message.role is Role.TOOL}


def test_a_call_without_a_result_is_told_as_unknown():
    found = recover(crashed(ORDER), TOOLS)
    assert results(found.history) == {"call_1": OUTCOME_UNKNOWN}
    assert found.again == ()


def test_an_idempotent_one_is_run_again():
    found = recover(crashed(PRICE), TOOLS)
    assert results(found.history) == {}
    assert found.again == (PRICE,)


def test_each_of_several_has_its_own_fate():
    found = recover(crashed(ORDER, PRICE, OLD, answered=(OLD,)), TOOLS)
    assert results(found.history) == {"call_3": "ok", "call_1": OUTCOME_UNKNOWN}
    assert found.again == (PRICE,)
    assert found.called == {"call_1", "call_2", "call_3"}


def test_a_tool_that_is_no_longer_offered_is_not_run_again():
    assert recover(crashed(PRICE), (ToolSpec("order"),)).again == ()


@pytest.mark.parametrize("history", [crashed(), crashed(ORDER, answered=(ORDER,))])
def test_a_history_without_open_calls_stays_as_it_is(history):
    assert recover(history, TOOLS).history == history


def test_what_comes_of_it_is_a_valid_request():
    found = recover(crashed(ORDER, PRICE).said(Role.USER, "are you there"), TOOLS)
    check_request(found.history.request(system_prompt=""), last=True)


# --- going on


LONG = "We have two tables tonight and one of them is by the window."


def goes_on(history: History, left: Unfinished | None = None, **options: Any) -> Call:
    """The call as the next process has it."""
    settings = Settings(idle_after=None, tools=TOOLS)
    call = Call(settings, model=[Answer("As I was saying.")], open_at=None, **options)
    call.at(0, ev.SessionRecovered(recover(history, TOOLS, left)))
    return call.run(until=20_000)


def test_the_rest_of_a_reply_is_said_without_asking_the_model():
    call = goes_on(asked(), Unfinished("resp_1", LONG, written=True, heard=18))
    assert call.story() == ["reply started", f"agent: {LONG[19:]}", "reply completed"]
    assert call.requests == []
    assert call.history()[-2:] == ["assistant: We have two tables", f"assistant: {LONG[19:]}"]


def test_what_a_reply_asked_for_is_told_after_its_rest():
    history = crashed(ORDER, answered=(ORDER,))
    call = goes_on(history, Unfinished("resp_1", LONG, written=True, heard=18))
    said = [line for line in call.story() if line.startswith("agent")]
    assert said == [f"agent: {LONG[19:]}", "agent: As I was saying."]
    assert len(call.requests) == 1


def test_the_answer_to_a_result_is_its_telling():
    history = crashed(ORDER, answered=(ORDER,))
    call = goes_on(history, Unfinished("resp_2", LONG, written=True, heard=18))
    assert call.requests == []


def test_a_reply_of_which_not_all_is_known_is_asked_for_again():
    call = goes_on(asked(), Unfinished("resp_1", "We have two tables and", heard=18))
    assert call.story()[1] == "agent: As I was saying."
    assert call.requests[0][-2].text == "We have two tables"


def test_a_turn_that_nobody_has_answered_is_answered():
    assert goes_on(asked()).story()[1] == "agent: As I was saying."


def test_a_turn_that_was_cut_is_told_and_answered():
    call = goes_on(History(), Unfinished(item_id="msg_1", words="a cake"))
    assert call.story()[:3] == ["speech started", "speech stopped", "caller: a cake"]
    assert call.story()[4] == "agent: As I was saying."


def test_who_was_heard_out_is_not_spoken_to():
    history = asked().spoken("resp_1", "Which one?", interrupted=False)
    assert goes_on(history).story() == []


def test_a_call_that_is_run_again_is_answered():
    call = goes_on(crashed(PRICE), tools={"price": Tool("ten")})
    assert call.story() == [
        *("reply started", "tool price", "reply completed"),
        *("reply started", "agent: As I was saying.", "reply completed"),
    ]


def test_an_unknown_outcome_is_told():
    call = goes_on(crashed(ORDER))
    assert call.requests[0][-1].text == OUTCOME_UNKNOWN


def asked() -> History:
    return History().said(Role.USER, "a table please")


def test_what_is_kept_of_a_reply_grows_with_it():
    call = Call(model=[Answer(LONG)])
    call.caller("a table please", at=1_000)
    call.run(until=4_000)
    left = unfinished(call.state, heard=9)
    assert (left.text, left.written, left.heard) == (LONG, True, 9)
    call.run(until=20_000)
    assert unfinished(call.state, heard=0) == Unfinished()


def test_what_is_kept_of_a_turn():
    call = Call()
    call.caller("a table please", at=1_000)
    call.run(until=1_700)
    assert unfinished(call.state, heard=0).words == "a table"
