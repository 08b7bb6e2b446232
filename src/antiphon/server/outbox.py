"""The one writer of a socket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

log = logging.getLogger("antiphon.server")

FRAMES_AHEAD = 2  # messages waiting to be written above which no more audio is made
BACKLOG = 2_000  # messages waiting to be written at which a reader is too slow to serve


class Outbox:
    """`put` never blocks; what is put is written in order, by `run`."""

    def __init__(self, websocket: WebSocket, *, on_drained: Callable[[], None]) -> None:
        self._websocket = websocket
        self._on_drained = on_drained
        self._waiting: deque[str | bytes] = deque()
        self._more = asyncio.Event()
        self.congested = False  # more is waiting than should be when audio is sent
        self._closing: tuple[int, str] | None = None  # code and reason, once nothing more will be put

    def put(self, message: str | bytes) -> None:
        if self._closing is not None:
            return
        self._waiting.append(message)
        self._more.set()
        self.congested = len(self._waiting) > FRAMES_AHEAD
        if len(self._waiting) > BACKLOG:
            log.warning("closing a connection whose peer does not read")
            self.abandon(1008)

    def close(self, code: int, reason: str = "") -> None:
        """Closes the socket once all that was put is written."""
        if self._closing is None:
            self._closing = (code, reason)
            self._more.set()

    def abandon(self, code: int, reason: str = "") -> None:
        """Closes the socket and drops what is waiting."""
        self._waiting.clear()
        self.congested = False
        self.close(code, reason)

    async def run(self) -> None:
        """Writes until the socket is closed, by us or by the peer."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            while True:
                while self._waiting:
                    message = self._waiting.popleft()
                    kind = "text" if isinstance(message, str) else "bytes"
                    await self._websocket.send({"type": "websocket.send", kind: message})
                    if self.congested and len(self._waiting) <= FRAMES_AHEAD:
                        self.congested = False
                        self._on_drained()
                if self._closing is not None:
                    await self._websocket.close(*self._closing)
                    return
                self._more.clear()
                await self._more.wait()
        self.abandon(1006)
