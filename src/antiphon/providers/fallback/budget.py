"""The time that one turn has. All attempts of all stages share it, whoever makes them."""

from __future__ import annotations

import asyncio
import math
from contextvars import ContextVar


class Budget:
    """Until when something must be audible, on the event loop's clock. A reply that is prepared before the turn is
    over has no end to its time yet."""

    def __init__(self, ends: float = math.inf) -> None:
        self.ends = ends

    @property
    def left(self) -> float:
        """Seconds; never less than 0."""
        return max(self.ends - asyncio.get_running_loop().time(), 0.0)


# The budget of the turn that a task works for: set by whoever makes the reply, seen by the providers it calls.
_CURRENT: ContextVar[Budget | None] = ContextVar("antiphon_budget", default=None)


def begin(budget: Budget) -> None:
    """What the present task does from now on counts against `budget`."""
    _CURRENT.set(budget)


def current() -> Budget:
    """The budget of the present task; one without end where there is none."""
    return _CURRENT.get() or Budget()
