"""Whether a session survives the loss of its connection at any moment of a call.

Calls over the wire in virtual time, through the server's own connection, session and store; only the sockets are not
real. A caller is greeted, books a table (a tool of the server's), asks where to park (a tool of the client's) and says
thank you. The connection is cut once in each call: in the greeting, in the caller's turn before it is understood, while
a tool runs, between two pieces of a reply, at a reply's last piece, anywhere. The server notices at once, or not before
the client is back; or its process is killed, and the client finds another with the same store. The client comes back
after 0.1 to 4 s, and sends what its caller said meanwhile. Each point is one of a call with a stock client, and one of
a call with a client that counts its events and says what it has played.

A call is right if the model's history holds every word of the caller's, and every word of the agent's in its order, a
cut word at most twice, and no word that the client had not begun to play; if no tool was run twice; if the events of
each connection came in order, and those of a client that counts without a gap. What is on its way into a connection
that died unnoticed is lost: a word at most. Killed with a process are the caller's last words that had not been
understood by then, at most those of one turn.

The times are those at the client, and in them is the network's: 40 ms each way, 10 ms more or less.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import statistics
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from antiphon.client import events as of
from antiphon.lab import virtual
from antiphon.lab.cut_call import NETWORK, TTS_TAKES, Cut, CutCall, Lost, Outcome
from antiphon.lab.cut_judge import judge
from antiphon.lab.machine import machine, today

AWAY = (0.1, 4.0)  # seconds until the client is back
PROCESSES = 2
POINTS_A_CALL = 10  # each of another call like it


class Where(StrEnum):
    GREETING = "greeting"
    TURN = "before the final transcript"
    TOOL = "during a tool"
    CHUNKS = "between chunks"
    LAST = "at the last chunk"
    ANY = "anywhere"


class Source(StrEnum):
    """Where the audio comes from that is heard next."""

    RETAINED = "retained"
    TEXT = "text"  # the process had none, but knew what was to be said
    MODEL = "model"  # nor that


@dataclass(frozen=True, slots=True)
class Point:
    """One cut. Not yet when: that is found in a call without it."""

    where: Where
    how: Lost
    call: int  # the seed of the call that is cut
    number: int  # of the point


@dataclass(frozen=True, slots=True)
class Result:
    point: Point
    counts: bool  # the client
    at: float
    wrong: tuple[str, ...]
    source: Source | None  # None: nothing was left to be said
    next_audio: float  # seconds from the client's resume to the rest of the reply that was cut
    asked_after: float = 0.0  # to the model's being asked for it


def run(*, json: bool = False, points: int = 500, seed: int = 1, processes: int | None = None) -> dict[str, Any]:
    """How many of the cuts a session survives as it should; of each point there are two."""
    results = list(measured(drawn(points, seed), processes or min(PROCESSES, os.cpu_count() or 1)))
    return {
        "stock": _figures([result for result in results if not result.counts]),
        "seq": _figures([result for result in results if result.counts]),
        "next_audio": _next_audio_figures(results),
        "cells": [
            {"lost": how.value, "cut": where.value}
            | _figures([r for r in results if (r.point.how, r.point.where) == (how, where)])
            for how in Lost
            for where in Where
        ],
        "failures": [_described(result) for result in results if result.wrong][:20],
        "seed": seed,
        "machine": machine(),
        "date": today(),
    }


def drawn(points: int, seed: int) -> list[Point]:
    """Every kind of cut as often as any other, and ten in calls of one seed."""
    kinds = [(where, how) for how in Lost for where in Where]
    random.Random(seed).shuffle(kinds)  # a few of them are no worse a sample
    found = []
    for index in range(points):
        where, how = kinds[index % len(kinds)]
        call, number = divmod(index, POINTS_A_CALL)
        found.append(Point(where, how=how, call=seed * 1000 + call, number=number))
    return found


def measured(points: list[Point], processes: int) -> Iterator[Result]:
    """What comes of a cut does not depend on the number of processes."""
    calls = [points[first : first + POINTS_A_CALL] for first in range(0, len(points), POINTS_A_CALL)]
    todo = [(call, counts) for call in calls for counts in (False, True)]
    if processes == 1:
        for work in todo:
            yield from _measure(work)
        return
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for results in pool.map(_measure, todo):
            yield from results


def _measure(todo: tuple[list[Point], bool]) -> list[Result]:
    points, counts = todo
    log = logging.getLogger("antiphon")
    level = log.level
    log.setLevel(logging.CRITICAL)  # those who are killed would complain of it
    try:
        return [measure(point, counts=counts) for point in points]
    finally:
        log.setLevel(level)


def measure(point: Point, *, counts: bool) -> Result:
    """Holds the call with the cut; and once undisturbed, to know when what happens."""
    rng = random.Random(f"cut {point.call} {point.number}")
    whole = _undisturbed(point.call, counts)
    at = _moment(point.where, whole, rng)
    cut = virtual.run(_call(point.call, counts, Cut(at, rng.uniform(*AWAY), point.how)))
    wrong = (*(f"undisturbed: {why}" for why in judge(whole, None)), *judge(cut, point.how))
    return Result(point, counts, at, wrong, *_next_audio(cut, point.how))


@lru_cache(maxsize=1)
def _undisturbed(seed: int, counts: bool) -> Outcome:
    return virtual.run(_call(seed, counts, None))


async def _call(seed: int, counts: bool, cut: Cut | None) -> Outcome:
    return await CutCall(counts=counts, cut=cut, seed=seed).run()


# --- when -------------------------------------------------------------------------------------------------------------


def _moment(where: Where, whole: Outcome, rng: random.Random) -> float:
    """A random moment of the kind, by what the client of an undisturbed call met, before it ended the call."""
    log, spoken, goodbye = whole.client.log, whole.client.spoken, whole.client.goodbye or 0.0
    done = [at for at, event in log if isinstance(event, of.ReplyDone)]
    started = [at for at, event in log if isinstance(event, of.ReplyStarted)]
    turns = [at for at, event in log if isinstance(event, of.TranscriptUser)]
    called = [at for at, event in log if isinstance(event, of.ToolCall)]
    reply = rng.randrange(1, len(done))
    audio = [at for at, event in log if isinstance(event, of.ReplyAudio) and started[reply] <= at <= done[reply]]
    turn = rng.randrange(len(turns))
    after_call = next(at for at in started if at > called[0])
    match where:
        case Where.GREETING:
            return rng.uniform(started[0], done[0])
        case Where.TURN:
            return rng.uniform(spoken[turn].begins, turns[turn])
        case Where.TOOL:
            return rng.choice([rng.uniform(done[1], started[2]), rng.uniform(called[0], after_call)])
        case Where.CHUNKS if audio:
            return rng.uniform(audio[0], audio[-1])
        case Where.LAST if audio:
            return rng.uniform(audio[-1], min(done[reply] + 0.1, goodbye))
        case _:
            return rng.uniform(0.2, goodbye)


# --- the rest of a reply ----------------------------------------------------------------------------------------------


def _next_audio(outcome: Outcome, how: Lost) -> tuple[Source | None, float, float]:
    """Where the rest of a reply that was cut came from, how long after the resume its audio came, and the model's being
    asked for it."""
    client, returned = outcome.client, outcome.client.returned
    heard = [at for at, event in client.log if isinstance(event, of.ReplyAudio) and event.reply_id != client.cut_in]
    came = next((at for at in heard if returned is not None and at > returned), None)
    if not client.cut_in or returned is None or came is None or not _was_cut(outcome, how, until=came):
        return None, 0.0, 0.0
    asked = next((at for at in outcome.asked if returned < at < came), None)
    if asked is not None:
        return Source.MODEL, came - returned, asked - returned
    return Source.TEXT if how is Lost.KILLED else Source.RETAINED, came - returned, 0.0


def _was_cut(outcome: Outcome, how: Lost, *, until: float) -> bool:
    """Whether there was a rest. Of a process that was killed nobody knows; but what the agent says before the caller
    says anything can be nothing else."""
    if how is Lost.KILLED:
        returned = outcome.client.returned or 0.0
        return not any(spoken.begins < until and spoken.ends > returned for spoken in outcome.client.spoken)
    return any(said.reply_id == outcome.client.cut_in and said.interrupted for said in outcome.said)


# --- figures ----------------------------------------------------------------------------------------------------------


def _figures(results: list[Result]) -> dict[str, Any]:
    return {"cuts": len(results), "right": sum(not result.wrong for result in results)}


def _next_audio_figures(results: list[Result]) -> dict[str, Any]:
    """In milliseconds, but for `n`. Without audio it is the stages' time, and so much more: both ways of the network,
    the store, and what is ours. Of the model's the figure is that until it is asked."""
    by = {source: [result for result in results if result.source is source] for source in Source}
    return {
        "retained": _spread([result.next_audio for result in by[Source.RETAINED]]),
        "text_after_stages": _spread([result.next_audio - TTS_TAKES for result in by[Source.TEXT]]),
        "model_asked": _spread([result.asked_after for result in by[Source.MODEL]]),
        "of_it_network": round(NETWORK.delay * 2 * 1000),
    }


def _spread(seconds: list[float]) -> dict[str, Any]:
    if not seconds:
        return {"n": 0}
    ordered = sorted(seconds)
    return {"n": len(ordered), "p50": round(statistics.median(ordered) * 1000), "max": round(ordered[-1] * 1000)}


def _described(result: Result) -> str:
    point = result.point
    what = f"{'seq' if result.counts else 'stock'}, {point.how}, {point.where}"
    return f"{what}, call {point.call}, cut {point.number} at {result.at:.3f} s: {'; '.join(result.wrong)}"
