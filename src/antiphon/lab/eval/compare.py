"""Two evaluations, one against the other: what became better, what became worse, and what may be chance."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from antiphon.errors import ConfigError
from antiphon.lab.eval.figures import COLUMNS, ENDPOINTING

LOWER_IS_BETTER = (*ENDPOINTING, "digits_cut")


class Verdict(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    SAME = "same"  # the earlier figure lies within the interval of the later one, or the other way round
    UNKNOWN = "unknown"  # one of them has no such figure


@dataclass(frozen=True, slots=True)
class Change:
    figure: str
    before: float | None
    now: float | None
    verdict: Verdict


def load(path: Path) -> dict[str, Any]:
    """What `antiphon eval --json` once printed. Raises ConfigError for anything else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as the JSON of an evaluation: {error}") from error
    if not isinstance(found, dict) or not set(ENDPOINTING) <= set(found):
        raise ConfigError(f"{path}: is no evaluation; make one with: antiphon eval --json > {path}")
    return found


def compare(before: dict[str, Any], now: dict[str, Any]) -> list[Change]:
    return [_change(figure, before, now) for figure in COLUMNS]


def _change(figure: str, before: dict[str, Any], now: dict[str, Any]) -> Change:
    old, new = before.get(figure), now.get(figure)
    if old is None or new is None:
        return Change(figure, old, new, Verdict.UNKNOWN)
    if old == new or _within(old, now, figure) or _within(new, before, figure):
        return Change(figure, old, new, Verdict.SAME)
    better = (new < old) == (figure in LOWER_IS_BETTER)
    return Change(figure, old, new, Verdict.BETTER if better else Verdict.WORSE)


def _within(value: float, of: dict[str, Any], figure: str) -> bool:
    interval = of.get("intervals", {}).get(figure)
    return interval is not None and bool(interval[0] <= value <= interval[1])
