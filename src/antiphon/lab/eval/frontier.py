"""False cut-offs against waiting: the frontier of a policy, swept over its one knob.

*False cut-offs* are the share of drawn pauses in which the turn is closed before the caller goes on. *Wait* is from the
last voiced sample of a turn to the decision that it is over, mean over all true ends. Intervals are bootstrapped over
clips: pauses of one clip are not independent.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from antiphon.lab.eval import pauses
from antiphon.lab.eval.points import Point
from antiphon.lab.eval.policies import Policy
from antiphon.lab.eval.stats import interval, weights

DRAWS = 50  # pauses drawn at each dip
WAITS = (0.3, 0.6)  # seconds of mean wait at which false cut-offs are told
CUT = 0.05  # false cut-offs at which the wait is told

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Frontier:
    """Arrays of shape (settings, clips), the settings in the order of their mean wait."""

    knobs: tuple[float, ...]
    waited: Float64  # seconds, summed over the clip's ends
    ends: Float64
    cut: Float64  # drawn pauses cut
    pauses: Float64

    def curve(self) -> list[tuple[float, float]]:
        """Mean wait in seconds and share of false cut-offs, at each setting."""
        (waits,), (cuts,) = self._means(np.ones((1, self.ends.shape[1])))
        return [(float(w), float(c)) for w, c in zip(waits, cuts, strict=True)]

    def _means(self, weight: Float64) -> tuple[Float64, Float64]:
        """Mean wait and share cut at each setting, a row for each row of weights; `weight` has shape (rows, clips)."""
        waits = (weight @ self.waited.T) / np.maximum(weight @ self.ends.T, 1e-9)
        cuts = (weight @ self.cut.T) / np.maximum(weight @ self.pauses.T, 1e-9)
        return waits, cuts

    def cut_at(self, wait: float) -> dict[str, Any]:
        """The share of false cut-offs at this mean wait; None where the policy cannot be so quick, or so slow."""
        return self._told(lambda waits, cuts: _crossing(waits, cuts, wait))

    def wait_at(self, cut: float) -> dict[str, Any]:
        """The mean wait, in seconds, at this share of false cut-offs."""
        return self._told(lambda waits, cuts: _first_below(waits, cuts, cut))

    def _told(self, find: Callable[[Float64, Float64], float]) -> dict[str, Any]:
        (waits,), (cuts,) = self._means(np.ones((1, self.ends.shape[1])))
        value = find(waits, cuts)
        spread = interval([find(w, c) for w, c in zip(*self._means(weights(self.ends.shape[1])), strict=True)])
        return {"value": round(value, 4) if math.isfinite(value) else None, "interval": spread}


def sweep(
    make: Callable[[float], Policy], knobs: Sequence[float], points: Sequence[Point], *, seed: int = 0
) -> Frontier:
    """Every setting on every point. The same pauses are drawn for all of them."""
    clips = sorted({point.clip for point in points})
    row = {clip: i for i, clip in enumerate(clips)}
    drawn = draws(points, seed=seed)
    shape = len(knobs), len(clips)
    waited, ends, cut, tried = np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for k, knob in enumerate(knobs):
        policy = make(knob)
        for point, lengths in zip(points, drawn, strict=True):
            decided, at = policy(point), (k, row[point.clip])
            if point.over:
                waited[at] += decided
                ends[at] += 1
            else:
                cut[at] += sum(length > decided for length in lengths)
                tried[at] += len(lengths)
    order = np.argsort(waited.sum(axis=1), kind="stable")
    return Frontier(tuple(knobs[i] for i in order), waited[order], ends[order], cut[order], tried[order])


def draws(points: Sequence[Point], *, seed: int = 0) -> list[list[float]]:
    """For each point the pauses drawn there, in seconds; none at an end."""
    lengths = []
    for i, point in enumerate(points):
        rng = random.Random(f"{seed} {i} {point.clip}")
        lengths.append([] if point.over else [pauses.draw(rng) for _ in range(DRAWS)])
    return lengths


def _crossing(waits: Float64, cuts: Float64, wait: float) -> float:
    if not waits[0] <= wait <= waits[-1]:
        return math.nan
    return float(np.interp(wait, waits, cuts))


def _first_below(waits: Float64, cuts: Float64, cut: float) -> float:
    below = np.flatnonzero(cuts <= cut)
    if not below.size:
        return math.nan
    i = int(below[0])
    if i == 0 or cuts[i - 1] <= cuts[i]:
        return float(waits[i])
    return float(np.interp(cut, [cuts[i], cuts[i - 1]], [waits[i], waits[i - 1]]))
