"""Many callers from one process: the least a client can do, so that one core can load another.

Frames are made once, as the bytes that go over the wire, and what comes back is looked at no further than needed. The
WebSocket is RFC 6455 with a mask of zeros, which a server must undo like any other.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

FRAME = 0.02  # seconds of audio in one message
_AUDIO = b'{"type":"reply.audio"'
_DONE = b'{"type":"reply.done"'
_READY = b'"session.ready"'
_DATA = b'"data":"'


def message(payload: bytes) -> bytes:
    """A text message as a client's WebSocket frame."""
    size = len(payload)
    if size < 126:
        head = bytes((0x81, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x81, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x81, 0x80 | 127)) + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload


def audio_messages(pcm: bytes, rate: int) -> list[bytes]:
    """A track, 16-bit mono, as input.audio messages of 20 ms; what is left over at its end is dropped."""
    size = 2 * round(FRAME * rate)
    frames = (pcm[at : at + size] for at in range(0, len(pcm) - size + 1, size))
    return [
        message(json.dumps({"type": "input.audio", "audio": base64.b64encode(f).decode()}).encode()) for f in frames
    ]


UPDATE = message(b'{"type":"session.update","session":{}}')


def upgrade() -> bytes:
    """The head of a request for a WebSocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (
        "GET /v1/ws HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    )
    return "\r\n".join((*lines, "", "")).encode()


@dataclass(slots=True)
class Heard:
    """What came back to one caller."""

    replies: int = 0  # that ended
    lateness: list[float] = field(default_factory=list)  # seconds, of each audio message after its reply's first


class RawClient(asyncio.Protocol):
    """One WebSocket of a client that is told what it hears, and is not stopped from misbehaving."""

    def __init__(self) -> None:
        self.lost: str | None = None  # why the connection is gone
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._upgraded = False

    def opened(self) -> None:
        """The upgrade is through."""

    def hear(self, payload: bytes) -> None:
        """A text message came."""

    def gone(self) -> None:
        """The connection is; `lost` says why."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._transport.write(upgrade())

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = self.lost or repr(error) if error else self.lost or "the server closed the connection"
        self.gone()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._upgraded:
            head, found, rest = bytes(self._received).partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.partition(b"\r\n")[0]:
                self.lost = head.decode(errors="replace")
                self._transport.close()
                return
            self._upgraded, self._received = True, bytearray(rest)
            self.opened()
        while (payload := self._take()) is not None:
            if payload:
                self.hear(payload)

    def write(self, data: bytes) -> None:
        """Messages, as `message` makes them."""
        self._transport.write(data)

    def close(self) -> None:
        self._transport.abort()

    def _take(self) -> bytes | None:
        """The payload of the next whole frame, which a server does not mask; other frames than text are empty."""
        buffer = self._received
        if len(buffer) < 2:
            return None
        size, head = buffer[1] & 0x7F, 2
        if size >= 126:
            head = 4 if size == 126 else 10
            size = int.from_bytes(buffer[2:head], "big") if len(buffer) >= head else len(buffer)
        if len(buffer) < head + size:
            return None
        opcode, payload = buffer[0] & 0x0F, bytes(buffer[head : head + size])
        del buffer[: head + size]
        if opcode == 0x9:  # a ping
            self._transport.write(b"\x8a" + bytes((0x80 | len(payload),)) + b"\0\0\0\0" + payload)
        return payload if opcode == 0x1 else b""


class LoadCaller(RawClient):
    """One session: says its track over and over, from `phase` on, and watches when replies come.

    A reply's audio is due, after its first message, when all but `lead` seconds of what came before have been played.
    """

    def __init__(self, track: Sequence[bytes], *, phase: int, rate: int, lead: float) -> None:
        super().__init__()
        self.heard = Heard()
        self.ready = self._loop.create_future()
        self._track = track
        self._at = phase
        self._rate = rate
        self._lead = lead
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0
        self._reply_begun: float | None = None  # when its first audio came
        self._reply_length = 0.0  # seconds of it that came

    def opened(self) -> None:
        self.write(UPDATE)

    def gone(self) -> None:
        self._stop()
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(self.lost))

    def close(self) -> None:
        self._stop()
        super().close()

    def hear(self, payload: bytes) -> None:
        if payload.startswith(_AUDIO):
            self._hear_audio(payload)
        elif payload.startswith(_DONE):
            self.heard.replies += 1
            self._reply_begun = None
        elif _READY in payload[:200] and not self.ready.done():
            self.ready.set_result(None)
            self._next = self._loop.time()
            self._speak()

    def _hear_audio(self, payload: bytes) -> None:
        now = self._loop.time()
        if self._reply_begun is None:
            self._reply_begun, self._reply_length = now, 0.0
        else:
            due = self._reply_begun + max(self._reply_length - self._lead, 0.0)
            self.heard.lateness.append(now - due)
        begin = payload.index(_DATA) + len(_DATA)
        data = payload[begin : payload.index(b'"', begin)]
        size = len(data) * 3 // 4 - data[-2:].count(b"=")
        self._reply_length += size / 2 / self._rate

    def _speak(self) -> None:
        self.write(self._track[self._at])
        self._at = (self._at + 1) % len(self._track)
        self._next += FRAME
        self._timer = self._loop.call_at(self._next, self._speak)

    def _stop(self) -> None:
        if self._timer:
            self._timer.cancel()
