"""HTTP for vendors whose answers stream: the pool, the timeouts and the blame, the same for all of them.

Plain HTTP/1.1: closing the connection is a stop that every server understands, where HTTP/2 does not reset a stream
that is left. The pool keeps a connection through the silence between two turns, which is longer than the 5 s that the
vendors' own clients allow. Answers come uncompressed: a compressed stream waits for its window to fill.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from antiphon.errors import Disconnected, ProviderError, ProviderTimeout
from antiphon.providers.connections import Connections
from antiphon.providers.http_errors import from_status, from_transport
from antiphon.providers.sse import SseDecoder

log = logging.getLogger("antiphon.providers")

IDLE = 300.0  # seconds a connection is kept while nothing is asked
CONNECT_TIMEOUT = 2.0  # seconds, for the connection and again for TLS
DRAIN = 0.2  # seconds for the end of an answer to arrive, so that its connection can be used again
_LIMITS = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=IDLE)


@dataclass(frozen=True, slots=True)
class Form:
    """A body that is no JSON: fields, some of them repeated, and files by their field: name, content and type."""

    fields: Mapping[str, str | list[str]]
    files: Mapping[str, tuple[str, bytes, str]]


class HttpStream:
    """One vendor's HTTP. Whatever goes wrong is a ProviderError with its stage, its provider and the time it took.

    `headers` is called for each request, and may raise a ProviderError: that is where a missing key is told. `auth`,
    for vendors whose requests are signed, sees each request whole, and may raise likewise.
    `first_timeout` is how long the first piece of an answer may take, `gap_timeout` each piece after it, in seconds.
    `transport` makes the connections instead of the pool's own.
    """

    def __init__(
        self,
        url: str,
        *,
        stage: str,
        provider: str,
        headers: Callable[[], Mapping[str, str]] = dict,
        auth: httpx2.Auth | None = None,
        first_timeout: float,
        gap_timeout: float,
        connect_timeout: float = CONNECT_TIMEOUT,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url
        self._stage = stage
        self._provider = provider
        self._headers = headers
        self._auth = auth
        self._first_timeout = first_timeout
        self._gap_timeout = gap_timeout
        self._connect_timeout = connect_timeout
        self._transport = transport
        self._client: httpx2.AsyncClient | None = None
        self._making = asyncio.Lock()
        self._closed = False
        self._connections = Connections()

    async def probe(self, path: str, *, forgive: tuple[int, ...] = ()) -> httpx2.Response:
        """Opens a connection, if none is idle, and proves the key, by a GET. A status in `forgive` is no error."""
        began = asyncio.get_running_loop().time()
        try:
            client = await self._http()
            self._connections.taken()
            with self._connections.ahead() as opening:
                response = await client.get(path, headers=self._all_headers(), extensions={"trace": opening.trace})
            if response.status_code == 200 or response.status_code in forgive:
                return response
            raise from_status(response.status_code, response.content, response.headers)
        except httpx2.HTTPError as error:
            raise self.blame(from_transport(error), began) from error
        except ProviderError as error:
            raise self.blame(error, began) from error.__cause__

    async def rewarm(self, path: str) -> None:
        """Sees to it that the next request finds a connection open, by a GET if need be. Never raises."""
        if self._connections.ready or self._connections.opening:
            return
        try:
            await self.probe(path)
        except ProviderError as error:
            log.info("no connection was opened ahead: %s", error)

    @asynccontextmanager
    async def post(self, path: str, body: Any) -> AsyncIterator[HttpAnswer]:
        """Sends `body` as JSON, or as the Form that it is. Leaving the block before the answer has ended closes the
        connection, and so stops the vendor. Also what is raised inside the block is blamed on the vendor, if it is a
        ProviderError."""
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._first_timeout):
                response = await self._send(path, body)
            async with aclosing(response), aclosing(response.aiter_bytes()) as received:
                answer = HttpAnswer(
                    received,
                    content_type=response.headers.get("content-type", "").partition(";")[0].strip().lower(),
                    deadline=began + self._first_timeout,
                    gap=self._gap_timeout,
                )
                yield answer
                if answer.ended and await _drain(received):
                    self._connections.free()
        except TimeoutError as error:
            raise self.blame(ProviderTimeout("no answer in time"), began) from error
        except httpx2.HTTPError as error:
            raise self.blame(from_transport(error), began) from error
        except ProviderError as error:
            raise self.blame(error, began) from error.__cause__

    async def aclose(self) -> None:
        """Closes every connection. Answers under way fail with Disconnected."""
        self._closed = True
        if self._client is not None:
            await self._client.aclose()

    def blame(self, error: ProviderError, began: float | None = None) -> ProviderError:
        """The error, saying whose it is. `began`: the loop's time at which the request was made."""
        error.stage, error.provider = self._stage, self._provider
        if began is not None:
            error.elapsed = asyncio.get_running_loop().time() - began
        return error

    async def _send(self, path: str, body: Any) -> httpx2.Response:
        """The response, its body still to come. Raises what a status other than 200 means."""
        client = await self._http()
        await self._connections.soon()
        self._connections.taken()
        form = isinstance(body, Form)
        content = {"data": body.fields, "files": body.files} if form else {"json": body}
        request = client.build_request("POST", path, headers=self._all_headers(), **content)
        response = await client.send(request, stream=True)
        if response.status_code == 200:
            return response
        async with aclosing(response):
            raise from_status(response.status_code, await response.aread(), response.headers)

    def _all_headers(self) -> dict[str, str]:
        return {"Accept-Encoding": "identity", **self._headers()}

    async def _http(self) -> httpx2.AsyncClient:
        async with self._making:
            if self._client is None:  # reading the certificates takes a tenth of a second
                self._client = await asyncio.get_running_loop().run_in_executor(None, self._new_client)
            if self._closed:
                raise Disconnected("the provider was closed")
            return self._client

    def _new_client(self) -> httpx2.AsyncClient:
        slowest = max(self._first_timeout, self._gap_timeout)
        timeout = httpx2.Timeout(slowest, connect=self._connect_timeout, pool=self._connect_timeout)
        return httpx2.AsyncClient(
            base_url=self._url,
            auth=self._auth,
            limits=_LIMITS,
            timeout=timeout,
            http2=False,
            transport=self._transport,
        )


class HttpAnswer:
    """An answer under way. `ended`: its last piece has come, and the connection may be used again. `content_type` has
    no parameters, and is lower case."""

    def __init__(self, received: AsyncIterator[bytes], *, content_type: str, deadline: float, gap: float) -> None:
        self.content_type = content_type
        self._received = received
        self._deadline = deadline  # loop time by which the next piece must come
        self._gap = gap
        self._loop = asyncio.get_running_loop()
        self.ended = False
        self.complete = False  # the event that is the last one has come

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes."""
        while not self.ended:
            if piece := await self._next():
                self._deadline = self._loop.time() + self._gap
                yield piece
                self._deadline = self._loop.time() + self._gap  # the time that whoever listens took is not the vendor's

    async def events(self, *, last: Callable[[str], bool] = lambda data: False) -> AsyncGenerator[str, None]:
        """The data of each server-sent event. Ends with the one that is `last`, or with the body. Comments, and what
        is no event, do not count as progress."""
        decoder = SseDecoder()
        while not self.ended:
            received = await self._next()
            try:
                events = decoder.end() if self.ended else decoder.feed(received)
            except UnicodeDecodeError as error:
                raise Disconnected("the server sent what is no text") from error
            for data in events:
                over = last(data)
                self.ended |= over
                self.complete |= over
                yield data
                self._deadline = self._loop.time() + self._gap
                if over:
                    return

    async def _next(self) -> bytes:
        try:
            async with asyncio.timeout_at(self._deadline):
                return await anext(self._received)
        except StopAsyncIteration:
            self.ended = True
            return b""


async def _drain(received: AsyncIterator[bytes]) -> bool:
    """Whether the answer came to its end, and its connection is free."""
    try:
        async with asyncio.timeout(DRAIN):
            async for _ in received:
                pass
    except (TimeoutError, httpx2.HTTPError):
        return False
    return True
