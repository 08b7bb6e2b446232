"""What a client that takes more than its share costs its neighbours, and how long it is let.

The server has one core to itself; the callers and, in a process of its own, the flood have another. A few healthy
conversations run all the while, as in the density bench; lag is measured as there. A newcomer calls in the midst of
each flood: how long until its session is ready tells whether the door is still open.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from antiphon.client.client import Client
from antiphon.errors import AntiphonError
from antiphon.lab.bench_density import Crowd, Figures, blueprint, track
from antiphon.lab.floods import Outcome, flood
from antiphon.lab.machine import machine, today
from antiphon.lab.server_process import ServerProcess, server_process

KINDS = ("audio", "messages", "half_open")
STOP_BAR = 2.0  # seconds a flood may last
NEIGHBOURS = 20
SECONDS = 10.0  # of each flood
NEWCOMER = 2.0  # seconds after its beginning that a newcomer calls
PATIENCE = 30.0  # seconds a newcomer waits


def run(*, json: bool = False, seconds: float = SECONDS, neighbours: int = NEIGHBOURS) -> dict[str, Any]:
    """One object for each flood, and one for the same time without any."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(seconds, neighbours))


async def _measure(seconds: float, neighbours: int) -> dict[str, Any]:
    cores, measured_on = sorted(os.sched_getaffinity(0)), machine()
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores[1:2]))
    figures: dict[str, Any] = {"neighbours": neighbours, "seconds": seconds}
    async with server_process(blueprint, core=cores[0]) as server, _elsewhere() as flooding:
        crowd = Crowd(server)
        figures["none"] = _quiet(await crowd.measure(neighbours, seconds))
        for kind in KINDS:
            figures[kind] = await _flooded(kind, server, crowd, flooding, seconds, neighbours)
        crowd.leave()
    return {**figures, "machine": measured_on, "date": today()}


async def _flooded(
    kind: str, server: ServerProcess, crowd: Crowd, flooding: ProcessPoolExecutor, seconds: float, neighbours: int
) -> dict[str, Any]:
    await crowd.resize(neighbours)
    loop = asyncio.get_running_loop()
    flooded = loop.run_in_executor(flooding, _flood, kind, server.address, seconds)
    newcomer = asyncio.create_task(_call(server.url))
    figures = await crowd.watch(seconds)
    outcome: Outcome = await flooded
    return {
        "stopped_after_s": outcome.after,
        "how": outcome.how,
        "p99_lag_ms": figures.lag_ms,
        "p99_loop_ms": figures.loop_ms,
        "p99_audio_ms": figures.audio_ms,
        "max_loop_ms": figures.max_loop_ms,
        "cpu_percent": 100 * figures.cpu,
        "lost": figures.lost,
        "newcomer_ms": await newcomer,
        "within_bar": outcome.after is not None and outcome.after <= STOP_BAR and figures.holds,
    }


@contextlib.asynccontextmanager
async def _elsewhere() -> AsyncIterator[ProcessPoolExecutor]:
    """A process for the flood, which gives way to the callers: what they measure is the server."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=os.nice, initargs=(5,)) as pool:
        await asyncio.get_running_loop().run_in_executor(pool, os.getpid)  # up before anything is measured
        yield pool


def _flood(kind: str, address: str, seconds: float) -> Outcome:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(flood(kind, address, seconds, track(0)))


async def _call(url: str) -> float | None:
    """Milliseconds until a call that comes during the flood has its session; None: it was not had."""
    await asyncio.sleep(NEWCOMER)
    loop = asyncio.get_running_loop()
    began = loop.time()
    with contextlib.suppress(AntiphonError, OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE), Client(url) as client:
            await client.configure()
            return 1000 * (loop.time() - began)
    return None


def _quiet(figures: Figures) -> dict[str, Any]:
    return {"p99_lag_ms": figures.lag_ms, "max_loop_ms": figures.max_loop_ms, "cpu_percent": 100 * figures.cpu}
