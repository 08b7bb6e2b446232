"""What one client, one key and one process may have, so that no neighbour hears it.

Every class here is arithmetic over a clock that it is handed; nothing waits and nothing is sent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]  # monotonic seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """None: no limit."""

    session_duration: float = 3 * 3600  # seconds a session may last
    goodbye: float = 20.0  # seconds before that at which it begins to say so
    idle: float | None = 600.0  # seconds a client may send nothing at all; pings find the dead ones sooner
    resume_window: float = 30.0  # seconds a session waits for its client to come back
    # Connections that have no session yet: see Lobby.
    waiting: int = 256
    handshake: float = 10.0  # seconds for a request, and again for a WebSocket's first message
    handshake_crowded: float = 0.5  # where more than half of `waiting` are there
    connections_per_second: float = 1_000.0  # above which they wait in the kernel

    # A client that was cut off sends what it kept, and the API's own server was seen to take 7 s in a burst.
    audio_ahead: float = 10.0  # seconds of audio beyond real time, above which it is dropped

    messages_per_second: float = 500.0  # above which a client is read more slowly
    messages_at_once: float = 1_000.0
    bytes_per_second: float = 1 << 20  # the same; 16 times what 16-bit audio at 24 kHz takes
    bytes_at_once: float = 4 << 20

    sessions: int | None = None  # of this process
    sessions_per_key: int | None = None  # on all processes that share a store

    # A loop that is late is late for everyone. A few sessions are served whatever else the machine does.
    lag: float = 0.05  # seconds: the 95th percentile of the last seconds above which no session is begun
    sessions_whatever_lag: int = 8


class Allowance:
    """A token bucket: `rate` a second, `most` at once."""

    def __init__(self, *, rate: float, most: float, clock: Clock) -> None:
        self._rate = rate
        self._most = most
        self._clock = clock
        self._left = most
        self._at = clock()

    def take(self, amount: float) -> bool:
        """Takes it if it is there."""
        if amount > self._refilled():
            return False
        self._left -= amount
        return True

    def debt(self, amount: float) -> float:
        """Takes it whether it is there or not. Returns the seconds until nothing is owed."""
        self._left = self._refilled() - amount
        return max(0.0, -self._left / self._rate)

    def grant(self, amount: float) -> None:
        """Allows so much more, once."""
        self._left = self._refilled() + amount

    def _refilled(self) -> float:
        now = self._clock()
        if self._left < self._most:  # a grant may have put more there
            self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        return self._left


class LoopLag:
    """How late the event loop runs what is due, over the last five seconds."""

    STEP = 0.05  # seconds between two looks
    LOOKS = 100

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=self.LOOKS)
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self.STEP
        self._next = loop.call_at(due, self._look, due)

    def stop(self) -> None:
        if self._next:
            self._next.cancel()
            self._next = None

    @property
    def seconds(self) -> float:
        """The 95th percentile; 0 while nothing is known."""
        if not self._late:
            return 0.0
        return sorted(self._late)[int(len(self._late) * 0.95)]

    def _look(self, due: float) -> None:
        self._late.append(max(0.0, asyncio.get_running_loop().time() - due))
        self.start()


class Quiet:
    """Says when a client has sent nothing for too long. `heard` is cheap: it is called for every message."""

    def __init__(self, allowed: float | None, on_quiet: Callable[[], None]) -> None:
        self._allowed = allowed
        self._on_quiet = on_quiet
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._next: asyncio.TimerHandle | None = None
        self._look()

    def heard(self) -> None:
        self._last = self._loop.time()

    def stop(self) -> None:
        if self._next:
            self._next.cancel()
            self._next = None

    def _look(self) -> None:
        if self._allowed is None:
            return
        due = self._last + self._allowed
        if self._loop.time() >= due:
            self._next = None
            self._on_quiet()
        else:
            self._next = self._loop.call_at(due, self._look)
