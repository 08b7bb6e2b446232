"""Thousands of calls in virtual time, and in every one of them everything goes wrong: what became of them.

Each call has its seed, which tells all that happens in it: `bench faults --calls 1 --seed N` is that call again.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from antiphon.lab import virtual
from antiphon.lab.fault_call import hold
from antiphon.lab.fault_judge import KINDS, verdicts
from antiphon.lab.machine import machine, today

TOLD = 20  # of what went wrong, in words
LONGEST = 600.0  # virtual seconds of a call


@dataclass
class Result:
    seed: int
    wrong: list[tuple[str, str]] = field(default_factory=list)  # a kind, and what it happened to
    happened: Counter[str] = field(default_factory=Counter)
    turns: int = 0
    seconds: float = 0.0  # of virtual time


def run(*, json: bool = False, calls: int = 10_000, seed: int = 1, processes: int | None = None) -> dict[str, Any]:
    """Holds the calls of the seeds from `seed` on."""
    began, total, happened = time.monotonic(), Counter[str](), Counter[str]()
    turns, seconds, told = 0, 0.0, list[str]()
    for result in held(range(seed, seed + calls), processes or os.cpu_count() or 1):
        total += Counter(kind for kind, _ in result.wrong)
        happened += result.happened
        turns, seconds = turns + result.turns, seconds + result.seconds
        told += [f"seed {result.seed}: {kind}: {what}" for kind, what in result.wrong]
    return {
        "calls": calls,
        "turns": turns,
        "hours": round(seconds / 3600, 1),
        **{kind: total[kind] for kind in KINDS},
        "happened": dict(sorted(happened.items())),
        "told": told[:TOLD],
        "seed": seed,
        "seconds": round(time.monotonic() - began),
        "machine": machine(),
        "date": today(),
    }


def held(seeds: range, processes: int) -> Iterator[Result]:
    if processes == 1 or len(seeds) == 1:
        yield from map(one, seeds)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=_be_quiet) as pool:
        yield from pool.map(one, seeds, chunksize=20)


def _be_quiet() -> None:
    """Of a worker process: what fails is what is wanted."""
    logging.getLogger("antiphon").setLevel(logging.CRITICAL)


def one(seed: int) -> Result:
    """A call of its own loop: one that cannot go on is stuck, and spoils no other."""

    async def main() -> Result:
        story = await hold(seed)
        lasted = asyncio.get_running_loop().time()
        return Result(seed, verdicts(story), story.happened, len(story.asked), lasted)

    try:
        return virtual.run(main(), limit=LONGEST)
    except virtual.VirtualTimeError as error:
        return Result(seed, [("stuck", str(error))])
