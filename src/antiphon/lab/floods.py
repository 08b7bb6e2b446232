"""Clients that take more than their share, each telling how long it was let.

A flood is over for the server once it is closed, or *throttled*: its audio is discarded and it is told so, or it is
read more slowly than it writes. It goes on all the same until it is stopped.
"""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from antiphon.lab.load import UPDATE, RawClient, message, upgrade

TIMES = 10  # as fast as real time
MESSAGES = 5_000  # a second
HALF_OPEN = 1_000  # connections at once
WAVE = 3.0  # seconds between two times that many
TICK = 0.02  # seconds between two writes
BEHIND = 0.2  # seconds of its messages without an answer, at which a flood counts as throttled


@dataclass(slots=True)
class Outcome:
    """What became of a flood."""

    after: float | None = None  # seconds until it was closed or throttled; None: it never was
    how: str = "never"
    open_at_end: int = 0  # connections


class Flooder(RawClient):
    """One WebSocket with a session, that writes `burst` every TICK from then on."""

    def __init__(self, burst: bytes) -> None:
        super().__init__()
        self.outcome = Outcome()
        self._burst = burst
        self._begun: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0

    def opened(self) -> None:
        self.write(UPDATE)

    def gone(self) -> None:
        if self._timer:
            self._timer.cancel()
        self.stopped("closed")

    def hear(self, payload: bytes) -> None:
        if self._begun is None and b'"session.ready"' in payload[:200]:
            self._begun = self._next = self._loop.time()
            self._flood()
        elif b'"session.error"' in payload[:200]:
            self.refused(json.loads(payload)["code"])

    def refused(self, code: str) -> None:
        """The server complained."""

    def stopped(self, how: str) -> None:
        if self.outcome.after is None:
            self.outcome = Outcome(self._loop.time() - (self._begun or self._loop.time()), how)

    def _flood(self) -> None:
        self.write(self._burst)
        self._next += TICK
        self._timer = self._loop.call_at(self._next, self._flood)


class AudioFlood(Flooder):
    """Audio at TIMES its pace: `track` holds messages of TICK seconds."""

    def __init__(self, track: list[bytes]) -> None:
        super().__init__(b"".join(track[:TIMES]))

    def refused(self, code: str) -> None:
        if code == "audio_rate_violation":
            self.stopped(code)


class MessageFlood(Flooder):
    """MESSAGES a second, each of which asks for an answer: it is throttled once the answers stay behind."""

    EACH = round(MESSAGES * TICK)

    def __init__(self) -> None:
        super().__init__(message(b"{}") * self.EACH)
        self._unanswered = 0

    def refused(self, code: str) -> None:
        self._unanswered -= 1

    def _flood(self) -> None:
        super()._flood()
        self._unanswered += self.EACH
        if self._unanswered > BEHIND * MESSAGES:
            self.stopped("read more slowly")


class HalfOpen(asyncio.Protocol):
    """A connection that asks for nothing: silent, dripping a head, or upgraded and then silent."""

    def __init__(self, kind: int, lasted: Callable[[float], None]) -> None:
        self._kind = kind % 3
        self._lasted = lasted
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._drip: asyncio.TimerHandle | None = None
        self._head = iter(upgrade())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        if self._kind == 1:
            self._write_slowly()
        elif self._kind == 2:
            self.transport.write(upgrade())

    def connection_lost(self, error: Exception | None) -> None:
        if self._drip:
            self._drip.cancel()
        self._lasted(self._loop.time() - self._begun)

    def _write_slowly(self) -> None:
        self.transport.write(bytes([next(self._head, 0x20)]))
        self._drip = self._loop.call_later(0.25, self._write_slowly)


async def flood(kind: str, address: str, seconds: float, track: list[bytes], *, half_open: int = HALF_OPEN) -> Outcome:
    """Floods the server at `address` ("host:port") for so long. `kind` is "audio", "messages" or "half_open"."""
    if kind == "half_open":
        return await _half_open(address, seconds, half_open)
    host, _, port = address.rpartition(":")
    make: Callable[[], Flooder] = MessageFlood if kind == "messages" else lambda: AudioFlood(track)
    _, flooder = await asyncio.get_running_loop().create_connection(make, host, int(port))
    await asyncio.sleep(seconds)
    outcome = flooder.outcome
    flooder.close()
    return outcome


async def _half_open(address: str, seconds: float, each: int) -> Outcome:
    """Waves of `each` connections; how long the one lasted that lasted longest."""
    loop = asyncio.get_running_loop()
    host, _, port = address.rpartition(":")
    lasted: list[float] = []
    made: list[HalfOpen] = []
    until = loop.time() + seconds
    while loop.time() + WAVE <= until:
        wave = loop.time()
        for kind in range(each):
            made.append(HalfOpen(kind, lasted.append))
            await loop.create_connection(functools.partial(made.__getitem__, -1), host, int(port))
        await asyncio.sleep(wave + WAVE - loop.time())
    await asyncio.sleep(until - loop.time())
    left = len(made) - len(lasted)
    longest = max(lasted, default=0.0)
    for connection in made:
        connection.transport.abort()
    return Outcome(None if left else longest, f"{left} never closed" if left else "closed", left)
