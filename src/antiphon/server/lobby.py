"""Connections that have asked for nothing yet: a client may be slow, but not so many of them and not for so long.

Each stage of a connection's beginning waits here: the TLS handshake, the request, the first message of a WebSocket.
Who has waited too long is turned out, and who has waited longest when there is no room. Where it is crowded the
patience is short, for all who are there: clients who know what they want find a place while others take all they can.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

BATCH = 16  # turned out in one pass of the loop
PAUSE = 0.005  # seconds until the next pass


class Place:
    """In the lobby, until it is left."""

    __slots__ = ("_lobby", "since", "turn_out")

    def __init__(self, lobby: Lobby, since: float, turn_out: Callable[[], None]) -> None:
        self._lobby = lobby
        self.since = since
        self.turn_out = turn_out

    def leave(self) -> None:
        """Leaving twice, or after having been turned out, is harmless."""
        self._lobby.left(self)


class Lobby:
    """`most` places; `patience` seconds each, but `hurry` for everybody who is there while more than half of them are
    taken. Used inside a running loop."""

    def __init__(self, *, most: int, patience: float, hurry: float) -> None:
        self._most = most
        self._patience = patience
        self._hurry = min(hurry, patience)
        self._places: dict[Place, None] = {}  # the oldest first
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0  # when it rings
        self._crowded = float("-inf")  # when it last was, by the loop's clock

    def __len__(self) -> int:
        return len(self._places)

    def enter(self, turn_out: Callable[[], None]) -> Place:
        """`turn_out` is called at most once, when the place is lost, and must not raise."""
        loop = asyncio.get_running_loop()
        place = Place(self, loop.time(), turn_out)
        self._places[place] = None
        if len(self._places) > self._most // 2:
            self._crowded = place.since
        if len(self._places) > self._most:
            self._turn_out(next(iter(self._places)))
        self._wind(loop)
        return place

    def left(self, place: Place) -> None:
        self._places.pop(place, None)

    def close(self) -> None:
        """Nobody is turned out any more."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _end(self, place: Place) -> float:
        """When its time is over."""
        return place.since + (self._hurry if place.since <= self._crowded else self._patience)

    def _wind(self, loop: asyncio.AbstractEventLoop, *, pause: float = 0.0) -> None:
        if not self._places:
            return
        due = max(self._end(next(iter(self._places))), loop.time() + pause)
        if self._timer is None or due < self._due:
            if self._timer:
                self._timer.cancel()
            self._timer, self._due = loop.call_at(due, self._ring), due

    def _ring(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        for place in list(self._places)[:BATCH]:
            if loop.time() < self._end(place):
                break
            self._turn_out(place)
        self._wind(loop, pause=PAUSE)

    def _turn_out(self, place: Place) -> None:
        del self._places[place]
        place.turn_out()
