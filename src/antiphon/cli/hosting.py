"""A server inside the command: `serve` is one, `call` and `talk` start one when they are given no address."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from antiphon.agent import Agent
from antiphon.cli.terminal import stderr
from antiphon.cli.weights import pull_missing
from antiphon.errors import AntiphonError, ConfigError
from antiphon.server.exposure import Tls
from antiphon.server.run import listen, make_server
from antiphon.server.runtime import Runtime
from antiphon.server.service import Service


class NotReady(AntiphonError):
    """A stage could not be loaded. The message says which, and why."""


@dataclass(frozen=True, slots=True)
class Host:
    """A server that listens; `running` ends when it does."""

    url: str  # of the WebSocket
    runtime: Runtime
    running: asyncio.Task[None]

    async def ready(self) -> None:
        """Waits until every stage is loaded and probed. Raises NotReady."""
        stages = self.runtime.blueprint.stages
        named = [f"{stage} {getattr(stages, stage).name}" for stage in ("vad", "stt", "llm", "tts")]
        began = time.monotonic()
        with stderr().status(f"loading {', '.join(named)} …"):
            try:
                await self.runtime.ready()
            except AntiphonError as error:
                raise NotReady(str(error)) from error
        stderr().print(f"ready after {time.monotonic() - began:.1f} s: {', '.join(named)}", style="dim", soft_wrap=True)


def prepare(agent: Agent) -> Runtime:
    """The agent as a server runs it, its weights pulled. Blocks; call it before the loop runs, for Ctrl-C's sake.

    Raises ConfigError where the agent is wrong, ModelStoreError or MissingDependency for weights.
    """
    runtime = agent.runtime()
    stages = runtime.blueprint.stages
    pull_missing((stages.vad, stages.stt, stages.llm, stages.tts))
    return runtime


@contextlib.asynccontextmanager
async def hosting(
    runtime: Runtime,
    service: Service | None = None,
    *,
    listener: socket.socket | None = None,
    tls: Tls | None = None,
) -> AsyncIterator[Host]:
    """Serves while the block runs; the stages load meanwhile. Without a `listener`, on a free port of this machine.

    Raises ConfigError where the store cannot be had.
    """
    listener = listener or listen("127.0.0.1", 0)
    service = service or Service()
    await service.open()
    server = make_server(runtime, service, tls=tls)
    # Ctrl-C is the command's: it ends the block, and the block ends the server.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    url = url_of(listener, tls=tls is not None)
    running = asyncio.create_task(server.serve(sockets=[listener]), name="server")
    try:
        yield Host(url, runtime, running)
    finally:
        server.should_exit = True
        await running


def url_of(listener: socket.socket, *, tls: bool) -> str:
    """Of the WebSocket that is served there."""
    host, port = listener.getsockname()[:2]
    return f"{'wss' if tls else 'ws'}://{f'[{host}]' if ':' in host else host}:{port}/v1/ws"


def page_of(url: str) -> str:
    """The console of the server whose WebSocket `url` is."""
    return f"http{url.removeprefix('ws').removesuffix('/v1/ws')}/"


def chosen_agent(file: Path | None, *, preset: str | None = None, tools: Sequence[str] | None = None) -> Agent:
    """The agent of a file, or the default one, with functions named on the command line. Raises ConfigError."""
    agent = Agent(preset=preset) if file is None else Agent.from_yaml(file, preset=preset)
    if not tools:
        return agent
    from antiphon.tools.named import named_tools

    return dataclasses.replace(agent, tools=(*agent.tools, *named_tools(tools, source="--tools", folder=Path())))


def destination(url: str | None, *, agent: Path | None = None, tools: Sequence[str] | None = None) -> str | Runtime:
    """Whom to call: `url`, or a server to be started here. Raises as `prepare` does."""
    if url is None:
        return prepare(chosen_agent(agent, tools=tools))
    if agent is not None:
        raise ConfigError("--agent is for a server started here; leave out --url, or --agent")
    if tools:
        raise ConfigError("--tools is for a server started here; leave out --url, or --tools")
    return url


@contextlib.asynccontextmanager
async def reach(destination: str | Runtime) -> AsyncIterator[str]:
    """The address of it: a server started here is ready, and runs for as long as the block does. Raises NotReady."""
    if isinstance(destination, str):
        yield destination
        return
    async with hosting(destination) as server:
        await server.ready()
        yield server.url
