"""Claude, through Anthropic's Messages API.

Plain HTTP and server-sent events, as everywhere here: the official client keeps an idle connection for 5 s only, takes
over a second to import, and retries by itself while a caller waits.

What the API of 2026-10-21 demands, and the providers before it did not: no sampling parameters, no answer begun for the
model, the system prompt apart from the messages, and thinking, which some models begin with unless told otherwise. A
thought is bound to the exact text around it, and an answer of which only half was heard is cut: so thoughts are not
sent back.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from antiphon.errors import AuthError, ConfigError, Disconnected
from antiphon.providers.base import LlmCapabilities, LlmEvent, LlmRequest
from antiphon.providers.http_stream import HttpStream
from antiphon.providers.keys import find_key
from antiphon.providers.llm.messages_stream import MessagesStream
from antiphon.types import Message, Role, ToolSpec

ANTHROPIC_URL = "https://api.anthropic.com"
VERSION = "2026-10-21"
_CACHE = {"type": "ephemeral"}  # for 5 minutes from its last use: longer than a turn

# What thinking is set to, by the beginning of the model's name: the least that it accepts. Others are not told.
_THINKING = {"claude-haiku-5": {"type": "disabled"}, "claude-sonnet-5": {"type": "between_tools"}}


class Anthropic:
    """The LLM named "anthropic/<model>", as in anthropic/claude-haiku-4-5-20251001.

    The key is `api_key`, else $ANTHROPIC_API_KEY, which is sent only to Anthropic itself or to the server named by
    $ANTHROPIC_BASE_URL. `base_url` has no "/v1" at its end. `first_timeout` is how long the first piece of an answer
    may take, `gap_timeout` each piece after it, in seconds. `extra` is added to the body of every request, as in
    {"inference_geo": "us"} or {"speed": "fast"}; None as a value takes a field out.
    """

    weights: tuple[str, ...] = ()

    def __init__(
        self,
        model: str = "",
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        context_window: int = 200_000,
        first_timeout: float = 5.0,
        gap_timeout: float = 5.0,
        extra: dict[str, Any] | None = None,
    ) -> None:
        if not model:
            raise ConfigError("anthropic: name a model, as in anthropic/claude-haiku-5-5")
        self.name = f"anthropic/{model}"
        self.capabilities = LlmCapabilities(tools=True, context_window=context_window)
        self._model = model
        self._key = api_key if base_url else find_key(api_key, "ANTHROPIC_API_KEY")
        self._url = (base_url or os.environ.get("ANTHROPIC_BASE_URL") or ANTHROPIC_URL).rstrip("/")
        self._http = HttpStream(
            self._url,
            stage="llm",
            provider=self.name,
            headers=self._headers,
            first_timeout=first_timeout,
            gap_timeout=gap_timeout,
        )
        self._extra = extra or {}

    async def warm(self) -> None:
        """Opens a connection and proves the key, by asking for the list of models. Raises ProviderError."""
        await self._http.probe("/v1/models?limit=1", forgive=(404, 405))

    async def rewarm(self) -> None:
        """Opens a connection where none is idle: an answer that was cut off has taken its connection with it."""
        await self._http.rewarm("/v1/models?limit=1")

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        """Yields the input's usage, text as it comes, then the tool calls, then the whole usage."""
        async with self._http.post("/v1/messages", self._body(request)) as answer:
            message = MessagesStream()
            async with aclosing(answer.events(last=_is_stop)) as events:
                async for data in events:
                    for event in message.feed(_event(data)):
                        yield event
            if not message.complete:
                raise Disconnected("the answer broke off")
            for event in message.end():
                yield event

    async def aclose(self) -> None:
        """Closes every connection. Answers under way fail with Disconnected."""
        await self._http.aclose()

    def _headers(self) -> dict[str, str]:
        if not self._key and self._url == ANTHROPIC_URL:
            raise AuthError("there is no key; set ANTHROPIC_API_KEY or api_key")
        key = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        return {"anthropic-version": VERSION, **key}

    def _body(self, request: LlmRequest) -> dict[str, Any]:
        """The request. What stays the same from turn to turn is marked for the prompt cache: the tools, the system
        prompt, and the history but for the instructions that hold for this one reply."""
        prompt, history = _split(request.messages)
        thinking = next((value for name, value in _THINKING.items() if self._model.startswith(name)), None)
        body: dict[str, Any] = {
            "model": self._model,
            "max_tokens": request.max_tokens,
            "stream": True,
            "system": [{"type": "text", "text": prompt, "cache_control": _CACHE}] if prompt else None,
            "tools": _tools(request.tools) or None,
            "messages": _messages(history),
            "thinking": thinking,
        }
        return {name: value for name, value in (body | self._extra).items() if value is not None}


def _is_stop(data: str) -> bool:
    return '"message_stop"' in data and json.loads(data).get("type") == "message_stop"


def _event(data: str) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise Disconnected(f"the server sent what is no event: {data[:80]!r}")
    return event


def _split(messages: tuple[Message, ...]) -> tuple[str, tuple[Message, ...]]:
    """The system prompt, which is what stands before anything is said, and the rest."""
    count = next((i for i, message in enumerate(messages) if message.role is not Role.SYSTEM), len(messages))
    return "\n\n".join(message.text for message in messages[:count]), messages[count:]


def _messages(history: tuple[Message, ...]) -> list[dict[str, Any]]:
    """The conversation, in turns of the user and the assistant; it may not begin or end with the assistant's.

    A tool's result is the user's. Instructions in the middle are the user's too, marked as what they are: only the
    newest models take a system message there.
    """
    turns: list[dict[str, Any]] = []
    kept: dict[str, Any] = {}  # the last block that the next request will have too
    for message in history:
        role, blocks = _blocks(message)
        if not blocks:
            continue
        if not turns and role == "assistant":
            turns.append({"role": "user", "content": [_text("(The call begins.)")]})
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
        if message.role is not Role.SYSTEM:
            kept = turns[-1]["content"][-1]
    if turns and turns[-1]["role"] == "assistant":
        turns.append({"role": "user", "content": [_text("(Go on.)")]})
    kept["cache_control"] = _CACHE
    return turns


def _blocks(message: Message) -> tuple[str, list[dict[str, Any]]]:
    """Whose turn a message belongs to, and its content, in which no text may be empty."""
    said = [_text(message.text)] if message.text.strip() else []
    match message.role:
        case Role.ASSISTANT:
            calls = message.tool_calls
            uses = [{"type": "tool_use", "id": c.call_id, "name": c.name, "input": c.arguments} for c in calls]
            return "assistant", [*said, *uses]
        case Role.TOOL:
            return "user", [{"type": "tool_result", "tool_use_id": message.call_id or "", "content": message.text}]
        case Role.SYSTEM:
            return "user", [_text(f"<system>{message.text}</system>")] if said else []
        case Role.USER:
            return "user", said


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _tools(tools: tuple[ToolSpec, ...]) -> list[dict[str, Any]]:
    wire: list[dict[str, Any]] = [
        {
            "name": tool.name,
            "description": tool.description,
            "input_schema": tool.parameters or {"type": "object", "properties": {}},
            "eager_input_streaming": True,  # else a call in the writing is silent, as a stall is
        }
        for tool in tools
    ]
    if wire:
        wire[-1]["cache_control"] = _CACHE
    return wire
