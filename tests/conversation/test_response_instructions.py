"""How a reply is to speak of a tool's result: for that reply, and no other."""

from __future__ import annotations

from dataclasses import replace

from antiphon.conversation import events as ev
from antiphon.types import Role, ToolSpec
from tests.conversation.simulate import Answer, Call, Tool
from tests.conversation.test_scenarios_tools import DONE, MOMENT, ORDER, PRICE, SETTINGS

TOLD = replace(
    SETTINGS,
    tools=(
        ToolSpec("order", timeout=5.0, on_success="Thank them.", on_error="Apologise."),
        ToolSpec("price", timeout=5.0, on_success="Name the currency."),
    ),
)


def asked(tool: Tool, *model: Answer, settings: object = TOLD) -> Call:
    call = Call(settings, model=list(model), tools={"order": tool, "price": Tool("12 euros", takes=900)})  # type: ignore[arg-type]
    call.caller("order a cake", at=1_000)
    return call


def instructions(call: Call) -> list[str | None]:
    """The system message at the end of each request."""
    ends = [request[-1] for request in call.requests]
    return [end.text if end.role is Role.SYSTEM else None for end in ends]


def test_a_success_and_a_failure_have_each_their_own():
    assert instructions(asked(Tool("ok"), MOMENT, DONE).run(until=20_000)) == [None, "Thank them."]
    assert instructions(asked(Tool("no", is_error=True), MOMENT, DONE).run(until=20_000)) == [None, "Apologise."]


def test_a_tool_that_never_answers_has_failed():
    assert instructions(asked(Tool(takes=None), MOMENT, DONE).run(until=20_000)) == [None, "Apologise."]


def test_the_next_reply_does_not_hear_of_them():
    call = asked(Tool("ok"), MOMENT, DONE, Answer("You are welcome."))
    call.caller("thank you", at=9_000)
    assert instructions(call.run(until=20_000)) == [None, "Thank them.", None]


def test_those_of_parallel_calls_come_together():
    both = Answer("One moment.", calls=(ORDER, PRICE))
    assert instructions(asked(Tool("ok"), both, DONE).run(until=20_000)) == [None, "Thank them.\nName the currency."]


def test_a_reply_that_was_asked_for_meanwhile_speaks_of_the_result_and_follows_both():
    call = asked(Tool("ok", takes=1_000), MOMENT, DONE)
    call.at(4_000, ev.ReplyRequested("Be brief."))
    assert instructions(call.run(until=20_000)) == [None, "Thank them.\nBe brief."]


def test_a_reply_prepared_during_a_filler_follows_them_once():
    call = asked(Tool("ok", takes=3_000), Answer(calls=(ORDER,)), DONE, settings=replace(TOLD, filler_after=1.5))
    call.caller("thank you", at=12_000)
    assert instructions(call.run(until=30_000)) == [None, "Thank them.", None]
