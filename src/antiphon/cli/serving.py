"""What `serve` does once it knows what it is to be: one process, or workers that share a port."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from antiphon.agent import Agent
from antiphon.cli.hosting import Host, chosen_agent, hosting
from antiphon.cli.terminal import new_runner, stderr
from antiphon.errors import AntiphonError
from antiphon.server.board import Board, Line
from antiphon.server.doors.routes import carriers
from antiphon.server.draining import HAND_OVER, drain
from antiphon.server.exposure import Tls
from antiphon.server.keys import Keys
from antiphon.server.limits import Limits
from antiphon.server.meters import sharing
from antiphon.server.run import spare_the_collector
from antiphon.server.runtime import Runtime
from antiphon.server.service import ServerOptions, Service
from antiphon.server.stores import make_store
from antiphon.server.supervisor import Failed, Orders, Ready, Stop, Supervisor
from antiphon.session.budget import Budget

log = logging.getLogger("antiphon.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `serve` was told, as plain data: every worker makes its own server of it."""

    agent: Path | None
    preset: str | None
    tools: tuple[str, ...]  # functions, as "module:function"
    budget: Budget  # of every session, beside the agent's own
    api_keys: Path | None
    store: str
    origins: tuple[str, ...]
    reuse_tokens: bool
    private_hosts: tuple[str, ...]
    console: bool
    recordings: Path | None
    keep_sessions: float  # seconds
    limits: Limits
    tls: Tls | None
    grace: float  # seconds

    def make_agent(self) -> Agent:
        agent = chosen_agent(self.agent, preset=self.preset, tools=self.tools)
        return dataclasses.replace(agent, limits=agent.budget().capped(self.budget))

    def make_service(self, board: Board | None = None) -> Service:
        options = ServerOptions(
            keys=Keys.load(self.api_keys),
            store=make_store(self.store),
            origins=self.origins,
            reuse_tokens=self.reuse_tokens,
            private_hosts=self.private_hosts,
            console=self.console,
            recordings=self.recordings,
            keep_sessions=self.keep_sessions,
            limits=self.limits,
            carriers=carriers(os.environ),
        )
        return Service(options, board=board)


# --- one process ----------------------------------------------------------------------------------------------------


async def serve_here(
    plan: Plan, runtime: Runtime, service: Service, listener: socket.socket, *, announce: Callable[[], None]
) -> None:
    """Serves until SIGTERM, and then until the sessions are over; Ctrl-C ends it at once. `announce` is called once it
    listens. Raises ConfigError, NotReady."""
    orders = Orders()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, orders.tell)
    async with hosting(runtime, service, listener=listener, tls=plan.tls) as server:
        announce()
        await _live(service, server, server.ready(), orders, plan.grace)


async def _live(service: Service, server: Host, ready: Coroutine[Any, Any, None], orders: Orders, grace: float) -> None:
    """Until it is told otherwise. Raises what `ready` does."""
    told, warming = asyncio.create_task(orders.drain.wait()), asyncio.create_task(ready)
    try:
        await asyncio.wait({warming, told, server.running}, return_when=asyncio.FIRST_COMPLETED)
        if warming.done():
            warming.result()
            spare_the_collector()
            await asyncio.wait({told, server.running}, return_when=asyncio.FIRST_COMPLETED)
        if told.done():
            await _drain(service, orders, grace)
    finally:
        warming.cancel()
        told.cancel()


async def _drain(service: Service, orders: Orders, grace: float) -> None:
    # Whatever hangs by then hangs without us.
    asyncio.get_running_loop().call_later(max(grace, HAND_OVER), _give_up)
    draining = asyncio.create_task(drain(service, grace=grace))
    at_once = asyncio.create_task(orders.stop.wait())
    await asyncio.wait({draining, at_once}, return_when=asyncio.FIRST_COMPLETED)
    for task in (draining, at_once):
        task.cancel()


def _give_up() -> None:
    log.error("the grace is over: what has not ended is left behind")
    os._exit(1)


# --- workers --------------------------------------------------------------------------------------------------------


async def serve_with_workers(
    plan: Plan, listener: socket.socket, count: int, *, announce: Callable[[], None], set_up_logs: Callable[[], None]
) -> None:
    """The same, with `count` processes that accept from `listener`. Raises WorkerFailed."""
    announce()
    orders, loop = Orders(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, orders.tell)
    loop.add_signal_handler(signal.SIGINT, orders.tell_at_once)
    context = multiprocessing.get_context("spawn")
    lines = context.RawArray(Line, count)

    def start(number: int) -> tuple[BaseProcess, Connection]:
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(plan, listener, lines, number, theirs, set_up_logs))
        process.start()
        theirs.close()
        return process, ours

    def ready() -> None:
        stderr().print(f"ready: {count} workers", style="dim")

    with sharing():
        await Supervisor(start, Board(lines), grace=plan.grace, on_ready=ready).run(orders)


def work(
    plan: Plan, listener: socket.socket, lines: object, number: int, pipe: Connection, set_up_logs: Callable[[], None]
) -> None:
    """The whole life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the supervisor, who tells us
    set_up_logs()
    try:
        runtime, service = plan.make_agent().runtime(), plan.make_service(Board(lines, number))  # type: ignore[arg-type]
        with new_runner() as runner:
            runner.run(_work(plan, runtime, service, listener, pipe))
    except AntiphonError as error:
        pipe.send(Failed(str(error)))
        sys.exit(1)


async def _work(plan: Plan, runtime: Runtime, service: Service, listener: socket.socket, pipe: Connection) -> None:
    orders, loop = Orders(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, orders.tell)

    def hear() -> None:
        try:
            if isinstance(pipe.recv(), Stop):
                orders.tell_at_once()
        except (EOFError, OSError):  # nobody would start us again
            loop.remove_reader(pipe.fileno())
            orders.drain.set()

    async def ready() -> None:
        await runtime.ready()
        pipe.send(Ready())

    loop.add_reader(pipe.fileno(), hear)
    async with hosting(runtime, service, listener=listener, tls=plan.tls) as server:
        await _live(service, server, ready(), orders, plan.grace)
