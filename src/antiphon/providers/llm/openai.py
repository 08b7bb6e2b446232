"""Language models behind the chat completions protocol: OpenAI, and every server that speaks it (Ollama, vLLM,
llama.cpp, Groq …) through `base_url`.

Plain HTTP/1.1 and server-sent events: it is a fifth of the SDK's cost for a token, and closing the connection is a stop
that every server understands. HTTP/2 is not used, because its streams are not reset when they are left.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

import httpx2

from antiphon.errors import AuthError, ConfigError, Disconnected, ProviderError, ProviderTimeout
from antiphon.providers.base import LlmCapabilities, LlmEvent, LlmRequest
from antiphon.providers.http_errors import from_error, from_status, from_transport
from antiphon.providers.llm.chat_stream import ChatStream
from antiphon.providers.sse import SseDecoder
from antiphon.types import Message, Role, ToolSpec

OPENAI_URL = "https://api.openai.com/v1"
_LIMITS = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=300.0)
_CONNECT_TIMEOUT = 2.0  # seconds
_DRAIN = 0.2  # seconds for the end of an answer to arrive, so that its connection can be used again


class OpenAI:
    """The LLM named "openai/<model>".

    `base_url` ends in "/v1" for most servers. The key is `api_key`; without it $OPENAI_API_KEY, but only for OpenAI
    itself or for the server named by $OPENAI_BASE_URL: other servers are not sent a key that is not theirs.
    `first_timeout` is how long the first piece of an answer may take, `gap_timeout` each piece after it, in seconds.
    `extra` is added to the body of every request, for what only some servers know; None as a value takes a field out.
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
    ) -> None:
        if not model:
            raise ConfigError("openai: name a model, as in openai/gpt-6-luna")
        self.name = f"openai/{model}"
        self.capabilities = LlmCapabilities(tools=True, context_window=context_window)
        self._model = model
        self._url = (base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL).rstrip("/")
        self._official = self._url == OPENAI_URL
        self._key = api_key if api_key or base_url else os.environ.get("OPENAI_API_KEY")
        # A server of one's own may have to load the model first.
        self._first_timeout = first_timeout or (5.0 if self._official else 30.0)
        self._gap_timeout = gap_timeout
        self._extra = extra or {}
        self._client: httpx2.AsyncClient | None = None

    async def warm(self) -> None:
        """Opens a connection and proves the key, by asking for the list of models. Raises ProviderError.

        To be called again when speech starts: an answer that was cut off has taken its connection with it.
        """
        try:
            response = await self._http().get("/models", headers=self._headers())
        except httpx2.HTTPError as error:
            raise self._blame(from_transport(error), None) from error
        if response.status_code not in (200, 404, 405):  # not every server has that list
            raise self._blame(from_status(response.status_code, response.content, response.headers), None)

    async def stream(self, request: LlmRequest) -> AsyncIterator[LlmEvent]:
        """Yields text as it comes, then the tool calls, then the usage where the server tells it."""
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._first_timeout):
                response = await self._post(request)
            async with aclosing(response), aclosing(response.aiter_bytes()) as received:
                async with aclosing(self._events(received, began + self._first_timeout)) as events:
                    async for event in events:
                        yield event
                await _drain(received)
        except TimeoutError as error:
            raise self._blame(ProviderTimeout("no answer in time"), began) from error
        except httpx2.HTTPError as error:
            raise self._blame(from_transport(error), began) from error
        except ProviderError as error:
            raise self._blame(error, began) from error.__cause__

    async def aclose(self) -> None:
        """Closes every connection. Answers under way fail with Disconnected."""
        if self._client is not None:
            await self._client.aclose()

    async def _post(self, request: LlmRequest) -> httpx2.Response:
        """The response, its body still to come. Raises what a status other than 200 means."""
        client = self._http()
        headers, body = self._headers(), self._body(request)
        response = await client.send(
            client.build_request("POST", "/chat/completions", json=body, headers=headers), stream=True
        )
        if response.status_code == 200:
            return response
        async with aclosing(response):
            raise from_status(response.status_code, await response.aread(), response.headers)

    async def _events(self, received: AsyncIterator[bytes], deadline: float) -> AsyncGenerator[LlmEvent, None]:
        decoder, answer = SseDecoder(), ChatStream()
        loop = asyncio.get_running_loop()
        wait, ended = deadline - loop.time(), False
        while not ended:
            try:
                async with asyncio.timeout(wait):
                    data = decoder.feed(await anext(received))
            except StopAsyncIteration:
                data, ended = decoder.end(), True
            except UnicodeDecodeError as error:
                raise Disconnected("the server sent what is no text") from error
            for item in data:
                wait = self._gap_timeout
                if ended := item == "[DONE]":
                    break
                for event in answer.feed(_chunk(item)):
                    yield event
        if not answer.finished and (not data or data[-1] != "[DONE]"):
            raise Disconnected("the answer broke off")
        for event in answer.end():
            yield event

    def _http(self) -> httpx2.AsyncClient:
        if self._client is None:
            slowest = max(self._first_timeout, self._gap_timeout)
            timeout = httpx2.Timeout(slowest, connect=_CONNECT_TIMEOUT, pool=_CONNECT_TIMEOUT)
            self._client = httpx2.AsyncClient(base_url=self._url, limits=_LIMITS, timeout=timeout, http2=False)
        return self._client

    def _headers(self) -> dict[str, str]:
        if self._key:
            return {"Authorization": f"Bearer {self._key}", "Accept-Encoding": "identity"}
        if self._official:
            raise self._blame(AuthError("there is no key; set OPENAI_API_KEY or api_key"), None)
        return {"Accept-Encoding": "identity"}

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

    def _blame(self, error: ProviderError, began: float | None) -> ProviderError:
        error.stage, error.provider = "llm", self.name
        if began is not None:
            error.elapsed = asyncio.get_running_loop().time() - began
        return error


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


async def _drain(received: AsyncIterator[bytes]) -> None:
    with suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(_DRAIN):
            async for _ in received:
                pass


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
