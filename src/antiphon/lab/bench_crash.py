"""What a process that is killed takes with it: two servers behind HAProxy, live calls on both, `kill -9` of one.

The servers share a store and nothing else. Every caller talks and listens without a pause, with tools in between: of
the server, of the client, some that may be run again and some that may not. Half of the callers acknowledge what they
have played. When the line is cut a caller comes back to the same address with session.resume; at the end every agent is
asked what it remembers. A call has gone on if that is what was said and heard, to 250 ms where the cut went through it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antiphon.lab.crash_call import TOLERANCE, Call, Cut, Verdict
from antiphon.lab.crash_site import blueprint, effects_in, service
from antiphon.lab.haproxy import haproxy
from antiphon.lab.machine import machine, percentile, today
from antiphon.lab.server_process import server_process
from antiphon.server.stores import make_store

RATE = 24_000  # Hz
CALLS = 20
STARTS_WITHIN = 3.0  # seconds all calls are begun in
UNTIL_THE_CRASH = (8.0, 14.0)  # seconds; drawn
AFTERWARDS = 6.0  # seconds the calls go on until they are asked what they remember
LONGEST = 90.0  # seconds a call may take


def run(*, json: bool = False, calls: int = CALLS, seed: int = 0, store: str = "") -> dict[str, Any]:
    """`store` as in `antiphon serve`; nothing: an SQLite file that is deleted afterwards."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measure(calls, seed=seed, store=store))


async def measure(
    calls: int,
    *,
    seed: int = 0,
    store: str = "",
    until: tuple[float, float] = UNTIL_THE_CRASH,
    afterwards: float = AFTERWARDS,
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        effects = Path(folder) / "effects"
        shared = store or str(Path(folder) / "sessions.db")
        make, keep = functools.partial(blueprint, effects), functools.partial(service, shared)
        async with (
            server_process(make, service=keep) as one,
            server_process(make, service=keep) as two,
            _proxied(one.address, two.address, Path(folder)) as url,
        ):
            rng = random.Random(f"crash {seed}")
            crash = Crash(rng.uniform(*until), one.kill, afterwards)
            held, verdicts = await _hold(url, calls, seed, crash, shared)
        return {
            **_report(held, verdicts),
            **_tools(effects, verdicts),
            "store": store.partition(":")[0] or "sqlite",
            "machine": machine(),
            "date": today(),
        }


@contextlib.asynccontextmanager
async def _proxied(one: str, two: str, folder: Path) -> Any:
    starting = contextlib.ExitStack()
    proxy = await asyncio.to_thread(starting.enter_context, haproxy(one, two, log=folder / "haproxy.log"))
    with starting:
        yield proxy.ws


@dataclass(frozen=True, slots=True)
class Crash:
    until: float  # seconds from when all calls have begun
    happen: Callable[[], None]
    afterwards: float  # seconds


async def _hold(url: str, calls: int, seed: int, crash: Crash, shared: str) -> tuple[list[Call], list[Verdict]]:
    store = make_store(shared)
    await store.open()

    async def look(call: Call) -> None:
        """What the store has of it, now that its server is dead."""
        record = await store.session(call.session_id)
        if call.cut and record:
            same = record.heard_reply == call.cut.reply_id
            call.cut.stored = record.heard_samples if same else 0

    held, running = [], []
    for number in range(calls):
        call = Call(url, seed=seed * 1_000 + number, acknowledges=number % 4 < 2)
        call.stored_at_cut = look
        held.append(call)
        running.append(asyncio.create_task(asyncio.wait_for(call.run(), LONGEST), name=f"call {number}"))
        await asyncio.sleep(STARTS_WITHIN / calls)
    await asyncio.sleep(crash.until)
    crash.happen()
    await asyncio.sleep(crash.afterwards)
    for call in held:
        call.finish.set()
    ended = await asyncio.gather(*running, return_exceptions=True)
    await store.aclose()
    return held, [Verdict([repr(end)]) if isinstance(end, BaseException) else end for end in ended]


def _report(held: Sequence[Call], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    cuts = [verdict.cut for verdict in verdicts if verdict.cut]
    off = [1000 * abs(cut.stored - cut.played) / RATE for cut in cuts if cut.reply_id and cut.stored is not None]
    faults = [f"call {number}: {fault}" for number, verdict in enumerate(verdicts) for fault in verdict.faults]
    went_on = sum(not verdict.faults for verdict in verdicts)
    return {
        "calls": len(held),
        "cut_off": len(cuts),
        "cut_while_speaking": len(off),
        "went_on": went_on,
        "heard_off_ms_max": max(off, default=0.0),
        "back_ms_p50": percentile(_after(cuts, "back"), 50),
        "back_ms_max": max(_after(cuts, "back"), default=float("nan")),
        "next_reply_ms_p50": percentile(_after(cuts, "audible"), 50),
        "faults": faults,
        "within_bar": went_on == len(held) and bool(cuts) and max(off, default=0.0) <= 1000 * TOLERANCE,
    }


def _after(cuts: Sequence[Cut], what: str) -> list[float]:
    """Milliseconds from each cut to it."""
    return [1000 * (at - cut.at) for cut in cuts if (at := getattr(cut, what)) is not None]


def _tools(path: Path, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    effects = effects_in(path)
    again = Counter(name for (name, _), times in effects.runs.items() if times > 1)
    return {
        "tools_run": sum(effects.runs.values()),
        "tools_cut_short": len(effects.cut_short),
        "run_again_that_may_be": again["look_up"],
        "run_again_that_may_not": again["charge"] + sum(verdict.asked_again for verdict in verdicts),
    }
