"""Functions that the model calls, in whole calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from antiphon.conversation import notices as out
from antiphon.conversation.history import STILL_RUNNING
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.providers.base import LlmEvent, LlmRequest, TextDelta
from antiphon.tools.function import FunctionTool, tool
from antiphon.types import Message, Role, SessionConfig, ToolCall, ToolSpec
from tests.session.calling import GREETING, agent_said, run_call, stages, turn


def book(table: int, name: str = "Smith") -> dict[str, Any]:
    """Books a table."""
    return {"table": table, "name": name}


async def book_slowly(table: int) -> str:
    """Books a table, which takes a while."""
    await asyncio.sleep(6)
    return f"table {table} is booked"


async def fail(table: int) -> str:
    """Cannot book a table."""
    raise RuntimeError("the book is lost")


def calling(name: str, **arguments: Any) -> Any:
    """A model that calls the tool when the caller speaks, and says what came of it."""

    def reply(request: LlmRequest) -> str | Sequence[LlmEvent]:
        told = [message.text for message in request.messages if message.role is Role.TOOL]
        if told:
            return "One minute please." if STILL_RUNNING in told else "Your table is booked now."
        return [TextDelta("Let me see. "), ToolCall("call_1", name, arguments)]

    return reply


def results(call: SimulatedCall) -> list[Message]:
    return [message for message in call.session.history if message.role is Role.TOOL]


def tools(*functions: Any) -> tuple[FunctionTool, ...]:
    return tuple(tool(function) for function in functions)


async def booked(call: SimulatedCall) -> None:
    await call.greeted()
    await turn(call, "I want to book a table")
    await call.client.until(out.ReplyDone, count=3)


def test_a_sync_function_is_called_and_its_result_told() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await booked(call)
        assert [message.text for message in results(call)] == ['{"table": 4, "name": "Smith"}']
        assert [text for text, _ in agent_said(call)] == [GREETING, "Let me see.", "Your table is booked now."]
        assert not call.client.all(out.ToolCalled)  # run here: the client is not asked

    run_call(scenario, stages=stages(calling("book", table=4)), tools=tools(book))


def test_a_function_that_raises_is_told_to_the_model() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await booked(call)
        assert [message.text for message in results(call)] == ["The tool failed: RuntimeError: the book is lost"]

    run_call(scenario, stages=stages(calling("fail", table=4)), tools=tools(fail))


def test_arguments_that_do_not_fit_are_told_to_the_model() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await booked(call)
        assert "table" in results(call)[0].text and "integer" in results(call)[0].text

    run_call(scenario, stages=stages(calling("book", table="window")), tools=tools(book))


def test_a_slow_function_survives_an_interruption() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        await turn(call, "I want to book a table")
        await asyncio.sleep(1)
        await turn(call, "wait a minute")
        await call.client.until(out.ReplyDone, count=4)
        assert [message.text for message in results(call)] == ["table 4 is booked"]
        assert agent_said(call)[-1][0] == "Your table is booked now."

    run_call(scenario, stages=stages(calling("book_slowly", table=4)), tools=tools(book_slowly))


def test_a_function_that_takes_too_long_ends_in_a_timeout() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await booked(call)
        assert len(results(call)) == 1
        assert "book" not in results(call)[0].text.split()

    slow = tool(book_slowly, timeout=2)
    run_call(scenario, stages=stages(calling("book_slowly", table=4)), tools=(slow,))


def test_a_tool_of_the_clients_is_asked_of_the_client() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("I want to book a table")
        asked = await call.client.until(out.ToolCalled)
        assert (asked.name, asked.arguments) == ("book", {"table": 4})
        call.session.tool_result(asked.call_id, "done")
        await call.client.until(out.ReplyDone, count=3)
        assert [message.text for message in results(call)] == ["done"]

    config = SessionConfig(greeting=GREETING, tools=(ToolSpec("book"),))
    run_call(scenario, stages=stages(calling("book", table=4)), config=config)
