"""What is known of the connections of one vendor's pool: those that are idle, and the one that is opened ahead.

The pool itself opens a connection for every request that finds none idle, also while one is on its way. So a request
waits here for the one that is on its way, if that will be there sooner than another could be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

TRUSTED = (
    55.0  # seconds for which the other side is taken to keep an idle one as well: balancers drop it after a minute
)
_CONNECTED = ("connection.connect_tcp.complete", "connection.start_tls.complete")  # as the pool tells it


class Opening:
    """A request that is made for the sake of its connection."""

    def __init__(self) -> None:
        self.began = asyncio.get_running_loop().time()
        self.connected: float | None = None  # loop time; None: not yet, or an idle connection was used
        self.over = asyncio.Event()
        self.awaited = False  # a request waits for it: it can serve one

    async def trace(self, event: str, info: Any) -> None:
        """Told by the pool what it does."""
        if event in _CONNECTED:
            self.connected = asyncio.get_running_loop().time()


class Connections:
    """Loop times, in seconds."""

    def __init__(self) -> None:
        self._idle: list[float] = []  # since when each has been idle
        self._opening: Opening | None = None
        self._handshake: float | None = None  # how long it took last, with TLS
        self._answer = 0.0  # how long the request took after it

    @property
    def ready(self) -> bool:
        """One is idle, for all that is known."""
        now = asyncio.get_running_loop().time()
        self._idle = [since for since in self._idle if now - since < TRUSTED]
        return bool(self._idle)

    @property
    def opening(self) -> bool:
        return self._opening is not None

    def taken(self) -> None:
        """A request is about to be made."""
        if self._idle:
            self._idle.pop()

    def free(self) -> None:
        """A request has had its whole answer."""
        self._idle.append(asyncio.get_running_loop().time())

    @contextmanager
    def ahead(self) -> Iterator[Opening]:
        """While a request is made for the sake of its connection."""
        opening = Opening()
        self._opening = self._opening or opening
        try:
            yield opening
            self.free()
            if opening.connected is not None:
                self._handshake = opening.connected - opening.began
                self._answer = asyncio.get_running_loop().time() - opening.connected
        finally:
            opening.over.set()
            if self._opening is opening:
                self._opening = None

    async def soon(self) -> None:
        """Returns when a request should be made: at once, or once the connection is there that is on its way.

        That one is `handshake + answer - elapsed` away, another one `handshake`: it is worth waiting as soon as more
        time has passed than the answer takes. If it takes longer than ever, no more than a handshake is lost.
        """
        opening = self._opening
        if self.ready or opening is None or opening.awaited or self._handshake is None:
            return
        if asyncio.get_running_loop().time() - opening.began < self._answer:
            return
        opening.awaited = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._handshake):
                await opening.over.wait()
