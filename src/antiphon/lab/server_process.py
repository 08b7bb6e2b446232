"""A server in a process of its own, if wanted on a core of its own; it tells how late its loop is and what it costs."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import resource
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from antiphon.server.run import listen, make_server
from antiphon.server.runtime import Blueprint, Runtime

START_TIMEOUT = 60.0  # seconds the process has to load its stages
PROBE = 0.005  # seconds between two looks at how late the loop is


@dataclass(frozen=True, slots=True)
class Vitals:
    """Since the last time they were asked for."""

    lags: list[float]  # seconds by which the loop was late, at each look
    cpu: float  # share of one core
    rss: int  # bytes


class ServerProcess:
    """Yielded by `server_process`."""

    def __init__(self, address: str, pipe: Connection, process: multiprocessing.process.BaseProcess) -> None:
        self.address = address
        self.url = f"ws://{address}/v1/ws"
        self.pid = process.pid
        self._pipe = pipe

    async def vitals(self) -> Vitals:
        self._pipe.send(True)
        return await asyncio.get_running_loop().run_in_executor(None, self._pipe.recv)


@contextlib.asynccontextmanager
async def server_process(
    make: Callable[[], Blueprint], *, core: int | None = None, uvloop: bool = True
) -> AsyncIterator[ServerProcess]:
    """Serves what `make` returns, which is called in the new process: it must be a function of a module."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_main, args=(make, theirs, core, uvloop), daemon=True)
    process.start()
    theirs.close()
    try:
        async with asyncio.timeout(START_TIMEOUT):
            address = await asyncio.get_running_loop().run_in_executor(None, ours.recv)
        yield ServerProcess(address, ours, process)
    finally:
        ours.close()  # which tells it to stop
        process.join(5)
        process.terminate()


def _main(make: Callable[[], Blueprint], pipe: Connection, core: int | None, uvloop: bool) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})
    if uvloop:
        import uvloop as fast

        factory: Callable[[], asyncio.AbstractEventLoop] | None = fast.new_event_loop
    else:
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(Runtime(make()), pipe))


async def _serve(runtime: Runtime, pipe: Connection) -> None:
    await runtime.ready()
    sock = listen("127.0.0.1", 0)
    server = make_server(runtime)
    probe = _Probe()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        try:
            pipe.recv()
            pipe.send(probe.take())
        except (EOFError, OSError):
            loop.remove_reader(pipe.fileno())
            server.should_exit = True

    loop.add_reader(pipe.fileno(), asked)
    pipe.send(f"127.0.0.1:{sock.getsockname()[1]}")
    probe.start()
    await server.serve(sockets=[sock])


class _Probe:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._begin()

    def start(self) -> None:
        self._due = self._loop.time() + PROBE
        self._loop.call_at(self._due, self._look)

    def take(self) -> Vitals:
        elapsed, cpu = time.monotonic() - self._since, time.process_time() - self._cpu
        vitals = Vitals(self._lags, cpu / elapsed, rss_bytes())
        self._begin()
        return vitals

    def _begin(self) -> None:
        self._lags: list[float] = []
        self._since, self._cpu = time.monotonic(), time.process_time()

    def _look(self) -> None:
        self._lags.append(self._loop.time() - self._due)
        self.start()


def rss_bytes() -> int:
    """The memory of this process that is in use."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:  # no Linux: the most it ever was
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
