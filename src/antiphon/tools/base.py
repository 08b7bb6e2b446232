"""The contract between a session and the tools it runs, and what a tool's result becomes for the model."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import json
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

from antiphon.types import ToolCall, ToolSpec

RESULT_LIMIT = 8 * 1024  # characters of a result the model is shown


class ToolResult(NamedTuple):
    """What the model is told of a call. A failure is told as well: `is_error`."""

    text: str
    is_error: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ToolContext:
    """What a running tool may know and do of its call. `call_id` never comes twice: it is an idempotency key."""

    call_id: str
    say: Callable[[str], None]  # speaks a text, word for word, as soon as nobody else speaks
    end_call: Callable[[], None]  # ends the call once the agent's words have been heard

    def from_thread(self, loop: asyncio.AbstractEventLoop) -> ToolContext:
        """The same, for use in another thread than the loop's."""

        def say(text: str) -> None:
            loop.call_soon_threadsafe(self.say, text)

        def end_call() -> None:
            loop.call_soon_threadsafe(self.end_call)

        return ToolContext(call_id=self.call_id, say=say, end_call=end_call)


class Tool(Protocol):
    """Something the model may run."""

    @property
    def spec(self) -> ToolSpec: ...

    async def run(self, call: ToolCall, context: ToolContext) -> ToolResult:
        """Runs the call. Raises nothing: a failure is a result. May be cancelled, with the session."""


@runtime_checkable
class ToolSource(Protocol):
    """Something that brings tools and has to be kept up. It belongs to the process, not to a session."""

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What it offers now; nothing before `start`."""

    async def start(self) -> None:
        """Returns once `tools` are known; raises ConfigError or MissingDependency if they cannot be."""

    async def aclose(self) -> None: ...


def timed_out(seconds: float) -> ToolResult:
    return ToolResult(f"it did not answer within {seconds:g} s. Its outcome is unknown.", is_error=True)


def shorten(text: str, limit: int = RESULT_LIMIT) -> str:
    """At most `limit` characters, saying so where something was cut."""
    return text if len(text) <= limit else text[:limit] + f"… ({len(text)} characters in all)"


def as_text(value: Any) -> str:
    """Any value as text for the model: JSON where that is possible. At most RESULT_LIMIT characters are made of it, so
    that a huge one costs no more time than a small one. Raises what the value's own methods do."""
    if value is None:
        return ""
    if isinstance(value, str):
        return shorten(value)
    text, size = "", 0
    try:
        for piece in json.JSONEncoder(default=_plain, ensure_ascii=False).iterencode(value):
            text += piece[: RESULT_LIMIT + 1]
            size += len(piece)
            if size > RESULT_LIMIT:
                return text[:RESULT_LIMIT] + "… (cut: the result is longer)"
    except (TypeError, ValueError, RecursionError):  # keys that are no strings, a structure that contains itself
        return shorten(str(value))
    return text


def _plain(value: Any) -> Any:
    """What JSON does not know: models and dataclasses as their fields, enums as their values, sets as lists, the
    rest as it prints itself."""
    if callable(dump := getattr(value, "model_dump", None)):
        return dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, set | frozenset):
        return list(value)
    return str(value)
