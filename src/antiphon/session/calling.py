"""Running what the model calls: not before its intent is stored, and never without an answer.

A call that this server runs waits in its task. One that the client runs has not begun while the client does not know
of it: until its intent is stored, everything the client would be told waits at the gate.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from antiphon.errors import without_words
from antiphon.session.gate import Gate
from antiphon.session.tasks import Tasks
from antiphon.tools.base import Tool, ToolContext, ToolResult
from antiphon.types import ToolCall

log = logging.getLogger("antiphon.session")

STORE_TIMEOUT = 2.0  # seconds an intent may take to be stored
NOT_STORED = ToolResult("it was not run: the call could not be recorded.", is_error=True)

BeforeTool = Callable[[ToolCall], Awaitable[None]]


class ToolRunner:
    """Runs the calls of one session, each in a task."""

    def __init__(
        self,
        functions: Mapping[str, Tool],
        *,
        gate: Gate,
        tasks: Tasks,
        before: BeforeTool | None,
        context: Callable[[ToolCall], ToolContext],
        goes_on: Callable[[], bool],
        answer: Callable[[str, ToolResult], None],
    ) -> None:
        """`before` stores a call's intent, and raises if it cannot. `goes_on`: the session is not at its end."""
        self._functions = functions
        self._gate = gate
        self._tasks = tasks
        self._before = before
        self._context = context
        self._goes_on = goes_on
        self._answer = answer
        self._announced: set[str] = set()  # a call may be told again, when a connection was lost

    def announced(self, call_id: str) -> None:
        """The client is about to be told of a call."""
        if self._before and call_id not in self._announced:
            self._announced.add(call_id)
            self._gate.shut(call_id)

    def run(self, call: ToolCall) -> None:
        if function := self._functions.get(call.name):
            self._tasks.spawn(self._run(function, call), "tool")
        elif self._before:
            self._tasks.spawn(self._ask(call), "tool")

    async def _run(self, function: Tool, call: ToolCall) -> None:
        if not await self._stored(call):
            self._answer(call.call_id, NOT_STORED)
        elif self._goes_on():
            self._answer(call.call_id, await function.run(call, self._context(call)))

    async def _ask(self, call: ToolCall) -> None:
        """A call that the client runs."""
        stored = await self._stored(call)
        self._gate.open(call.call_id, stored=stored)
        if not stored:
            self._answer(call.call_id, NOT_STORED)

    async def _stored(self, call: ToolCall) -> bool:
        if self._before is None:
            return True
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                await self._before(call)
        except Exception as error:
            log.error("the intent of tool call %s could not be stored: %s", call.call_id, without_words(error))
            log.debug("tool call %s", call.call_id, exc_info=error)
            return False
        return True
