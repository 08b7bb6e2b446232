"""Cascade against streaming, on the same recordings with the same local chain: what overlapping the stages is worth.

In a cascade the STT is asked for its final when the turn is over, all of the answer is written before any is spoken,
and all of its audio is made before any is played. Streaming hides most of that. By the ledgers, the overlap is worth
what the spans of those three stages (`stt`, `chunking`, `tts`) shrink by from one mode to the other; what is really won
is the difference of the latencies that the client measures on the audio. `won` is the second as a share of the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Literal

from antiphon.agent import Agent
from antiphon.client.call import call
from antiphon.client.report import Turn
from antiphon.lab import orders
from antiphon.lab.machine import machine, today
from antiphon.lab.server_process import server_process
from antiphon.server.runtime import Blueprint

OVERLAPPED = ("stt", "chunking", "tts")  # the spans that streaming is to hide
RECORDINGS = 10  # of the recorded orders, where no files are given
INSTRUCTIONS = "You take orders in a coffee shop. Answer in one or two short sentences."

Mode = Literal["cascade", "streaming"]


def run(*, json: bool = False, recordings: list[Path] | None = None) -> dict[str, Any]:
    """The median of each span in both modes, and what streaming wins."""
    paths = recordings or [order.path for order in orders.load(RECORDINGS)]
    cascade = asyncio.run(_turns(_cascade, paths))
    streaming = asyncio.run(_turns(_streaming, paths))
    return {**summary(cascade, streaming), "machine": machine(), "date": today()}


def summary(cascade: list[Turn | None], streaming: list[Turn | None]) -> dict[str, Any]:
    """Of the recordings that were answered in both modes."""
    pairs = [(one, other) for one, other in zip(cascade, streaming, strict=True) if one and other]
    won = [(one.latency_ms or 0.0) - (other.latency_ms or 0.0) for one, other in pairs]
    worth = [_overlapped(one) - _overlapped(other) for one, other in pairs]
    return {
        "recordings": len(pairs),
        "cascade_ms": _medians([one for one, _ in pairs]),
        "streaming_ms": _medians([other for _, other in pairs]),
        "won_ms": round(median(won), 1) if won else None,
        "worth_by_the_spans_ms": round(median(worth), 1) if worth else None,
        "won": round(sum(won) / sum(worth), 3) if worth and sum(worth) > 0 else None,
    }


def _medians(turns: list[Turn]) -> dict[str, float]:
    names = list(dict.fromkeys(span.name for turn in turns for span in turn.spans))
    spans = {name: median(_span(turn, name) for turn in turns) for name in names}
    total = median(turn.latency_ms or 0.0 for turn in turns) if turns else float("nan")
    return {**{name: round(ms, 1) for name, ms in spans.items()}, "on_the_audio": round(total, 1)}


def _overlapped(turn: Turn) -> float:
    return sum(_span(turn, name) for name in OVERLAPPED)


def _span(turn: Turn, name: str) -> float:
    return sum(span.ms for span in turn.spans if span.name == name)


async def _turns(make: Callable[[], Blueprint], paths: list[Path]) -> list[Turn | None]:
    """The first answered turn of each recording, called one at a time."""
    async with server_process(make) as server:
        return [await _turn(server.url, path) for path in paths]


async def _turn(url: str, path: Path) -> Turn | None:
    report = await call(url, path)
    return next((turn for turn in report.turns if turn.latency_ms is not None and turn.spans), None)


def _cascade() -> Blueprint:
    return _blueprint("cascade")


def _streaming() -> Blueprint:
    return _blueprint("streaming")


def _blueprint(mode: Mode) -> Blueprint:
    return Agent(instructions=INSTRUCTIONS, greeting=None, idle_after=None, mode=mode).blueprint()
