"""Language models behind the chat completions protocol: OpenAI, and every server that speaks it (Ollama, vLLM,
llama.cpp, Groq …) through `base_url`.

Plain HTTP/1.1 and server-sent events: it is a fifth of the SDK's cost for a token.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit

import httpx2

from antiphon.errors import AuthError, ConfigError, Disconnected
from antiphon.providers.base import LlmCapabilities, LlmEvent, LlmRequest
from antiphon.providers.http_errors import from_error
from antiphon.providers.http_stream import HttpStream
from antiphon.providers.llm.chat_stream import ChatStream
from antiphon.types import Message, Role, ToolSpec

OPENAI_URL = "https://api.openai.com/v1"


class OpenAI:
    """The LLM named "openai/<model>".

    `base_url` ends in "/v1" for most servers. The key is `api_key`; without it $OPENAI_API_KEY, but only for OpenAI
    itself or for the server named by $OPENAI_BASE_URL: other servers are not sent a key that is not theirs.
    `first_timeout` is how long the first piece of an answer may take, `gap_timeout` each piece after it, in seconds.
    `extra` is added to the body of every request, for what only some servers know; None as a value takes a field out.
    `transport` makes the connections instead of a pool of its own.
    """

    weights: tuple[str, ...] = ()

    def __init__(
        self,
        model: str = "",
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        context_window: int = 128_000,
        first_timeout: float | None = None,
        gap_timeout: float = 5.0,
        extra: dict[str, Any] | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        if not model:
            raise ConfigError("openai: name a model, as in openai/gpt-6-luna")
        self.name = f"openai/{model}"
        self._model = model
        self._url = (base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL).rstrip("/")
        own_machine = self._url.startswith("http://")  # a vendor's would be encrypted
        self.capabilities = LlmCapabilities(tools=True, context_window=context_window, own_machine=own_machine)
        self._official = self._url == OPENAI_URL
        self.billed_as = self.name if self._official else f"{urlsplit(self._url).hostname}/{model}"
        self._key = api_key if api_key or base_url else os.environ.get("OPENAI_API_KEY")
        # A server of one's own may have to load the model first.
        slow = 5.0 if self._official else 30.0
        self._http = HttpStream(
            self._url,
            stage="llm",
            provider=self.name,
            headers=self._headers,
            first_timeout=first_timeout or slow,
            gap_timeout=gap_timeout,
            transport=transport,
        )
        self._extra = extra or {}

    async def warm(self) -> None:
        """Opens a connection and proves the key, by asking for the list of models. Raises ProviderError.

        To be called again when speech starts: an answer that was cut off has taken its connection with it.
        """
        await self._http.probe("/models", forgive=(404, 405))  # not every server has that list

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        """Yields text as it comes, then the tool calls, then the usage where the server tells it."""
        async with self._http.post("/chat/completions", self._body(request)) as answer:
            chat, done = ChatStream(), False
            async with aclosing(answer.events(last=_is_done)) as events:
                async for data in events:
                    if done := _is_done(data):
                        break
                    for event in chat.feed(_chunk(data)):
                        yield event
            if not chat.finished and not done:
                raise Disconnected("the answer broke off")
            for event in chat.end():
                yield event

    async def aclose(self) -> None:
        """Closes every connection. Answers under way fail with Disconnected."""
        await self._http.aclose()

    def _headers(self) -> dict[str, str]:
        if self._key:
            return {"Authorization": f"Bearer {self._key}"}
        if self._official:
            raise AuthError("there is no key; set OPENAI_API_KEY or api_key")
        return {}

    def _body(self, request: LlmRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [_message(message) for message in request.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_completion_tokens" if self._official else "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "tools": [_tool(tool) for tool in request.tools] or None,
            # Thinking takes seconds; and these models call tools here only when they do not think.
            "reasoning_effort": "none" if self._official and self._model.startswith("gpt-6") else None,
        }
        return {name: value for name, value in (body | self._extra).items() if value is not None}


def _is_done(data: str) -> bool:
    return data == "[DONE]"


def _chunk(data: str) -> dict[str, Any]:
    """One event of the stream. Raises what the server reports in it."""
    try:
        chunk = json.loads(data)
    except ValueError:
        chunk = None
    if not isinstance(chunk, dict):
        raise Disconnected(f"the server sent what is no chunk: {data[:80]!r}")
    if error := chunk.get("error"):
        raise from_error(error)
    return chunk


def _message(message: Message) -> dict[str, Any]:
    if message.role is Role.TOOL:
        return {"role": "tool", "tool_call_id": message.call_id or "", "content": message.text}
    wire: dict[str, Any] = {"role": message.role.value, "content": message.text}
    if message.tool_calls:
        wire["content"] = message.text or None
        wire["tool_calls"] = [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for call in message.tool_calls
        ]
    return wire


def _tool(tool: ToolSpec) -> dict[str, Any]:
    parameters = tool.parameters or {"type": "object", "properties": {}}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}
