"""A session whose audio goes by tracks: the connection of `/v1/ws`, with an ASGI WebSocket that has no wire."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.types import Message, Scope
from starlette.websockets import WebSocket

from antiphon.errors import AntiphonError
from antiphon.protocols.tracks import Media, Way
from antiphon.protocols.voice_agent import events
from antiphon.server.connection import ABNORMAL, Connection
from antiphon.server.pulse import EXTENSION
from antiphon.server.runtime import Runtime
from antiphon.server.service import Service


class Refused(AntiphonError):
    """A call that is not taken."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class TrackCall:
    """Made in the running loop. `scope` says who is calling, and what for."""

    def __init__(self, scope: Scope, runtime: Runtime, service: Service) -> None:
        self._loop = asyncio.get_running_loop()
        self._media = Media()
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()  # what the connection will receive
        self._inbox.put_nowait({"type": "websocket.connect"})
        self._received = 0
        self.admitted: asyncio.Future[None] = self._loop.create_future()  # raises Refused
        self.seen = self._loop.time()  # it is the connection's Pulse
        scope = {**scope, "type": "websocket", "subprotocols": [], "extensions": {EXTENSION: self}}
        self._connection = Connection(WebSocket(scope, self._receive, self._send), runtime, service)

    async def run(self) -> None:
        """The call's life."""
        await self._connection.serve()

    def hang_up(self) -> None:
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": ABNORMAL})

    def ask(self) -> None:
        """There is nothing to ask: a caller's track never stops."""

    def _put(self, text: str) -> None:
        """One message to the client that is not audio."""
        raise NotImplementedError

    def _flushed(self, position: str) -> None:
        """What had not left was dropped. `position` says how much has left."""
        self._tell(position)

    # --- what comes in --------------------------------------------------------------------------------------------

    def say(self, kind: str, **fields: Any) -> None:
        """A message in the client's name."""
        self._tell(json.dumps({"type": kind, **fields}))

    def hear(self, pcm: bytes) -> None:
        """Any piece of the caller's track: 16-bit mono at 48 kHz."""
        self.seen = self._loop.time()
        self._tell(self._media.hear(pcm))

    def _tell(self, text: str) -> None:
        if text:
            self._inbox.put_nowait({"type": "websocket.receive", "text": text})

    # --- what goes out --------------------------------------------------------------------------------------------

    def frame(self, way: Way | None) -> bytes:
        """The next 20 ms of the agent's track, which leave now."""
        now = self._loop.time()
        pcm = self._media.frame(now)
        if way:
            self._tell(self._media.position(way, now))
        return pcm

    # --- the socket's side ----------------------------------------------------------------------------------------

    async def _receive(self) -> Message:
        self._received += 1
        if self._received == 2 and not self.admitted.done():  # it wants to hear what the client says
            self.admitted.set_result(None)
        return await self._inbox.get()

    async def _send(self, message: Message) -> None:
        if message["type"] == "websocket.close":
            self._refuse("unauthorized", "")
            self.hang_up()
        elif text := message.get("text"):
            if not self.admitted.done() and isinstance(event := events.decode(text), events.SessionError):
                self._refuse(event.code, event.message)
            over, back = self._media.send(text, self._loop.time())
            if over:
                self._put(over)
            if back:
                self._flushed(back)

    def _refuse(self, code: str, message: str) -> None:
        if not self.admitted.done():
            self.admitted.set_exception(Refused(401 if code == "unauthorized" else 503, code, message))
            self.admitted.exception()  # whoever waits for it may be gone
