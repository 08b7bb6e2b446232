"""Recorded callers over the wire, in real time, against a server with the whole local chain in a process of its own.

Each calls, says one thing out of a room that is never quite silent, and waits for the answer. Counted are the replies,
which should be one for each, and the words of the order that were understood. The latency is measured by the client on
the audio alone, from the caller's last voiced sample to the first audible one of the reply; the server's own account of
the same silence, the ledger, is set against it.

Calls at once share the machine's cores: for the latency of one, measure one at a time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from antiphon.agent import Agent
from antiphon.client.call import call
from antiphon.client.events import ReplyStarted
from antiphon.client.report import CallReport
from antiphon.lab import orders
from antiphon.lab.machine import machine, percentile, today
from antiphon.lab.orders import Order
from antiphon.lab.server_process import server_process
from antiphon.server.runtime import Blueprint

JOBS = 4  # calls at once
CALM = 2.5  # seconds after the answer in which a second one would show itself
INSTRUCTIONS = "You take orders in a coffee shop. Answer in one short sentence."


@dataclass(frozen=True, slots=True)
class Served:
    order: Order
    replies: int
    heard: str
    latency: float | None  # ms, by the client
    ledger: float | None  # ms, by the server
    failure: str | None


def run(*, json: bool = False, jobs: int = JOBS, recordings: int | None = None) -> dict[str, Any]:
    """What became of each recording, summed up."""
    served = asyncio.run(_serve(orders.load(recordings), jobs))
    return {**summary(served), "at_once": jobs, "machine": machine(), "date": today()}


def blueprint() -> Blueprint:
    return Agent(instructions=INSTRUCTIONS, greeting=None, idle_after=None).blueprint()


def summary(served: list[Served]) -> dict[str, Any]:
    latencies = [one.latency for one in served if one.latency is not None]
    apart = [abs(one.ledger - one.latency) for one in served if one.ledger is not None and one.latency is not None]
    return {
        "recordings": len(served),
        "replies": {str(replies): count for replies, count in sorted(Counter(one.replies for one in served).items())},
        "not_one_reply": ", ".join(one.order.name for one in served if one.replies != 1) or "none",
        "failed": ", ".join(f"{one.order.name}: {one.failure}" for one in served if one.failure) or "none",
        "slot_words": {
            "found": sum(one.order.found(one.heard) for one in served),
            "of": sum(len(one.order.words) for one in served),
        },
        "latency_ms": {"p50": percentile(latencies, 50), "p95": percentile(latencies, 95), "calls": len(latencies)},
        "ledger_off_ms": {"p50": percentile(apart, 50), "max": max(apart, default=float("nan")), "calls": len(apart)},
    }


async def _serve(callers: list[Order], jobs: int) -> list[Served]:
    free = asyncio.Semaphore(jobs)
    async with server_process(blueprint) as server, asyncio.TaskGroup() as group:
        calls = [group.create_task(_call(server.url, caller, free)) for caller in callers]
    return [one.result() for one in calls]


async def _call(url: str, caller: Order, free: asyncio.Semaphore) -> Served:
    async with free:
        report = await call(url, caller.path, calm=CALM)
    return judge(caller, report)


def judge(caller: Order, report: CallReport) -> Served:
    answered = next((turn for turn in report.turns if turn.latency_ms is not None), None)
    return Served(
        caller,
        replies=sum(isinstance(timed.event, ReplyStarted) for timed in report.events),
        heard=" ".join(turn.user for turn in report.turns),
        latency=answered.latency_ms if answered else None,
        ledger=answered.server_ms if answered else None,
        failure=report.failure,
    )
