"""The answers of Gemini's streamGenerateContent, made into events. Pure: fed with one decoded chunk after another.

Calls come whole. On a call the model may put a signature of the thoughts that led to it, which it wants back with the
call: without it, models from 3 on refuse the next request.
"""

from __future__ import annotations

import secrets
from typing import Any

from antiphon.errors import BadRequest, Disconnected
from antiphon.providers.base import LlmEvent, TextDelta, Usage, Working
from antiphon.providers.http_errors import from_error
from antiphon.types import ToolCall

# The model got lost; the same request often succeeds. Every other end than these and _PROPER is a refusal.
_LOST = {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "OTHER"}
_PROPER = {"STOP", "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED"}


class GeminiStream:
    """Collects one answer. `finished` says why it ended ("STOP", "MAX_TOKENS" …), "" while it has not; `signatures`
    has those of calls, by the call's id."""

    def __init__(self) -> None:
        self.signatures: dict[str, str] = {}
        self.finished = ""
        self._calls: list[ToolCall] = []
        self._usage: Usage | None = None

    def feed(self, chunk: dict[str, Any]) -> list[LlmEvent]:
        """The text of one chunk, and the usage when it is first told. Calls come with `end`. Raises what the vendor
        reports."""
        if error := chunk.get("error"):
            raise from_error(error)
        if reason := (chunk.get("promptFeedback") or {}).get("blockReason"):
            raise BadRequest(f"the model refused the prompt: {reason}")
        events: list[LlmEvent] = self._count(chunk.get("usageMetadata"))
        for candidate in (chunk.get("candidates") or [])[:1]:
            for part in (candidate.get("content") or {}).get("parts") or []:
                events += self._part(part)
            self.finished = candidate.get("finishReason") or self.finished
        return events

    def end(self) -> list[LlmEvent]:
        """What is known only at the end of the answer. Raises Disconnected or BadRequest if it is no proper end."""
        if not self.finished:
            raise Disconnected("the answer broke off")
        if self.finished in _LOST:
            raise Disconnected(f"the model broke off: {self.finished}")
        if self.finished not in _PROPER:
            raise BadRequest(f"the model refused to answer: {self.finished}")
        return [*self._calls, self._usage] if self._usage else [*self._calls]

    def _part(self, part: dict[str, Any]) -> list[LlmEvent]:
        if call := part.get("functionCall"):
            call_id = call.get("id") or f"call_{secrets.token_hex(8)}"
            self._calls.append(ToolCall(call_id, call.get("name") or "", call.get("args") or {}))
            if signature := part.get("thoughtSignature"):
                self.signatures[call_id] = signature
            return [Working()]
        text = part.get("text") or ""
        if part.get("thought"):
            return [Working()]
        return [TextDelta(text)] if text else []

    def _count(self, counts: dict[str, Any] | None) -> list[LlmEvent]:
        """Every chunk counts from the beginning. Thoughts are paid for as what is said."""
        if not counts:
            return []
        first = self._usage is None
        self._usage = Usage(
            input=counts.get("promptTokenCount") or 0,
            output=(counts.get("candidatesTokenCount") or 0) + (counts.get("thoughtsTokenCount") or 0),
            cached=counts.get("cachedContentTokenCount") or 0,
        )
        return [self._usage] if first else []
