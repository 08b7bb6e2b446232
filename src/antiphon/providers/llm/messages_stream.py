"""The answers of Anthropic's Messages API, made into events. Pure: fed with one decoded event after another.

Content blocks are told apart by their type, never by their place: thinking, citations and blocks of types not yet
known come between the text and the tool calls, and are not spoken.
"""

from __future__ import annotations

import json
from typing import Any

from antiphon.errors import BadRequest
from antiphon.providers.base import LlmEvent, TextDelta, Usage, Working
from antiphon.providers.http_errors import from_error
from antiphon.types import ToolCall


class MessagesStream:
    """Collects one answer. `finished` says why it ended ("end_turn", "tool_use", "max_tokens" …), "" while it has not;
    `complete` that the last event has come."""

    def __init__(self) -> None:
        self._blocks: dict[int, dict[str, Any]] = {}  # tool calls under way, by the index of their block
        self._calls: list[ToolCall] = []
        self._usage: dict[str, int] = {}
        self._spoke = False
        self.finished = ""
        self.complete = False

    def feed(self, event: dict[str, Any]) -> list[LlmEvent]:
        """The text of one event, and the usage as soon as the input is counted. Calls come with `end`. Raises what the
        vendor reports, and BadRequest for a call whose arguments are no object."""
        match event.get("type"):
            case "message_start":
                self._count(event.get("message", {}).get("usage"))
                return [self._total()] if self._usage else []  # so that an answer that is cut off has its price
            case "content_block_start":
                return self._start(event)
            case "content_block_delta":
                return self._delta(event)
            case "content_block_stop":
                if block := self._blocks.pop(event.get("index", 0), None):
                    self._calls.append(ToolCall(block["id"], block["name"], self._arguments(block)))
            case "message_delta":
                self._count(event.get("usage"))
                self.finished = event.get("delta", {}).get("stop_reason") or self.finished
            case "message_stop":
                self.complete = True
            case "error":
                raise from_error(event.get("error"))
        return []

    def end(self) -> list[LlmEvent]:
        """What is known only at the end of the answer. Raises BadRequest if the model refused to give one."""
        if self.finished == "refusal" and not self._spoke and not self._calls:
            raise BadRequest("the model refused to answer")
        if self._blocks:  # the limit was reached inside a call
            self._arguments(next(iter(self._blocks.values())))
        return [*self._calls, self._total()] if self._usage else [*self._calls]

    def _start(self, event: dict[str, Any]) -> list[LlmEvent]:
        block = event.get("content_block", {})
        if block.get("type") == "tool_use":
            self._blocks[event.get("index", 0)] = {"json": "", **block}
        return self._text(block.get("text")) if block.get("type") == "text" else []

    def _delta(self, event: dict[str, Any]) -> list[LlmEvent]:
        delta = event.get("delta", {})
        if delta.get("type") == "text_delta":
            return self._text(delta.get("text"))
        if delta.get("type") == "input_json_delta" and (block := self._blocks.get(event.get("index", 0))):
            block["json"] += delta.get("partial_json") or ""
        return [Working()]

    def _text(self, text: str | None) -> list[LlmEvent]:
        if not text:
            return []
        self._spoke = True
        return [TextDelta(text)]

    def _arguments(self, block: dict[str, Any]) -> dict[str, Any]:
        """Of a call: streamed as pieces of JSON, or whole at its start."""
        try:
            arguments = json.loads(block["json"]) if block["json"] else block.get("input") or {}
        except ValueError:
            arguments = None
        if isinstance(arguments, dict):
            return arguments
        cut = ", which max_tokens cut short" if self.finished == "max_tokens" else ""
        raise BadRequest(f"the model called {block['name']!r} with arguments that are no JSON object{cut}")

    def _count(self, usage: dict[str, Any] | None) -> None:
        """Counts are cumulative, and the later ones may leave some out."""
        self._usage |= {name: count for name, count in (usage or {}).items() if isinstance(count, int)}

    def _total(self) -> Usage:
        read, written = self._usage.get("cache_read_input_tokens", 0), self._usage.get("cache_creation_input_tokens", 0)
        fresh = self._usage.get("input_tokens", 0)  # neither read from the cache nor written to it
        output = self._usage.get("output_tokens", 0)
        return Usage(input=fresh + read + written, output=output, cached=read, cache_written=written)
