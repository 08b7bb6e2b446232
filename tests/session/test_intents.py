"""The intent of a tool call is stored before anyone runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon.conversation import notices as out
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.providers.base import LlmRequest, TextDelta
from antiphon.session.calling import STORE_TIMEOUT
from antiphon.session.makings import Hooks
from antiphon.tools.function import tool
from antiphon.types import Role, SessionConfig, ToolCall, ToolSpec
from tests.session.calling import GREETING, agent_said, run_call, stages

CLIENTS = SessionConfig(greeting=GREETING, tools=(ToolSpec("book"),))
BOOK = ToolCall("call_1", "book", {})
Before = Callable[[ToolCall], Awaitable[None]]


def model(request: LlmRequest) -> Any:
    if any(message.role is Role.TOOL for message in request.messages):
        return "Your table is booked now."
    return [TextDelta("Let me see. "), BOOK]


def takes(seconds: float) -> Before:
    async def store(call: ToolCall) -> None:
        await asyncio.sleep(seconds)

    return store


async def fails(call: ToolCall) -> None:
    raise ConnectionError("the store is away")


def run(scenario: Any, before: Before, **options: Any) -> Any:
    return run_call(scenario, stages=stages(model), hooks=Hooks(before_tool=before), **options)


def results(call: SimulatedCall) -> list[str]:
    return [message.text for message in call.session.history if message.role is Role.TOOL]


def test_a_function_is_run_once_its_intent_is_stored() -> None:
    happened: list[str] = []

    async def store(call: ToolCall) -> None:
        await asyncio.sleep(0.5)
        happened.append(f"stored {call.call_id}")

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("I want to book a table")
        await call.client.until(out.ReplyDone, count=3)
        assert happened == ["stored call_1", "run"]
        assert results(call) == ["done"]

    async def book() -> str:
        happened.append("run")
        return "done"

    run(scenario, store, tools=(tool(book),))


@pytest.mark.parametrize("before", [fails, takes(STORE_TIMEOUT + 1)])
def test_a_function_whose_intent_cannot_be_stored_is_not_run(before: Before) -> None:
    async def book() -> None:
        raise AssertionError("must not run")

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("I want to book a table")
        await call.client.until(out.ReplyDone, count=3)
        assert "was not run" in results(call)[0]
        assert len(agent_said(call)) == 3

    run(scenario, before, tools=(tool(book),))


def test_the_client_is_asked_once_the_intent_is_stored_and_hears_all_else_in_order() -> None:
    async def scenario(call: SimulatedCall) -> None:
        loop = asyncio.get_running_loop()
        await call.greeted()
        call.say("I want to book a table")
        await call.client.until(out.ToolCalled)
        assert loop.time() >= stored[0] + 0.3
        await call.client.until(out.ReplyDone, count=2)
        seen = [type(notice) for notice in call.client.all(object)]
        after = seen[seen.index(out.ToolCalled) :]
        assert after.index(out.AgentTranscript) < after.index(out.ReplyDone)
        assert call.heard(1, "Let me see.") == ["let", "me", "see"]

    stored: list[float] = []

    async def store(call: ToolCall) -> None:
        stored.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.3)

    run(scenario, store, config=CLIENTS)


def test_the_client_never_hears_of_a_call_that_could_not_be_stored() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("I want to book a table")
        await call.client.until(out.ReplyDone, count=3)
        assert not call.client.all(out.ToolCalled)
        assert "was not run" in results(call)[0]

    run(scenario, fails, config=CLIENTS)


def test_a_session_that_ends_meanwhile_still_says_so() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("I want to book a table")
        while not call.session._gate.congested:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        call.session.end()
        await call.client.until(out.SessionEnded)
        assert not call.client.all(out.ToolCalled)

    run(scenario, takes(1.5), config=CLIENTS)


# --- turns, and replies as they were heard


def test_a_turn_is_told_once_it_is_stored_and_all_else_in_order() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("good morning")
        await call.client.until(out.ReplyDone, count=2)
        ((told, _),) = [(at, n) for at, n in call.client.notices if isinstance(n, out.UserTranscript)]
        assert told - said[0] == pytest.approx(0.3)
        kinds = [type(notice) for notice in call.client.all(object)]
        after = kinds[kinds.index(out.UserTranscript) :]
        assert after.index(out.ReplyStarted) < after.index(out.ReplyAudio) < after.index(out.AgentTranscript)

    said: list[float] = []

    async def stored() -> None:
        await asyncio.sleep(0.3)

    def on_turn(turn: out.UserTranscript) -> None:
        said.append(asyncio.get_running_loop().time())

    run_call(scenario, hooks=Hooks(stored=stored, on_turn=on_turn))
