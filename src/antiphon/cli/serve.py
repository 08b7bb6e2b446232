"""`antiphon serve`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antiphon.cli.terminal import Verbose, run_async, stdout

if TYPE_CHECKING:
    from antiphon.server.runtime import Runtime


def serve(
    agent: Annotated[
        Path | None,
        typer.Argument(metavar="[AGENT.yaml]", help="Who answers. Left out: the default agent.", show_default=False),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for every one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8000,
    verbose: Verbose = False,
) -> None:
    """Serve an agent to clients of the Voice Agent API.

    Weights that are missing are pulled first. GET /healthz answers 200 once every stage is loaded. Ctrl-C stops it.
    """
    from antiphon.agent import Agent
    from antiphon.cli.hosting import prepare

    runtime = prepare(Agent() if agent is None else Agent.from_yaml(agent))
    with contextlib.suppress(KeyboardInterrupt):
        run_async(_serve(runtime, host=host, port=port))


async def _serve(runtime: Runtime, *, host: str, port: int) -> None:
    from antiphon.cli.hosting import hosting

    async with hosting(runtime, host=host, port=port) as server:
        stdout().print(f"listening on {server.url}", soft_wrap=True)
        terminated = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
        stop = asyncio.create_task(terminated.wait())
        ready = asyncio.create_task(server.ready())
        await asyncio.wait({ready, stop, server.running}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            ready.result()
            await asyncio.wait({stop, server.running}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        stop.cancel()
