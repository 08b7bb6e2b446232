"""Keeping workers up: one that dies, or hangs, is started again; told to stop, all are given the time they need.

A worker is a process of multiprocessing, and tells its supervisor over a pipe that it is ready, or why it cannot be.
SIGTERM tells it to drain, a second one to stop at once; so does `Stop` over the pipe, as signals in a row may be one.
The pipe's end tells it that there is no supervisor any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from antiphon.errors import AntiphonError
from antiphon.server.board import Board, Phase

log = logging.getLogger("antiphon.server")

FIRST_PAUSE = 0.5  # seconds until a worker that died is started again; twice as long after each further death
LONGEST_PAUSE = 30.0
STEADY = 60.0  # seconds after which a worker's deaths are forgotten
HUNG = 30.0  # seconds without a sign of life after which a worker is killed
LATE = 3.0  # seconds beyond the grace until it is
LOOK_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker's message: it takes on sessions."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A worker's last message: why it cannot serve."""

    message: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The supervisor's message: at once."""


class WorkerFailed(AntiphonError):
    """No worker could be started. The message is the worker's."""


class Orders:
    """What a server was told while it ran. Made inside the loop."""

    def __init__(self) -> None:
        self.drain = asyncio.Event()
        self.stop = asyncio.Event()  # at once

    def tell(self) -> None:
        """To drain; the second time, to stop at once."""
        (self.stop if self.drain.is_set() else self.drain).set()

    def tell_at_once(self) -> None:
        self.drain.set()
        self.stop.set()


Start = Callable[[int], tuple[BaseProcess, Connection]]


class Supervisor:
    """`start` starts the worker of a number, and gives its process and our end of the pipe to it."""

    def __init__(self, start: Start, board: Board, *, grace: float, on_ready: Callable[[], None]) -> None:
        """`on_ready` is called once, when every worker has been ready."""
        self._start = start
        self._board = board
        self._grace = grace
        self._on_ready = on_ready
        self._processes: dict[int, BaseProcess] = {}
        self._pipes: dict[int, Connection] = {}
        self._were_ready: set[int] = set()
        self._stopping = asyncio.Event()

    async def run(self, orders: Orders) -> None:
        """Returns when it was told to stop and all have. Raises WorkerFailed if one cannot be started at first."""
        loop = asyncio.get_running_loop()
        keeping = [loop.create_task(self._keep(number)) for number in range(len(self._board.lines))]
        watching = loop.create_task(self._watch())
        told: asyncio.Task[Any] = loop.create_task(orders.drain.wait())
        try:
            done, _ = await asyncio.wait({told, *keeping}, return_when=asyncio.FIRST_COMPLETED)
            failed = done - {told}
            if failed:
                orders.tell_at_once()
            await self._stop(orders, keeping)
            for task in keeping:
                task.result()
        finally:
            self._signal(signal.SIGKILL)
            for task in (told, watching, *keeping):
                task.cancel()
            await asyncio.gather(told, watching, *keeping, return_exceptions=True)

    async def _stop(self, orders: Orders, keeping: list[asyncio.Task[None]]) -> None:
        self._stopping.set()
        self._signal(signal.SIGTERM)
        ending: asyncio.Future[Any] = asyncio.gather(*keeping, return_exceptions=True)
        hurry: asyncio.Future[Any] = asyncio.ensure_future(orders.stop.wait())
        await asyncio.wait({ending, hurry}, timeout=self._grace + LATE, return_when=asyncio.FIRST_COMPLETED)
        if hurry.done() and not ending.done():
            for pipe in self._pipes.values():
                with contextlib.suppress(OSError):
                    pipe.send(Stop())
            await asyncio.wait({ending}, timeout=self._grace + LATE)
        hurry.cancel()

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes.values():
            if process.is_alive() and process.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, number)

    async def _keep(self, number: int) -> None:
        deaths = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            failed = await self._run_one(number)
            if self._stopping.is_set():
                return
            if failed and not self._were_ready:
                raise WorkerFailed(failed.message)
            deaths = 1 if time.monotonic() - began > STEADY else deaths + 1
            pause = min(FIRST_PAUSE * 2 ** (deaths - 1), LONGEST_PAUSE)
            log.error("worker %d ended; another is started in %g s", number, pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _run_one(self, number: int) -> Failed | None:
        """From the start of a worker to its end; what it said of that."""
        process, pipe = self._start(number)
        self._processes[number], self._pipes[number] = process, pipe
        line = self._board.lines[number]
        line.starts += 1
        line.phase = Phase.STARTING
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        said: list[Failed] = []
        hear = partial(self._hear, number, pipe, said)
        loop.add_reader(pipe.fileno(), hear)
        loop.add_reader(process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(process.sentinel)
            loop.remove_reader(pipe.fileno())
            line.phase = Phase.GONE
        while hear():  # its last words
            pass
        process.join()
        log.info("worker %d (pid %s) ended with %s", number, process.pid, process.exitcode)
        self._pipes.pop(number).close()
        return said[0] if said else None

    def _hear(self, number: int, pipe: Connection, said: list[Failed]) -> bool:
        """Takes a message of a worker's. False: there will be no more."""
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(pipe.fileno())
            return False
        if isinstance(message, Failed):
            said.append(message)
        else:
            self._was_ready(number)
        return True

    def _was_ready(self, number: int) -> None:
        if len(self._were_ready) == len(self._board.lines):
            return
        self._were_ready.add(number)
        if len(self._were_ready) == len(self._board.lines):
            self._on_ready()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            for number, process in self._processes.items():
                line = self._board.lines[number]
                silent = time.monotonic() - line.beat
                if line.phase in (Phase.READY, Phase.DRAINING) and line.pid == process.pid and silent > HUNG:
                    log.error("worker %d (pid %s) gave no sign of life for %.0f s: killed", number, process.pid, silent)
                    process.kill()
