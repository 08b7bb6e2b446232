"""A WebSocket without a socket: an ASGI application at one end, a client in the same loop at the other, and between
them a network that can be cut."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.websockets import WebSocket

from antiphon.lab.simulated_client import Line, Network
from antiphon.server.pulse import EXTENSION

PING_TIMEOUT = 20.0  # seconds until a server notices that a connection is dead of which it hears nothing

Message = dict[str, Any]


class MemorySocket:
    """Connects at once. Messages arrive in order, after the network's delay."""

    def __init__(
        self,
        serve: Callable[[WebSocket], Awaitable[None]],
        *,
        query: str = "",
        network: Network,
        on_text: Callable[[str], None],
        on_close: Callable[[int], None],
        rng: random.Random,
    ) -> None:
        self.open = True  # as the client sees it
        self._on_text = on_text
        self._on_close = on_close
        self._dead = False  # nothing that is under way arrives
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._inbox.put_nowait({"type": "websocket.connect"})
        self._up: Line[Message] = Line(network, self._arrive, rng)
        self._down: Line[Message] = Line(network, self._deliver, rng)
        self.seen = asyncio.get_running_loop().time()  # it is its own Pulse
        scope: Message = {"type": "websocket", "path": "/v1/ws", "query_string": query.encode(), "headers": []}
        scope["extensions"] = {EXTENSION: self}
        websocket = WebSocket(scope, self._inbox.get, self._send)
        self.served = asyncio.ensure_future(serve(websocket))

    def send(self, text: str) -> None:
        """From the client."""
        if self.open:
            self._up.send({"type": "websocket.receive", "text": text})

    def cut(self, *, dead: bool = False) -> None:
        """The client has no connection any more, and what is on its way to it is lost. If `dead`, the server does not
        learn of it until its pings fail, and what is on its way there is lost too."""
        self.open, self._dead = False, dead
        gone = {"type": "websocket.disconnect", "code": 1006}
        if dead:
            asyncio.get_running_loop().call_later(PING_TIMEOUT, self._inbox.put_nowait, gone)
        else:
            self._up.send(gone)

    def ask(self) -> None:
        """A ping from the server, which the client's side answers by itself."""
        self._down.send({"type": "ping"})

    async def _send(self, message: Any) -> None:
        """From the server."""
        if message["type"] == "websocket.close":
            self._inbox.put_nowait({"type": "websocket.disconnect", "code": message["code"]})
        self._down.send(message)

    def _arrive(self, message: Message) -> None:
        if self._dead:
            return
        self.seen = asyncio.get_running_loop().time()
        if message["type"] != "pong":
            self._inbox.put_nowait(message)

    def _deliver(self, message: Message) -> None:
        if not self.open:
            return
        if message["type"] == "websocket.send":
            self._on_text(message["text"])
        elif message["type"] == "ping":
            self._up.send({"type": "pong"})
        elif message["type"] == "websocket.close":
            self.open = False
            self._on_close(message["code"])
