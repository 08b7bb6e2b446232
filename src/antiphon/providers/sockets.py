"""One WebSocket to a vendor: opened in the background, never waited for by who sends, bounded in time, and failing only
in the error tree.

A `Socket` has one life. Whoever keeps one for later looks at `alive` before using it again, and makes another when it
is not. Compression is off: audio does not shrink. A proxy of the environment is used, except for this machine itself.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from antiphon.errors import (
    AuthError,
    BadRequest,
    Disconnected,
    Overloaded,
    ProviderError,
    ProviderTimeout,
)
from antiphon.providers.http_errors import from_status

CONNECT_TIMEOUT = 2.0  # seconds for TCP, TLS and the handshake together
_PING_EVERY = 5.0  # seconds; as long again without an answer, and the connection counts as broken
_CLOSE_TIMEOUT = 0.5  # seconds for the other side to agree that it is over
_MOST_WAITING = 4 << 20  # bytes not yet taken by the other side: two minutes of audio at 16 kHz
_LONGEST_MESSAGE = 16 << 20  # bytes
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}

# Its own logger, for trouble only: at DEBUG the library writes the headers of the handshake, and with them the key.
_log = logging.getLogger("antiphon.sockets")
_log.setLevel(logging.WARNING)

# What a vendor means by closing with a code of its own; None: nothing special.
Closing = Callable[[int, str], ProviderError | None]


class Socket:
    """Made inside a running event loop, and connecting from then on.

    `closing` gives the error for a close code and its reason where the vendor has its own meaning for it. Every failure
    is raised by `opened` and `receive`, and only there.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        closing: Closing | None = None,
    ) -> None:
        self._url = url
        self._headers = dict(headers or {})
        self._connect_timeout = connect_timeout
        self._closing = closing
        self._loop = asyncio.get_running_loop()
        self._outgoing: deque[str | bytes] = deque()
        self._waiting = 0  # bytes in `_outgoing`
        self._wake = asyncio.Event()  # something is in `_outgoing`
        self._opened: asyncio.Future[ClientConnection] = self._loop.create_future()
        self._failure: ProviderError | None = None  # why we broke it off ourselves
        self._deadline: float | None = None  # loop time by which something must come
        self._bound: asyncio.Timeout | None = None  # of the `receive` under way
        self._closed = False
        self.last_sent = self._loop.time()  # when something was last given to `send`
        self._task = self._loop.create_task(self._run(), name="socket")

    @property
    def alive(self) -> bool:
        """Connected or still connecting."""
        return not self._closed and not self._task.done()

    async def opened(self) -> None:
        """Returns once connected. Raises ProviderError."""
        await asyncio.shield(self._opened)

    def send(self, message: str | bytes) -> None:
        """Sends text or binary, in order, after the connection was made. Never blocks, never raises."""
        if not self.alive:
            return
        self.last_sent = self._loop.time()
        self._outgoing.append(message)
        self._waiting += len(message)
        self._wake.set()
        if self._waiting > _MOST_WAITING:
            self._break_off(ProviderTimeout(f"the server has not taken {self._waiting >> 20} MB that were sent to it"))

    def expect(self, within: float | None) -> None:
        """From now on something must come within so many seconds, or `receive` raises ProviderTimeout; None: it may
        take its time."""
        self._deadline = None if within is None else self._loop.time() + within
        if self._bound:
            self._bound.reschedule(self._deadline)

    async def receive(self) -> str | bytes:
        """The next message. Cancelling loses none. Raises ProviderError when there will be none; Disconnected also
        after an orderly end."""
        try:
            async with asyncio.timeout_at(self._deadline) as self._bound:
                return await (await asyncio.shield(self._opened)).recv()
        except TimeoutError as error:
            raise ProviderTimeout("the server fell silent") from error
        except ConnectionClosed as closed:
            raise self._failure or self._why(closed) from closed
        except UnicodeDecodeError as error:
            raise Disconnected("the server sent what is no text") from error
        finally:
            self._bound = None

    async def aclose(self, farewell: str | None = None) -> None:
        """Ends the connection: what still waits is dropped, `farewell` is sent if it can be, and the other side is
        given half a second to agree. Closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._opened.done():
            self._fail(Disconnected("the connection was closed"))
        if self._opened.exception():
            return
        connection = self._opened.result()
        with suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                if farewell:
                    await connection.send(farewell)
                await connection.close()
        connection.transport.abort()

    async def _run(self) -> None:
        """Connects, then sends what there is to send."""
        try:
            connection = await self._connect()
        except ProviderError as error:
            self._fail(error)
            return
        self._opened.set_result(connection)
        try:
            while True:
                while self._outgoing:
                    message = self._outgoing.popleft()
                    await connection.send(message)
                    self._waiting -= len(message)
                self._wake.clear()
                await self._wake.wait()
        except ConnectionClosed:
            pass  # `receive` says why

    async def _connect(self) -> ClientConnection:
        try:
            secure = await self._loop.run_in_executor(None, _tls) if self._url.startswith("wss:") else None
            return await connect(
                self._url,
                ssl=secure,
                additional_headers=self._headers,
                user_agent_header="antiphon",
                compression=None,
                proxy=None if urlsplit(self._url).hostname in _LOOPBACK else True,
                open_timeout=self._connect_timeout,
                close_timeout=_CLOSE_TIMEOUT,
                ping_interval=_PING_EVERY,
                ping_timeout=_PING_EVERY,
                max_size=_LONGEST_MESSAGE,
                logger=_log,
            )
        except TimeoutError as error:
            raise ProviderTimeout(f"no connection within {self._connect_timeout:g} s") from error
        except InvalidStatus as error:
            response = error.response
            body = bytes(response.body or b"") or response.reason_phrase
            raise from_status(response.status_code, body, response.headers) from error
        except InvalidURI as error:
            raise BadRequest(f"{self._url!r} is no WebSocket address") from error
        except ImportError as error:
            raise Disconnected(f"the proxy of the environment cannot be used: {error}") from error
        except (WebSocketException, OSError, EOFError) as error:
            raise Disconnected(f"the connection failed: {error or type(error).__name__}") from error

    def _break_off(self, failure: ProviderError) -> None:
        self._failure = failure
        self._outgoing.clear()
        self._task.cancel()
        if self._opened.done():
            self._opened.result().transport.abort()
        else:
            self._fail(failure)

    def _fail(self, error: ProviderError) -> None:
        """There will be no connection."""
        self._opened.set_exception(error)
        self._opened.exception()  # whoever opened it may never ask

    def _why(self, closed: ConnectionClosed) -> ProviderError:
        if closed.rcvd is None:
            if closed.sent and closed.sent.code == 1011:
                return ProviderTimeout("the server does not answer")
            return from_close(1006, "")
        code, reason = closed.rcvd.code, closed.rcvd.reason
        return (self._closing and self._closing(code, reason)) or from_close(code, reason)


@cache
def _tls() -> ssl.SSLContext:
    """What all connections trust, read once: it takes 20 ms."""
    return ssl.create_default_context()


def from_close(code: int, reason: str) -> ProviderError:
    """The error for a close code. Source: RFC 6455, section 7.4.1, and the registry it set up at IANA."""
    message = f"the server ended the connection ({code}{': ' if reason else ''}{reason[:200]})"
    if code in (1002, 1003, 1007, 1008, 1009, 1010):
        return BadRequest(message)
    if code in (3000, 3003):
        return AuthError(message)
    if code in (1012, 1013):
        return Overloaded(message)
    if code in (1014, 3008):
        return ProviderTimeout(message)
    return Disconnected(message)
