"""The core's timers, in both kinds of time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from antiphon.conversation.actions import Clock, SetTimer


class Timers:
    """One timer of each name. Wall timers are the event loop's; audio timers fire from `advance`, in order of their
    due time, when that much audio has been received."""

    def __init__(self, fire: Callable[[str], None]) -> None:
        self._fire = fire
        self._loop = asyncio.get_running_loop()
        self._wall: dict[str, asyncio.TimerHandle] = {}
        self._audio: dict[str, float] = {}  # name -> due, in ms of received audio
        self._next_audio = float("inf")

    def set(self, timer: SetTimer) -> None:
        self.clear(timer.name)
        if timer.clock is Clock.WALL:
            self._wall[timer.name] = self._loop.call_at(timer.due, self._fire_wall, timer.name)
        else:
            self._audio[timer.name] = timer.due
            self._next_audio = min(self._next_audio, timer.due)

    def clear(self, name: str) -> None:
        if handle := self._wall.pop(name, None):
            handle.cancel()
        self._audio.pop(name, None)

    def clear_all(self) -> None:
        for name in [*self._wall, *self._audio]:
            self.clear(name)

    @property
    def awaits_audio(self) -> bool:
        return bool(self._audio)

    def advance(self, received: float) -> None:
        """Fires the audio timers due at `received` ms."""
        if received < self._next_audio:
            return
        while due := [(at, name) for name, at in self._audio.items() if at <= received]:
            name = min(due)[1]
            del self._audio[name]
            self._fire(name)
        self._next_audio = min(self._audio.values(), default=float("inf"))

    def _fire_wall(self, name: str) -> None:
        self._wall.pop(name, None)
        self._fire(name)
