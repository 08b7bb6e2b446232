"""What it costs to see what a server does: metrics, traces and recordings, on against off.

Two servers of the same agent, each a process of its own on the same core, have the same callers in turn, round by
round: those of `bench density`, full-duplex and half of the time speaking. One counts nothing, traces nothing and
records nothing; the other counts, sends its traces by OTLP to a collector on this machine, and records every call as
Ogg/Opus. Compared is the processor time of the whole process, its threads among it. The bar is 1.15 times.
"""

from __future__ import annotations

import asyncio
import functools
import os
import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from antiphon.lab.bench_density import Crowd, blueprint
from antiphon.lab.machine import machine, today
from antiphon.lab.server_process import server_process
from antiphon.server.limits import Limits
from antiphon.server.service import ServerOptions, Service

BAR = 1.15
ROUNDS = 3  # of each
LIMITS = Limits(resume_window=0, sessions_whatever_lag=1_000)  # who leaves is gone


def run(*, json: bool = False, seconds: float = 20.0, sessions: int = 20) -> dict[str, Any]:
    """The ratio of the medians, and what each was."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(seconds, sessions))


def plain() -> Service:
    os.environ["OTEL_SDK_DISABLED"] = "true"
    return Service(ServerOptions(metrics=False, limits=LIMITS))


def watched(folder: Path, collector: str) -> Service:
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector
    return Service(ServerOptions(recordings=folder, limits=LIMITS))


async def _measure(seconds: float, sessions: int) -> dict[str, Any]:
    cores, measured_on = sorted(os.sched_getaffinity(0)), machine()
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores[1:2]))
    cpu: dict[str, list[float]] = {"off": [], "on": []}
    with tempfile.TemporaryDirectory(prefix="antiphon-bench-") as folder, _collector() as collector:
        on = functools.partial(watched, Path(folder), collector.url)
        async with (
            server_process(blueprint, service=plain, core=cores[0]) as off_server,
            server_process(blueprint, service=on, core=cores[0]) as on_server,
        ):
            crowds = {"off": Crowd(off_server), "on": Crowd(on_server)}
            for _ in range(ROUNDS):
                for name, crowd in crowds.items():
                    figures = await crowd.measure(sessions, seconds)
                    cpu[name].append(figures.cpu / sessions)
                    await crowd.resize(0)
        recorded = _size_of(Path(folder))
    off, on_ = statistics.median(cpu["off"]), statistics.median(cpu["on"])
    return {
        "ratio": on_ / off,
        "within_bar": on_ / off <= BAR,
        "off_percent_of_a_core_per_session": 100 * off,
        "on_percent_of_a_core_per_session": 100 * on_,
        "ratios_by_round": [round(b / a, 3) for a, b in zip(cpu["off"], cpu["on"], strict=True)],
        "sessions": sessions,
        "seconds": seconds,
        "rounds": ROUNDS,
        "traces_kb": collector.taken / 1000,
        "recorded_kb": recorded / 1000,
        "machine": measured_on,
        "date": today(),
    }


def _size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


class _Collector(ThreadingHTTPServer):
    """Takes traces, and counts their bytes."""

    daemon_threads = True
    taken = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Take(BaseHTTPRequestHandler):
    server: _Collector

    def do_POST(self) -> None:
        self.server.taken += len(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def _collector() -> Iterator[_Collector]:
    with _Collector(("127.0.0.1", 0), _Take) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
