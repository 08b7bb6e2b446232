"""Language models behind the chat completions protocol: OpenAI, and every server that speaks it.

Plain HTTP/1.1 and server-sent events: it is a fifth of the SDK's cost for a token.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx2

from antiphon.errors import AuthError, ConfigError, Disconnected
from antiphon.providers.base import LlmCapabilities, LlmEvent, LlmRequest
from antiphon.providers.http_errors import from_error
from antiphon.providers.http_stream import HttpAnswer, HttpStream
from antiphon.providers.keys import find_key
from antiphon.providers.llm.chat_servers import COMPATIBLE, SERVERS
from antiphon.providers.llm.chat_stream import ChatStream
from antiphon.types import Message, Role, ToolSpec


class OpenAI:
    """The LLM named "openai/<model>"; and "groq/…", "ollama/…", "vllm/…" and "llamacpp/…", which are at home elsewhere.

    `base_url` is another address of the server; it ends in "/v1" as a rule. `server` says what kind of server it is, as
    a name of `SERVERS`; `flags` what is special about it: {"usage": False, "stream_tools": False}. The key is
    `api_key`, else that of the environment, which is sent only to the vendor itself, or to the server named by
    $OPENAI_BASE_URL.
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
        server: str = "openai",
        flags: Mapping[str, Any] | None = None,
        context_window: int | None = None,
        first_timeout: float | None = None,
        gap_timeout: float = 5.0,
        extra: Mapping[str, Any] | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        if server not in SERVERS:
            raise ConfigError(f"openai: no kind of server is called {server!r}; there are: {', '.join(SERVERS)}")
        if not model:
            raise ConfigError(f"{server}: name a model, as in openai/gpt-6-luna")
        self.name = f"{server}/{model}"
        self._model = model
        home = SERVERS[server]
        named = os.environ.get("OPENAI_BASE_URL") if server == "openai" else None
        self._url = (base_url or named or home.url).rstrip("/")
        is_home = self._url == home.url
        # Behind another address than OpenAI's own is some server that speaks its protocol.
        self._server = (COMPATIBLE if server == "openai" and not is_home else home).with_flags(flags or {})
        self.capabilities = LlmCapabilities(
            tools=self._server.tools,
            context_window=context_window or self._server.context_window,
            own_machine=self._url.startswith("http://"),  # a vendor's would be encrypted
        )
        self.billed_as = self.name if is_home else f"{urlsplit(self._url).hostname}/{model}"
        self._key = api_key if base_url else find_key(api_key, *home.key_names)
        self._keyless = f"there is no key; set {home.key_names[0]} or api_key" if is_home and home.key_names else ""
        self._http = HttpStream(
            self._url,
            stage="llm",
            provider=self.name,
            headers=self._headers,
            first_timeout=first_timeout or (5.0 if is_home and home.key_names else 30.0),  # one of one's own may load
            gap_timeout=gap_timeout,
            transport=transport,
        )
        self._extra = extra or {}

    async def warm(self) -> None:
        """Opens a connection and proves the key, by asking for the list of models. Raises ProviderError."""
        await self._http.probe("/models", forgive=(404, 405))  # not every server has that list

    async def rewarm(self) -> None:
        """Opens a connection where none is idle: an answer that was cut off has taken its connection with it."""
        await self._http.rewarm("/models")

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        """Yields text as it comes, then the tool calls, then the usage where the server tells it."""
        body = self._body(request)
        async with self._http.post("/chat/completions", body) as answer:
            chat = ChatStream()
            chunks = _chunks(answer) if body["stream"] else _whole(answer)
            async with aclosing(chunks):
                async for chunk in chunks:
                    for event in chat.feed(chunk):
                        yield event
            if not chat.finished and not answer.complete:
                raise Disconnected("the answer broke off")
            for event in chat.end():
                yield event

    async def aclose(self) -> None:
        """Closes every connection. Answers under way fail with Disconnected."""
        await self._http.aclose()

    def _headers(self) -> dict[str, str]:
        if self._key:
            return {"Authorization": f"Bearer {self._key}"}
        if self._keyless:
            raise AuthError(self._keyless)
        return {}

    def _body(self, request: LlmRequest) -> dict[str, Any]:
        server = self._server
        stream = server.stream_tools or not request.tools
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [_message(message) for message in request.messages],
            "stream": stream,
            "stream_options": {"include_usage": True} if server.usage and stream else None,
            server.limit: request.max_tokens,
            "temperature": request.temperature,
            "tools": [_tool(tool) for tool in request.tools] if request.tools and server.tools else None,
            **server.quieting(self._model),
            **self._extra,
        }
        return {name: value for name, value in body.items() if value is not None}


async def _chunks(answer: HttpAnswer) -> AsyncGenerator[dict[str, Any], None]:
    """The stream, piece by piece."""
    async with aclosing(answer.events(last=_is_done)) as events:
        async for data in events:
            if not _is_done(data):
                yield _chunk(data)


async def _whole(answer: HttpAnswer) -> AsyncGenerator[dict[str, Any], None]:
    """An answer that was not streamed, as the one piece of a stream."""
    async with aclosing(answer.pieces()) as pieces:
        received = b"".join([piece async for piece in pieces])
    chunk = _chunk(received.decode("utf-8", "replace"))
    yield {**chunk, "choices": [{**choice, "delta": choice.get("message")} for choice in chunk.get("choices") or []]}


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


groq = partial(OpenAI, server="groq")
ollama = partial(OpenAI, server="ollama")
vllm = partial(OpenAI, server="vllm")
llamacpp = partial(OpenAI, server="llamacpp")
