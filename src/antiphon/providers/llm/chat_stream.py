"""The answers of the chat completions protocol, made into events. Pure: fed with one decoded chunk after another.

It takes what servers in the wild send: tool calls without an index or an id, reasoning beside or inside the text,
content in parts, usage in every chunk or in none.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from antiphon.errors import BadRequest
from antiphon.providers.base import LlmEvent, TextDelta, Usage, Working
from antiphon.types import ToolCall

_OPEN, _CLOSE = "<think>", "</think>"


class ThinkFilter:
    """Takes `<think>…</think>` out of a text that comes in pieces. Holds back no more than might begin a tag."""

    def __init__(self) -> None:
        self._held = ""
        self._thinking = False
        self._trim = False  # a thought has just ended: the blank lines after it are not said

    def feed(self, text: str) -> str:
        """Returns what is certain to be meant for the caller."""
        self._held += text
        said = ""
        while True:
            tag = _CLOSE if self._thinking else _OPEN
            before, found, after = self._held.partition(tag)
            if not found:
                keep = _overlap(self._held, tag)
                said += self._say(self._held[: len(self._held) - keep])
                self._held = self._held[len(self._held) - keep :]
                return said
            said += self._say(before)
            self._thinking = not self._thinking
            self._trim = self._trim or not self._thinking
            self._held = after

    def end(self) -> str:
        """What was held back and turned out to be no tag. A thought that never ended is dropped."""
        said, self._held = self._say(self._held), ""
        return said

    def _say(self, text: str) -> str:
        if self._thinking:
            return ""
        if self._trim:
            text = text.lstrip()
            self._trim = not text
        return text


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of `text` may be the beginning of `tag`."""
    return next((n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), 0)


@dataclass(slots=True)
class _Call:
    """A tool call under way. `index` is the server's, where it gives one."""

    index: int | None
    call_id: str
    name: str = ""
    arguments: str = ""


class ChatStream:
    """Collects one answer. `finished` says why it ended ("stop", "tool_calls", "length" …), "" while it has not."""

    def __init__(self) -> None:
        self._filter = ThinkFilter()
        self._calls: list[_Call] = []
        self._usage: Usage | None = None
        self.finished = ""

    def feed(self, chunk: dict[str, Any]) -> list[LlmEvent]:
        """The text of one chunk. Calls and usage come with `end`."""
        if usage := chunk.get("usage"):
            self._usage = _usage(usage)
        events: list[LlmEvent] = []
        for choice in (chunk.get("choices") or [])[:1]:
            delta = choice.get("delta") or {}
            if text := self._filter.feed(_text(delta.get("content")) + _text(delta.get("refusal"))):
                events.append(TextDelta(text))
            elif delta:
                events.append(Working())
            for part in delta.get("tool_calls") or []:
                self._collect(part)
            self.finished = choice.get("finish_reason") or self.finished
        return events

    def end(self) -> list[LlmEvent]:
        """What is known only at the end of the answer. Raises BadRequest for a call whose arguments are no object."""
        rest = self._filter.end()
        events: list[LlmEvent] = [TextDelta(rest)] if rest else []
        events += [ToolCall(call.call_id, call.name, self._arguments(call)) for call in self._calls]
        return [*events, self._usage] if self._usage else events

    def _collect(self, part: dict[str, Any]) -> None:
        call = self._call(part.get("index"), part.get("id"))
        function = part.get("function") or {}
        call.name = call.name or function.get("name") or ""
        arguments = function.get("arguments")
        call.arguments += json.dumps(arguments) if isinstance(arguments, dict) else arguments or ""

    def _call(self, index: int | None, call_id: str | None) -> _Call:
        """The call a fragment belongs to. An id not seen before begins another call, whatever its index."""
        for call in reversed(self._calls):
            same = call.call_id == call_id if call_id else index is None or call.index == index
            if same:
                return call
        self._calls.append(_Call(index, call_id or f"call_{secrets.token_hex(8)}"))
        return self._calls[-1]

    def _arguments(self, call: _Call) -> dict[str, Any]:
        try:
            arguments = json.loads(call.arguments or "{}")
        except ValueError:
            arguments = None
        if isinstance(arguments, dict):
            return arguments
        cut = ", which max_tokens cut short" if self.finished == "length" else ""
        raise BadRequest(f"the model called {call.name!r} with arguments that are no JSON object{cut}")


def _text(content: Any) -> str:
    if isinstance(content, list):  # parts, of which only text is spoken
        return "".join(part.get("text") or "" for part in content if part.get("type") == "text")
    return content if isinstance(content, str) else ""


def _usage(usage: dict[str, Any]) -> Usage:
    details = usage.get("prompt_tokens_details") or {}
    return Usage(
        input=usage.get("prompt_tokens") or 0,
        output=usage.get("completion_tokens") or 0,
        cached=details.get("cached_tokens") or 0,
    )
