"""What each worker of a machine is doing, on a board in shared memory: every worker writes its own line, all may read.

For the metrics, for the workers to share connections out, and for whoever started them to see that one hangs. A server
of one process has a board of one line.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

EVERY = 0.25  # seconds between two updates of a line
SILENT = 2.0  # seconds after which a worker is not counted on


class Phase(IntEnum):
    GONE = 0  # not started, or dead
    STARTING = 1
    READY = 2
    DRAINING = 3


class Line(ctypes.Structure):
    """Shared memory is zeros at first: a worker that is gone."""

    phase: int
    pid: int
    starts: int
    sessions: int
    waiting: int
    most: int
    lag: float
    beat: float
    _fields_ = (
        ("phase", ctypes.c_int),
        ("pid", ctypes.c_int),
        ("starts", ctypes.c_int),  # how often it was started; written by the supervisor
        ("sessions", ctypes.c_int),
        ("waiting", ctypes.c_int),  # connections without a session
        ("most", ctypes.c_int),  # sessions it takes; 0: no limit
        ("lag", ctypes.c_double),  # seconds its loop is late
        ("beat", ctypes.c_double),  # monotonic time of its last update
    )


@dataclass(frozen=True, slots=True)
class State:
    """What a worker has to say of itself."""

    phase: Phase
    sessions: int
    waiting: int
    lag: float  # seconds
    most: int | None = None


class Board:
    """The board as one worker has it: `lines` are an array of Line in shared memory, `mine` is its own."""

    def __init__(self, lines: ctypes.Array[Line] | None = None, mine: int = 0) -> None:
        self.lines = lines if lines is not None else (Line * 1)()
        self.mine = mine

    def write(self, state: State) -> None:
        line = self.lines[self.mine]
        line.phase, line.pid = state.phase, os.getpid()
        line.sessions, line.waiting, line.most = state.sessions, state.waiting, state.most or 0
        line.lag, line.beat = state.lag, time.monotonic()

    def others(self) -> Iterator[Line]:
        """The other workers that serve, and have given a sign of life."""
        fresh = time.monotonic() - SILENT
        for number, line in enumerate(self.lines):
            if number != self.mine and line.phase == Phase.READY and line.beat > fresh:
                yield line


class Beat:
    """Keeps a worker's line true. Started inside the loop whose health it tells."""

    def __init__(self, board: Board, state: Callable[[], State]) -> None:
        self._board = board
        self._state = state
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._board.write(self._state())
        self._next = asyncio.get_running_loop().call_later(EVERY, self.start)

    def stop(self) -> None:
        if self._next:
            self._next.cancel()
            self._next = None
