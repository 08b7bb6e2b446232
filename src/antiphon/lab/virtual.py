"""Virtual time: an asyncio event loop whose clock jumps to the next timer as soon as nothing else can run.

An hour of conversation takes as long as its computing does, and the same program runs the same way every time. That
holds for code that reads only `loop.time()` and waits only through asyncio: timers, tasks, queues, events, functions
given to an executor, which are run in place at no cost in virtual time.

Sockets within one process work, for what is written is there to be read at once. Nothing ever waits for another process
or for a thread: virtual time would pass before it could answer.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple, overload

from antiphon.errors import AntiphonError

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_DAY = 86_400.0  # seconds
_GRACE = 60.0  # seconds past the limit, for cancelled tasks to clean up in
_SPINS = 1_000_000  # passes of the loop without time moving, after which something is taken to spin


class VirtualTimeError(AntiphonError):
    """The run cannot go on. The message names the tasks that were waiting, and where."""


class Deadlock(VirtualTimeError):
    """Every task waits, and no timer will ever wake one."""


class TimeLimit(VirtualTimeError):
    """The run wanted more virtual time than it was allowed."""


class Livelock(VirtualTimeError):
    """Tasks wake each other for ever without time moving."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop. Its clock starts at `start` and may not pass `start + limit`, both in seconds.

    A timer fires exactly at its time: never before, and with no delay of its own.
    """

    def __init__(self, *, start: float = 0.0, limit: float = _DAY) -> None:
        self._end = start + limit
        self._spins = 0
        super().__init__(_NeverWaits(self))
        self._set_time(start)

    def time(self) -> float:
        return self._now

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Runs the function here and now. The future is done when it is returned."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to whoever awaits the future
            future.set_exception(error)
        return future

    def idle(self, wait: float | None) -> None:
        """Nothing can be read. `wait` is how long a loop in real time would now sleep; None: for ever."""
        if wait is None:
            raise Deadlock(f"nothing can happen any more at {self._now:.3f} s; waiting: {_waiting(self)}")
        if wait == 0:
            self._spins += 1
            if self._spins > _SPINS:
                raise Livelock(f"time stands still at {self._now:.3f} s; running: {_waiting(self)}")
            return
        if self._now + wait > self._end:
            end, self._end = self._end, self._end + _GRACE
            raise TimeLimit(f"the run goes on after {end:.3f} s; waiting: {_waiting(self)}")
        self._set_time(self._now + wait)

    def _set_time(self, now: float) -> None:
        self._now = now
        self._spins = 0
        # asyncio fires timers that lie less than this ahead. One step of the float: those at or before `now`.
        self._clock_resolution = math.ulp(now)


class _NeverWaits(selectors.BaseSelector):
    """The platform's selector, asked what is ready and never made to wait."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if not ready:
            self._loop.idle(timeout)
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


@overload
def run(main: Coroutine[Any, Any, T], *, until: None = None, start: float = ..., limit: float = ...) -> T: ...
@overload
def run(main: Coroutine[Any, Any, T], *, until: float, start: float = ..., limit: float = ...) -> T | None: ...
def run(
    main: Coroutine[Any, Any, T], *, until: float | None = None, start: float = 0.0, limit: float = _DAY
) -> T | None:
    """Runs `main` in virtual time, as `asyncio.run` does in real time, and returns its result.

    At the time `until`, if given, `main` is cancelled and None returned: for programs that have no end of their own.
    Raises Deadlock, Livelock, or TimeLimit after `limit` seconds, all of which end `main` too.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(start=start, limit=limit)) as runner:
        return runner.run(main if until is None else _cut(main, until))


async def _cut(main: Coroutine[Any, Any, T], until: float) -> T | None:
    try:
        async with asyncio.timeout_at(until) as bound:
            return await main
    except TimeoutError:
        if not bound.expired():
            raise
        return None


def _waiting(loop: asyncio.AbstractEventLoop) -> str:
    """The tasks not done, each with its innermost line: "Task-1 reply (replies.py:40)"."""
    return ", ".join(sorted(map(_describe, asyncio.all_tasks(loop)))) or "no task"


def _describe(task: asyncio.Task[Any]) -> str:
    name = getattr(task.get_coro(), "__qualname__", "")
    stack = task.get_stack(limit=1)
    where = f" ({Path(stack[0].f_code.co_filename).name}:{stack[0].f_lineno})" if stack else ""
    return f"{task.get_name()} {name}{where}"
