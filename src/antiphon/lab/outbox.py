"""What a scripted provider has to say, each item at its time, as the async iterator that its contract asks for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from antiphon.errors import ProviderError

T = TypeVar("T")


class Outbox(Generic[T]):
    """A queue whose items can be had some time after they were put, and never overtake one another.

    An error put into it is raised in its turn, and is the last thing to come.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, T | Exception]] = deque()  # each with the loop's time when it is due
        self._ready: deque[T | Exception] = deque()
        self._arrived = asyncio.Event()  # something may be ready
        self._timer: asyncio.TimerHandle | None = None  # for the first of those waiting
        self._latest = 0.0  # when the last of those waiting is due
        self._sealed = False  # nothing may be added
        self.exhausted = False  # the end, or an error, has come out

    def put(self, item: T, *, after: float = 0.0) -> None:
        """Adds an item, to be had in `after` seconds, or together with the one before it if that is later."""
        self._add(item, after)

    def fail(self, error: ProviderError, *, after: float = 0.0) -> None:
        """An error, after what is waiting. Nothing can be added any more."""
        self._add(error, after)
        self._sealed = True

    def finish(self, *, after: float = 0.0) -> None:
        """The end, after what is waiting. Nothing can be added any more."""
        self._add(StopAsyncIteration(), after)
        self._sealed = True

    def break_off(self, error: ProviderError) -> None:
        """An error, at once: what is waiting is lost."""
        self._cut(error)

    def close(self) -> None:
        """The end, at once, also for who is waiting for an item now."""
        self._ready.clear()
        self._cut(StopAsyncIteration())

    def drop(self, unwanted: Callable[[T], bool]) -> None:
        """Takes out the items not yet due that are unwanted."""
        self._waiting = deque(
            (due, item) for due, item in self._waiting if isinstance(item, Exception) or not unwanted(item)
        )
        self._deliver()

    def __aiter__(self) -> Outbox[T]:
        return self

    async def __anext__(self) -> T:
        if self.exhausted:
            raise StopAsyncIteration
        while not self._ready:
            self._arrived.clear()
            await self._arrived.wait()
        item = self._ready.popleft()
        if isinstance(item, Exception):
            self.exhausted = True
            raise item
        return item

    def _add(self, item: T | Exception, after: float) -> None:
        if self._sealed:
            return
        self._latest = max(self._latest, asyncio.get_running_loop().time() + after)
        self._waiting.append((self._latest, item))
        self._deliver()

    def _cut(self, end: Exception) -> None:
        self._sealed = True
        self._waiting.clear()
        self._ready.append(end)
        self._deliver()
        self._arrived.set()

    def _deliver(self) -> None:
        """Hands over what is due, and sets the timer for what is next."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        while self._waiting and self._waiting[0][0] <= loop.time():
            self._ready.append(self._waiting.popleft()[1])
            self._arrived.set()
        if self._waiting:
            self._timer = loop.call_at(self._waiting[0][0], self._deliver)
