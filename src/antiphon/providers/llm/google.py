"""Gemini, through its own API.

Plain HTTP and server-sent events. The official client does not end the request when its stream is closed: the model
would go on, and be paid for, after every barge-in. And it costs nine times as much CPU for a token.
"""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from antiphon.errors import AuthError, ConfigError, Disconnected
from antiphon.providers.base import LlmCapabilities, LlmEvent, LlmRequest
from antiphon.providers.http_stream import HttpStream
from antiphon.providers.keys import find_key
from antiphon.providers.llm.gemini_stream import GeminiStream
from antiphon.types import Message, Role, ToolSpec

GEMINI_URL = "https://generativelanguage.googleapis.com"
UNSIGNED = "skip_thought_signature_validator"  # Google's word for a call that another model has made
SIGNATURES = 1000  # of the newest calls, of all sessions

# The least thinking a model accepts, by the beginning of its name; the first that fits. Others are not told.
_THINKING: tuple[tuple[str, dict[str, Any]], ...] = (
    ("gemini-2.5-flash", {"thinkingBudget": 0}),
    ("gemini-3.5-flash-lite", {"thinkingLevel": "MINIMAL"}),
    ("gemini-3", {"thinkingLevel": "LOW"}),
)
_THOUGHTS = 1024  # tokens: thoughts count as output, and must not use up what is to be said


class Gemini:
    """The LLM named "google/<model>" or "gemini/<model>", as in google/gemini-3.5-flash-lite.

    The key is `api_key`, else $GEMINI_API_KEY or $GOOGLE_API_KEY, which is sent only to Google itself or to the server
    named by $GOOGLE_GEMINI_BASE_URL. `first_timeout` is how long the first piece of an answer may take, `gap_timeout`
    each piece after it, in seconds. `thinking` is the request's thinkingConfig; None: the least that the model takes.
    `extra` is added to the body of every request; None as a value takes a field out.
    """

    weights: tuple[str, ...] = ()

    def __init__(
        self,
        model: str = "",
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        api_version: str = "v1",
        context_window: int = 1_000_000,
        first_timeout: float = 5.0,
        gap_timeout: float = 5.0,
        thinking: dict[str, Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        if not model:
            raise ConfigError("google: name a model, as in google/gemini-3.5-flash-lite")
        self.name = f"google/{model}"
        self.capabilities = LlmCapabilities(tools=True, context_window=context_window)
        self._model = model
        self._key = api_key if base_url else find_key(api_key, "GEMINI_API_KEY", "GOOGLE_API_KEY")
        self._url = (base_url or os.environ.get("GOOGLE_GEMINI_BASE_URL") or GEMINI_URL).rstrip("/")
        self._http = HttpStream(
            f"{self._url}/{api_version}",
            stage="llm",
            provider=self.name,
            headers=self._headers,
            first_timeout=first_timeout,
            gap_timeout=gap_timeout,
        )
        self._thinking = thinking
        if thinking is None:
            self._thinking = next((value for name, value in _THINKING if model.startswith(name)), None)
        self._extra = extra or {}
        self._signs = not model.startswith(("gemini-1", "gemini-2"))
        self._signatures: OrderedDict[str, str] = OrderedDict()  # by the id of the call, oldest first

    async def warm(self) -> None:
        """Opens a connection and proves the key, by asking about the model. Raises ProviderError."""
        await self._http.probe(f"/models/{self._model}", forgive=(405,))

    async def rewarm(self) -> None:
        """Opens a connection where none is idle: an answer that was cut off has taken its connection with it."""
        await self._http.rewarm(f"/models/{self._model}")

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        """Yields the input's usage, text as it comes, then the tool calls, then the whole usage."""
        path = f"/models/{self._model}:streamGenerateContent?alt=sse"
        async with self._http.post(path, self._body(request)) as answer:
            gemini = GeminiStream()
            async with aclosing(answer.events()) as events:
                async for data in events:
                    for event in gemini.feed(_chunk(data)):
                        yield event
            self._remember(gemini.signatures)
            for event in gemini.end():
                yield event

    async def aclose(self) -> None:
        """Closes every connection. Answers under way fail with Disconnected."""
        await self._http.aclose()

    def _remember(self, signatures: dict[str, str]) -> None:
        """They are this model's alone: another would refuse them, which is why they are no part of the history."""
        self._signatures |= signatures
        while len(self._signatures) > SIGNATURES:
            self._signatures.popitem(last=False)

    def _headers(self) -> dict[str, str]:
        if not self._key and self._url == GEMINI_URL:
            raise AuthError("there is no key; set GEMINI_API_KEY or api_key")
        return {"x-goog-api-key": self._key} if self._key else {}

    def _body(self, request: LlmRequest) -> dict[str, Any]:
        messages = request.messages
        system = [message.text for message in messages[:1] if message.role is Role.SYSTEM]
        thinks = self._thinking and self._thinking.get("thinkingBudget") != 0
        generation = {
            "maxOutputTokens": request.max_tokens + (_THOUGHTS if thinks else 0),
            "temperature": request.temperature,
            "thinkingConfig": self._thinking,
        }
        body: dict[str, Any] = {
            "contents": self._contents(messages[len(system) :]),
            "systemInstruction": {"parts": [{"text": system[0]}]} if system else None,
            "tools": [{"functionDeclarations": [_tool(tool) for tool in request.tools]}] if request.tools else None,
            "generationConfig": {name: value for name, value in generation.items() if value is not None},
        }
        return {name: value for name, value in (body | self._extra).items() if value is not None}

    def _contents(self, messages: tuple[Message, ...]) -> list[dict[str, Any]]:
        """The conversation, in turns of the user and the model, of which the first is the user's. Instructions in the
        middle are the user's, marked as what they are."""
        names = {call.call_id: call.name for message in messages for call in message.tool_calls}
        turns: list[dict[str, Any]] = []
        for message in messages:
            role = "model" if message.role is Role.ASSISTANT else "user"
            parts = self._parts(message, names)
            if not turns and role == "model":
                turns.append({"role": "user", "parts": [{"text": "(The call begins.)"}]})
            if turns and turns[-1]["role"] == role:
                turns[-1]["parts"] += parts
            elif parts:
                turns.append({"role": role, "parts": parts})
        return turns

    def _parts(self, message: Message, names: dict[str, str]) -> list[dict[str, Any]]:
        text = f"<system>{message.text}</system>" if message.role is Role.SYSTEM else message.text
        if message.role is Role.TOOL:
            call_id = message.call_id or ""
            answer = {"id": call_id, "name": names.get(call_id, ""), "response": {"result": text}}
            return [{"functionResponse": answer}]
        parts: list[dict[str, Any]] = [{"text": text}] if text.strip() else []
        for number, call in enumerate(message.tool_calls):
            part: dict[str, Any] = {"functionCall": {"id": call.call_id, "name": call.name, "args": call.arguments}}
            # Of calls made side by side only the first is signed.
            signature = self._signatures.get(call.call_id) or (UNSIGNED if self._signs and number == 0 else None)
            parts.append(part | ({"thoughtSignature": signature} if signature else {}))
        return parts


def _chunk(data: str) -> dict[str, Any]:
    try:
        chunk = json.loads(data)
    except ValueError:
        chunk = None
    if not isinstance(chunk, dict):
        raise Disconnected(f"the server sent what is no chunk: {data[:80]!r}")
    return chunk


def _tool(tool: ToolSpec) -> dict[str, Any]:
    """JSON Schema as it is, by the field made for it: `parameters` takes but a part of OpenAPI's."""
    declaration: dict[str, Any] = {"name": tool.name, "description": tool.description}
    return declaration | ({"parametersJsonSchema": tool.parameters} if tool.parameters else {})
