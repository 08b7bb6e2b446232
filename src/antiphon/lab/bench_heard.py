"""Whether the history holds what the caller heard, to the word.

Calls in virtual time, through the real session, playout and ledger. Replies are cut at random moments; the words that
the history then holds are compared with those in the audio that the client played, which is in tones, so that each word
whose sound began is known. Every client is behind a network of 80 ms ± 30 ms each way, and flushes when it is told that
the caller took the floor or that the reply ended: as real ones do.

A cell is one way to be cut: by a voice that takes the floor, after an earlier hold and resume, or by the client's
cancel; with the TTS giving the times of its words or not; in 24 kHz PCM or 8 kHz µ-law; the client saying every 100 ms
what it has played or never. Words last from 140 to 420 ms whatever their spelling.

Without word times, when a word begins is told from the audio: the words of this voice stand apart. Until a first
segment has shown that they do, the words of one still in the making can only be estimated, and then rather too few
are said to have been heard than too many. A voice whose words run together and that gives no times is estimated
throughout, from its letters and pauses; this bench has none such.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any

from antiphon.lab import virtual
from antiphon.lab.heard_call import Cell, Cut, Outcome, cut_replies
from antiphon.lab.machine import machine, today
from antiphon.types import PCM_24K, ULAW_8K

CUTS_A_CALL = 12
CALLS_A_BATCH = 2  # in one virtual loop
PROCESSES = 2

CELLS = tuple(
    Cell(word_times, audio, cut, acknowledges)
    for word_times, audio, cut, acknowledges in product((True, False), (PCM_24K, ULAW_8K), Cut, (True, False))
)


class Verdict(StrEnum):
    """The words in the history, against those heard."""

    EXACT = "exact"
    ONE_SHORT = "one_word_short"
    MORE_SHORT = "more_short"
    OVER = "over"  # a word too many, or another one


@dataclass(frozen=True, slots=True)
class Batch:
    cell: int  # index into CELLS
    calls: tuple[tuple[int, int], ...]  # the seed of each, and how many cuts


def run(*, json: bool = False, cuts: int = 2000, seed: int = 1, processes: int | None = None) -> dict[str, Any]:
    """How many of the cuts are remembered to the word; spread evenly over the cells."""
    counts = [Counter[Verdict]() for _ in CELLS]
    for batch, outcomes in measured(batches(cuts, seed), processes or min(PROCESSES, os.cpu_count() or 1)):
        counts[batch.cell].update(map(judge, outcomes))
    return {
        **_figures(sum(counts, Counter())),
        "cells": [_described(cell) | _figures(count) for cell, count in zip(CELLS, counts, strict=True)],
        "seed": seed,
        "machine": machine(),
        "date": today(),
    }


def batches(cuts: int, seed: int) -> list[Batch]:
    found = []
    for index in range(len(CELLS)):
        share = cuts // len(CELLS) + (index < cuts % len(CELLS))
        sizes = [min(CUTS_A_CALL, share - begun) for begun in range(0, share, CUTS_A_CALL)]
        calls = [((seed * 1000 + index) * 1000 + number, size) for number, size in enumerate(sizes)]
        found += [Batch(index, tuple(calls[i : i + CALLS_A_BATCH])) for i in range(0, len(calls), CALLS_A_BATCH)]
    return found


def measured(todo: list[Batch], processes: int) -> Iterator[tuple[Batch, list[Outcome]]]:
    """Each batch with what came of its cuts. What comes of them does not depend on the number of processes."""
    if processes == 1:
        yield from zip(todo, map(measure, todo), strict=True)
        return
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from zip(todo, pool.map(measure, todo), strict=True)


def measure(batch: Batch) -> list[Outcome]:
    async def calls() -> list[Outcome]:
        cell = CELLS[batch.cell]
        return [outcome for seed, cuts in batch.calls for outcome in await cut_replies(cell, cuts, seed=seed)]

    return virtual.run(calls())


def judge(outcome: Outcome) -> Verdict:
    remembered, heard = outcome.remembered, outcome.heard
    if remembered == heard:
        return Verdict.EXACT
    if remembered != heard[: len(remembered)]:
        return Verdict.OVER
    return Verdict.ONE_SHORT if len(heard) - len(remembered) == 1 else Verdict.MORE_SHORT


def _figures(counts: Counter[Verdict]) -> dict[str, Any]:
    return {"cuts": counts.total()} | {verdict.value: counts[verdict] for verdict in Verdict}


def _described(cell: Cell) -> dict[str, Any]:
    return {
        "word_times": cell.word_times,
        "audio": "PCM 24k" if cell.audio == PCM_24K else "µ-law 8k",
        "cut": cell.cut.value,
        "acknowledges": cell.acknowledges,
    }
