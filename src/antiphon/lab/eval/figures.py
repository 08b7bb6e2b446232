"""The figures of an evaluation, as they are printed and compared. docs/evaluation.md defines each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from antiphon.lab.eval.frontier import CUT, WAITS, Frontier
from antiphon.lab.eval.overlaps import VAD_ONLY, WITHIN, Outcome
from antiphon.lab.eval.points import Point
from antiphon.lab.eval.policies import Policy
from antiphon.lab.eval.sounds import Kind
from antiphon.lab.eval.stats import share
from antiphon.lab.machine import percentile

Figures = dict[str, Any]

# What every policy and every baseline is measured by; None where it does not apply to one.
ENDPOINTING = (*(f"false_cutoff_at_{1000 * wait:.0f}ms" for wait in WAITS), f"wait_at_{100 * CUT:.0f}pct_ms")
BARGE_IN = ("yield_rate", "backchannel_kept", "coughs_and_bursts_kept", "background_kept")
COLUMNS = (*ENDPOINTING, "digits_cut", *BARGE_IN)
KEPT = {
    "backchannel_kept": (Kind.BACKCHANNEL,),
    "coughs_and_bursts_kept": (Kind.COUGH, Kind.BURST),
    "background_kept": (Kind.BACKGROUND,),
}


def blank() -> Figures:
    return {**dict.fromkeys(COLUMNS), "counts": {}, "intervals": {}}


def merged(*parts: Figures) -> Figures:
    """One set of figures, out of several that each know a part."""
    whole = blank()
    for part in parts:
        for key, value in part.items():
            whole[key] = {**whole[key], **value} if key in ("counts", "intervals") else value
    return whole


def of_frontier(frontier: Frontier) -> Figures:
    """What a swept policy comes to. Shares and waits that it cannot reach are None."""
    told = {f"false_cutoff_at_{1000 * wait:.0f}ms": frontier.cut_at(wait) for wait in WAITS}
    told[ENDPOINTING[-1]] = _in_ms(frontier.wait_at(CUT))
    drawn, ends = int(frontier.pauses[0].sum()), int(frontier.ends[0].sum())
    counts = {
        key: {"count": None if told[key]["value"] is None else round(told[key]["value"] * drawn), "of": drawn}
        for key in ENDPOINTING[:-1]
    }
    return {
        **{key: found["value"] for key, found in told.items()},
        "counts": {**counts, ENDPOINTING[-1]: {"of": ends}},
        "intervals": {key: found["interval"] for key, found in told.items()},
    }


def at_a_setting(frontier: Frontier) -> Figures:
    """What a policy with one setting comes to: where it stands on the plane."""
    ((wait, cut),) = frontier.curve()
    drawn = int(frontier.pauses[0].sum())
    return {
        "mean_wait_ms": round(1000 * wait),
        "false_cutoff": round(cut, 4),
        "counts": {"false_cutoff": {"count": round(cut * drawn), "of": drawn}},
    }


def of_numbers(policy: Policy, points: Iterable[Point]) -> Figures:
    """Phone numbers: how many were cut before their last digit, and the wait after it."""
    cut: defaultdict[str, bool] = defaultdict(bool)
    waits = []
    for point in points:
        decided = policy(point)
        if point.over:
            waits.append(1000 * decided)
        cut[point.clip] |= not point.over and decided < point.lasts
    counted = share(sum(cut.values()), len(cut))
    return {
        "digits_cut": counted["share"],
        "digits_wait_ms": {"mean": _mean(waits), "p95": _rounded(waits, 95)},
        "counts": {"digits_cut": {"count": counted["count"], "of": counted["of"]}},
        "intervals": {"digits_cut": counted["interval"]},
    }


def of_overlaps(outcomes: Sequence[Outcome]) -> Figures:
    """A session's own behaviour."""
    real = [one for one in outcomes if one.kind is Kind.INTERRUPTION]
    gaps = [1000 * gap for one in outcomes for gap in one.gaps]
    resumed = [one for one in outcomes if one.gaps]
    return {
        **_shares(outcomes, lambda one: one.gave_way, lambda one: one.kept),
        "hold_ms": _spread(one.held for one in real),
        "yield_ms": _spread(one.yielded for one in real if one.gave_way),
        "stop_ms": _spread(one.stopped for one in real if one.gave_way),
        "resumed_gap_ms": {"p50": _rounded(gaps, 50), "p95": _rounded(gaps, 95), "of": len(gaps)},
        "resumed_with_a_word_lost_or_repeated": {
            "count": sum(bool(one.lost or one.doubled) for one in resumed),
            "of": len(resumed),
        },
    }


def of_echo(outcomes: Sequence[Outcome]) -> Figures:
    """An agent that hears itself: how often it stops for its own voice, and whether it still does for the caller's."""
    alone = [one for one in outcomes if one.kind is Kind.NOTHING]
    real = [one for one in outcomes if one.kind is Kind.INTERRUPTION]
    minutes, stops = sum(one.spoke for one in alone) / 60, sum(not one.kept for one in alone)
    return {
        "echo": {
            "self_interruptions_per_minute": round(stops / minutes, 3) if minutes else None,
            "count": stops,
            "minutes": round(minutes, 2),
            "yield_rate": share(sum(one.gave_way for one in real), len(real)),
        }
    }


def of_vad_only(outcomes: Sequence[Outcome], which: int) -> Figures:
    """The same audio, had the agent gone by its VAD alone."""

    def gave_way(one: Outcome) -> bool:
        at = one.vad_only[which]
        return at is not None and at <= WITHIN

    return {
        **_shares(outcomes, gave_way, lambda one: one.vad_only[which] is None),
        "yield_ms": _spread(one.vad_only[which] for one in outcomes if one.kind is Kind.INTERRUPTION and gave_way(one)),
    }


def vad_only_names() -> list[str]:
    return [f"vad_only_{1000 * least:.0f}" for least in VAD_ONLY]


def _shares(
    outcomes: Sequence[Outcome], gave_way: Callable[[Outcome], bool], kept: Callable[[Outcome], bool]
) -> Figures:
    asked = {"yield_rate": ((Kind.INTERRUPTION,), gave_way), **{key: (kinds, kept) for key, kinds in KEPT.items()}}
    told = {}
    for key, (kinds, holds) in asked.items():
        those = [one for one in outcomes if one.kind in kinds]
        told[key] = share(sum(holds(one) for one in those), len(those))
    return {
        **{key: one["share"] for key, one in told.items()},
        "counts": {key: {"count": one["count"], "of": one["of"]} for key, one in told.items()},
        "intervals": {key: one["interval"] for key, one in told.items()},
    }


def _in_ms(found: dict[str, Any]) -> dict[str, Any]:
    value, spread = found["value"], found["interval"]
    return {
        "value": None if value is None else round(1000 * value),
        "interval": None if spread is None else [round(1000 * end) for end in spread],
    }


def _spread(values: Iterable[float | None]) -> dict[str, int | None]:
    known = [1000 * value for value in values if value is not None]
    return {"p50": _rounded(known, 50), "p95": _rounded(known, 95), "of": len(known)}


def _rounded(values: Sequence[float], percent: float) -> int | None:
    return round(percentile(values, percent)) if values else None


def _mean(values: Sequence[float]) -> int | None:
    return round(sum(values) / len(values)) if values else None
