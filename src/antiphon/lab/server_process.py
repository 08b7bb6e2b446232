"""A server in a process of its own, if wanted on a core of its own; it tells how late its loop is, what it costs, and
what went wrong in it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import multiprocessing
import os
import resource
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from antiphon.server.run import listen, make_server, spare_the_collector
from antiphon.server.runtime import Blueprint, Runtime
from antiphon.server.service import Service

START_TIMEOUT = 60.0  # seconds the process has to load its stages
_POOLS = ("asyncio_", "uvloop_")  # what the workers of a loop's own pool are called
PROBE = 0.005  # seconds between two looks at how late the loop is


@dataclass(frozen=True, slots=True)
class Vitals:
    """Since the last time they were asked for."""

    lags: list[float]  # seconds by which the loop was late, at each look
    cpu: float  # share of one core
    rss: int  # bytes
    faults: tuple[str, ...]  # what was logged as an error, or with an exception
    holds: Holds


@dataclass(frozen=True, slots=True)
class Holds:
    """What the process holds at the moment. An idle server that is asked twice holds the same."""

    tasks: int
    threads: int  # without the workers of the loop's own pool, which are made when wanted, up to a number, and kept
    files: int  # descriptors


class ServerProcess:
    """Yielded by `server_process`."""

    def __init__(self, address: str, pipe: Connection, process: multiprocessing.process.BaseProcess) -> None:
        self.address = address
        self.url = f"ws://{address}/v1/ws"
        self.pid = process.pid
        self._process = process
        self._pipe = pipe

    def kill(self) -> None:
        """As the kernel does when memory is short: nothing is said, written or closed."""
        self._process.kill()

    async def vitals(self, *, collect: bool = False) -> Vitals:
        """`collect`: garbage is collected first, so that an exception nobody caught is told, and what is held is what
        is needed. It stops the server for a moment."""
        self._pipe.send(collect)
        return await asyncio.get_running_loop().run_in_executor(None, self._pipe.recv)


@contextlib.asynccontextmanager
async def server_process(
    make: Callable[[], Blueprint],
    *,
    service: Callable[[], Service] = Service,
    core: int | None = None,
    uvloop: bool = True,
) -> AsyncIterator[ServerProcess]:
    """Serves what `make` and `service` return, which are called in the new process: functions of a module."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_main, args=(make, service, theirs, core, uvloop), daemon=True)
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


def _main(
    make: Callable[[], Blueprint],
    service: Callable[[], Service],
    pipe: Connection,
    core: int | None,
    uvloop: bool,
) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})
    if uvloop:
        import uvloop as fast

        factory: Callable[[], asyncio.AbstractEventLoop] | None = fast.new_event_loop
    else:
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(Runtime(make()), service(), pipe))


async def _serve(runtime: Runtime, service: Service, pipe: Connection) -> None:
    await runtime.ready()
    spare_the_collector()
    sock = listen("127.0.0.1", 0)
    server = make_server(runtime, service)
    probe = _Probe()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        try:
            if pipe.recv():
                gc.collect()
            pipe.send(probe.take())
        except (EOFError, OSError):
            loop.remove_reader(pipe.fileno())
            server.should_exit = True

    loop.add_reader(pipe.fileno(), asked)
    pipe.send(f"127.0.0.1:{sock.getsockname()[1]}")
    probe.start()
    await server.serve(sockets=[sock])


class _Faults(logging.Handler):
    """Keeps what is logged as an error, and every exception: asyncio logs those that nobody caught."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.exc_info:
            self.taken.append(self.format(record))


class _Probe:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._faults = _Faults()
        logging.getLogger().addHandler(self._faults)
        self._begin()

    def start(self) -> None:
        self._due = self._loop.time() + PROBE
        self._loop.call_at(self._due, self._look)

    def take(self) -> Vitals:
        elapsed, cpu = time.monotonic() - self._since, time.process_time() - self._cpu
        vitals = Vitals(self._lags, cpu / elapsed, rss_bytes(), tuple(self._faults.taken), holds())
        self._begin()
        return vitals

    def _begin(self) -> None:
        self._lags: list[float] = []
        self._faults.taken.clear()
        self._since, self._cpu = time.monotonic(), time.process_time()

    def _look(self) -> None:
        self._lags.append(self._loop.time() - self._due)
        self.start()


def holds() -> Holds:
    """Of this process, for whose event loop this is called."""
    try:
        files = len(os.listdir("/proc/self/fd"))
    except OSError:  # no Linux
        files = 0
    threads = sum(not thread.name.startswith(_POOLS) for thread in threading.enumerate())
    return Holds(len(asyncio.all_tasks()), threads, files)


def rss_bytes() -> int:
    """The memory of this process that is in use."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:  # no Linux: the most it ever was
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
