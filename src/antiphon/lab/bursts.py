"""Where sound begins and ends, to the millisecond: audio cut into *bursts* at its silences and at the dips between.

A burst ends where its level falls to half, and another begins where the level rises again, be it after silence or out
of a dip that never reached silence. A sudden doubling of the level begins a new burst as well: something louder has
set in over noise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
import numpy.typing as npt

from antiphon.audio.pcm import AUDIBLE, samples_of

Samples = npt.NDArray[np.float32]

_FLOOR = 520.0  # RMS in steps of 16 bits (-36 dBFS); below it is silence
_FALL = 0.5  # of the burst's level: the burst is over
_RISE = 1.6  # times the lowest level of the dip: the next one has begun
_JUMP = 2.0  # times the burst's level: something else has set in
_SETTLED = 14  # ms after which a burst has reached its level
_RAMP = 6  # ms within which something louder sets in
_LONGEST = 1500  # ms; what sounds longer is cut, so that memory stays bounded
_WINDOW = 3  # ms over which a level is measured


@dataclass(frozen=True, slots=True, eq=False)
class Burst:
    """One stretch of sound. Positions are in samples from the beginning of the stream."""

    start: int
    end: int  # the first sample after it
    samples: Samples  # shape (end - start,), in steps of 16 bits


class _State(Enum):
    QUIET = auto()
    LOUD = auto()
    FALLING = auto()  # a burst has ended; how deep the dip after it goes is yet to be seen


class BurstFinder:
    """Finds the bursts of one stream, given in pieces of any size: what it finds does not depend on the pieces."""

    def __init__(self, rate: int) -> None:
        self._hop = max(round(rate / 1000), 1)  # samples a millisecond
        self._held: Samples = np.zeros(0, dtype=np.float32)  # from `_origin` on
        self._origin = 0  # position of the first sample held
        self._measured = 0  # hops of `_held` already looked at
        self._powers: list[float] = [0.0] * (_WINDOW - 1)  # mean squares of the hops before the next one
        self._state = _State.QUIET
        self._start = 0  # of the burst, a position
        self._levels: deque[float] = deque([0.0], maxlen=_RAMP)  # the burst's highest RMS, up to each of the last hops
        self._lowest = 0.0  # RMS, in the dip
        self._bottom, self._bottom_power = 0, 0.0  # where the dip's quietest hop begins, and its mean square

    @property
    def sounding(self) -> bool:
        """Whether a burst is under way."""
        return self._state is _State.LOUD

    def feed(self, pcm: bytes) -> list[Burst]:
        """Takes any whole number of 16-bit samples; returns the bursts that have ended, oldest first."""
        self._held = np.concatenate((self._held, samples_of(pcm).astype(np.float32)))
        hops = len(self._held) // self._hop
        fresh = self._held[self._measured * self._hop : hops * self._hop].reshape(-1, self._hop)
        powers: list[float] = np.mean(fresh * fresh, axis=1).tolist()
        found: list[Burst] = []
        for i, power in enumerate(powers):
            recent = (*self._powers, power)
            position = self._origin + (self._measured + i) * self._hop
            found.extend(self._step(position, power, (sum(recent) / _WINDOW) ** 0.5))
            self._powers = list(recent[1:])
        self._measured = hops
        self._forget()
        return found

    def open_burst(self) -> Burst | None:
        """The burst under way, as far as it has come."""
        if self._state is _State.QUIET:
            return None
        end = self._origin + len(self._held) if self._state is _State.LOUD else self._bottom
        return self._burst(end)

    def _step(self, position: int, power: float, level: float) -> Iterator[Burst]:
        """Looks at one hop, which begins at `position`; `level` is the RMS of the window that ends with it."""
        match self._state:
            case _State.QUIET:
                if level >= _FLOOR:
                    self._begin(self._onset(position), level)
            case _State.LOUD:
                age = (position - self._start) // self._hop
                if level < _FALL * self._levels[-1]:
                    self._state = _State.FALLING
                    self._lowest, self._bottom, self._bottom_power = level, position, power
                elif age > _LONGEST or (age > _SETTLED and level > _JUMP * self._levels[0]):
                    yield self._burst(position)
                    self._begin(position, level)
                else:
                    self._levels.append(max(self._levels[-1], level))
            case _State.FALLING:
                yield from self._fall(position, power, level)

    def _fall(self, position: int, power: float, level: float) -> Iterator[Burst]:
        if power < self._bottom_power:
            self._bottom, self._bottom_power = position, power
        self._lowest = min(self._lowest, level)
        if level < _FLOOR:
            yield self._burst(position + self._hop)
            self._state = _State.QUIET
        elif level > _RISE * self._lowest:
            yield self._burst(self._bottom)
            self._begin(self._bottom, level)

    def _begin(self, start: int, level: float) -> None:
        self._state, self._start = _State.LOUD, start
        self._levels.clear()
        self._levels.append(level)

    def _onset(self, position: int) -> int:
        """The first audible sample of the window that ends with the hop at `position`."""
        begin = max(position - (_WINDOW - 1) * self._hop - self._origin, 0)
        window = np.abs(self._held[begin : position + self._hop - self._origin]) >= AUDIBLE
        return self._origin + begin + int(window.argmax())

    def _burst(self, end: int) -> Burst:
        samples = self._held[self._start - self._origin : end - self._origin]
        loud = np.flatnonzero(np.abs(samples) >= AUDIBLE)
        samples = samples[: int(loud[-1]) + 1 if loud.size else 0].copy()
        return Burst(self._start, self._start + len(samples), samples)

    def _forget(self) -> None:
        """Lets go of audio that no burst can need."""
        hops = (
            (self._start - self._origin) // self._hop if self._state is not _State.QUIET else self._measured - _WINDOW
        )
        if hops > 0:
            self._held = self._held[hops * self._hop :]
            self._origin += hops * self._hop
            self._measured -= hops
