"""The two protocols that uvicorn speaks on a socket, made fit for audio and for clients that take what they can get.

Little is parked: what waits in a buffer is not heard. Nobody's bytes are worked off at one go: a read may hold
thousands of messages, and every other call would wait for them. And nobody's messages, pings and fragments included,
are read faster than the limits say; what is not read fills the client's own buffers.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State

from antiphon.server.limits import Allowance, Limits
from antiphon.server.lobby import Lobby, Place
from antiphon.server.pulse import ASK_EVERY, EXTENSION

WRITE_BUFFER = 8 * 1024  # bytes parked in user space before writing pauses: about two frames of audio
SEND_BUFFER = 64 * 1024  # bytes parked in the kernel
MESSAGES_WAITING = 8  # of a client, above which it is not read
SLICE = 2 * 1024  # bytes worked off in one pass of the loop: an audio message, or some hundred of the smallest frames
AT_A_TIME = 8  # messages the application is given in one pass
CLOSE_TIMEOUT = 2.0  # seconds a client has to answer when it is closed
STRANGER_TIMEOUT = 0.1  # the same, for one that never sent a message


class HttpProtocol(H11Protocol):
    """HTTP/1.1. Whoever owes the server a request, or the rest of one, waits in the lobby."""

    def __init__(self, lobby: Lobby, **options: Any) -> None:
        super().__init__(**options)
        self._lobby = lobby
        self._place: Place | None = None
        self._upgraded = False
        self.is_new = True  # it has not asked for anything yet

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._upgraded = True
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def _look(self) -> None:
        self.is_new = self.is_new and self.conn.their_state is h11.IDLE
        owes = self.conn.their_state in (h11.IDLE, h11.SEND_BODY) and not self._upgraded
        if not owes or self.transport.is_closing():
            self._leave()
        elif self._place is None:
            self._place = self._lobby.enter(self.transport.abort)

    def _leave(self) -> None:
        if self._place:
            self._place.leave()
            self._place = None


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """RFC 6455, with small buffers and fair reading."""

    def __init__(self, limits: Limits, **options: Any) -> None:
        super().__init__(**options)
        self.conn.debug = False  # its debug log shows every header and every frame
        clock = self.loop.time
        self._messages = Allowance(rate=limits.messages_per_second, most=limits.messages_at_once, clock=clock)
        self._bytes = Allowance(rate=limits.bytes_per_second, most=limits.bytes_at_once, clock=clock)
        self._unread = bytearray()  # received, and not worked off
        self._held: asyncio.Handle | None = None  # until it goes on, while nothing is read
        self._given = 0  # messages to the application, since the last pass
        self.close_timeout = STRANGER_TIMEOUT
        self.seen = clock()  # it is the connection's Pulse
        self._asked = 0.0

    def connection_made(self, transport: Any) -> None:
        transport.set_write_buffer_limits(high=WRITE_BUFFER)
        if (sock := transport.get_extra_info("socket")) is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        super().connection_made(cast(asyncio.Transport, transport))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._held:
            self._held.cancel()
        self._unread.clear()
        super().connection_lost(exc)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:  # else it was refused
            cast(dict[str, Any], self.scope["extensions"])[EXTENSION] = self

    def ask(self) -> None:
        """Sends a ping, unless one was sent just now."""
        now = self.loop.time()
        if now - self._asked < ASK_EVERY or self.conn.state is not State.OPEN or self.transport.is_closing():
            return
        self._asked = now
        # A client may answer only the newest of several pings: where uvicorn waits for one, this is the same again.
        self.conn.send_ping(self.pending_ping_payload or b"")
        self.transport.write(b"".join(self.conn.data_to_send()))

    # --- what comes in ----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self.seen = self.loop.time()
        if self._unread or self._held or self.read_paused or len(data) > SLICE:
            self._unread += data
            if not self._held:
                self._go_on()
        else:
            self._work_off(data)

    def _go_on(self) -> None:
        """Works off the next slice, and comes back for the rest when everybody else has had a turn."""
        self._held = None
        if self.read_paused or self.transport.is_closing():  # the application has enough for now
            return
        part = bytes(self._unread[:SLICE])
        del self._unread[:SLICE]
        self._work_off(part)
        if self._unread and not self._held and not self.read_paused:
            self._hold(0.0)
        self._read_or_not()

    def _work_off(self, data: bytes) -> None:
        self.conn.receive_data(data)
        if self.conn.parser_exc is not None:
            self.handle_parser_exception()
            return
        frames = len(self.conn.events)
        self.handle_events()
        if wait := max(self._messages.debt(frames), self._bytes.debt(len(data))):
            self._hold(wait)

    def _hold(self, seconds: float) -> None:
        self._held = self.loop.call_later(seconds, self._go_on) if seconds else self.loop.call_soon(self._go_on)
        self._read_or_not()

    def _read_or_not(self) -> None:
        if self.transport.is_closing():
            return
        if self._held or self._unread or self.read_paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def handle_ping(self) -> None:
        """Who does not read its pongs gets no more of them."""
        output = self.conn.data_to_send()
        if self.writable.is_set():
            self.transport.write(b"".join(output))

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The application is done with it; among what was not worked off is the answer to its close."""
        super().on_task_complete(task)
        self.read_paused = False
        if self._unread and not self._held:
            self._hold(0.0)

    # --- what the application takes ---------------------------------------------------------------------------------

    def send_receive_event_to_app(self) -> None:
        """Takes a message in. uvicorn stops reading at each one until the application has taken it, which at 50 a
        second costs a tenth of a session's time; a few may wait here before that is worth it."""
        self.close_timeout = CLOSE_TIMEOUT
        # A message that crossed our close is not wanted. One that came along with the client's own, before it, is: what
        # was read together has been parsed together.
        if self.conn.state is not State.OPEN and not self.conn.close_rcvd_then_sent:
            self.frames = []
            return
        if self.curr_msg_data_type == "text" and not _is_utf8(self.frames):
            self.conn.send_close(1007)  # the base class does the same, with a page in the log for each
            self.handle_parser_exception()
            return
        paused, self.read_paused = self.read_paused, True  # the base class takes it for paused already
        super().send_receive_event_to_app()
        self.read_paused = paused
        if not paused and self.queue.qsize() >= MESSAGES_WAITING:
            self.read_paused = True
            self.transport.pause_reading()

    async def receive(self) -> Any:
        self._given += 1
        if self._given >= AT_A_TIME:  # a queue that is never empty never gives way
            self._given = 0
            await asyncio.sleep(0)
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            if self._unread and not self._held:
                self._hold(0.0)
            self._read_or_not()
        return message


def _is_utf8(parts: list[bytes]) -> bool:
    try:
        b"".join(parts).decode()
    except UnicodeDecodeError:
        return False
    return True
