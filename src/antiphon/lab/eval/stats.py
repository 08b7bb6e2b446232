"""Shares with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Z = 1.959964  # of 95 %
RESAMPLES = 1000


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share of independent trials (Wilson, "Probable inference, the law of succession, and
    statistical inference", 1927)."""
    if not of:
        return 0.0, 1.0
    share, shrink = hits / of, 1 + Z * Z / of
    middle = (share + Z * Z / (2 * of)) / shrink
    half = Z * math.sqrt(share * (1 - share) / of + Z * Z / (4 * of * of)) / shrink
    return max(0.0, middle - half), min(1.0, middle + half)


def share(hits: int, of: int) -> dict[str, Any]:
    """As it is printed: {"share", "count", "of", "interval"}."""
    low, high = wilson(hits, of)
    return {
        "share": round(hits / of, 4) if of else None,
        "count": hits,
        "of": of,
        "interval": [round(low, 4), round(high, 4)] if of else None,
    }


def weights(groups: int, *, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float64]]:
    """How often each group is drawn, in RESAMPLES bootstrap samples; shape (RESAMPLES, groups)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(groups, np.full(groups, 1 / max(groups, 1)), RESAMPLES).astype(np.float64)


def interval(values: Sequence[float] | np.ndarray[Any, np.dtype[np.float64]]) -> list[float] | None:
    """The middle 95 % of bootstrap results, without those that had none."""
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if len(known) < RESAMPLES // 2:
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return [round(float(low), 4), round(float(high), 4)]
