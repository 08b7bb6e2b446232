"""After a crash: calls without a result."""

import pytest

from antiphon.conversation.history import History
from antiphon.conversation.recovery import OUTCOME_UNKNOWN, recover
from antiphon.types import Role, ToolCall, ToolSpec
from tests.conversation.rules import check_request

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
