"""`antiphon livekit`."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antiphon.cli.call import Tools
from antiphon.cli.terminal import Verbose, run_async, stderr
from antiphon.errors import MissingDependency

if TYPE_CHECKING:
    from antiphon.agent import Agent


def livekit(
    agent: Annotated[
        Path | None,
        typer.Argument(metavar="[AGENT.yaml]", help="Who answers. Left out: the default agent.", show_default=False),
    ] = None,
    name: Annotated[str, typer.Option(help="Join only rooms that ask for an agent of this name.")] = "",
    rooms: Annotated[int, typer.Option(help="How many rooms at once.", min=1)] = 8,
    tools: Tools = None,
    verbose: Verbose = False,
) -> None:
    """Join the rooms of a LiveKit server as an agent worker. Wants LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET."""
    from antiphon.cli.hosting import chosen_agent

    run_async(_work(chosen_agent(agent, tools=tools), name=name, rooms=rooms))


async def _work(agent: Agent, *, name: str, rooms: int) -> None:
    try:
        from antiphon.server.doors.livekit import LiveKit, LiveKitWorker
        from antiphon.server.doors.livekit_call import join_room
    except ModuleNotFoundError as missing:
        raise MissingDependency("LiveKit's rooms need its client: pip install 'antiphon[livekit]'") from missing
    from antiphon.server.service import ServerOptions, Service

    account, runtime, service = LiveKit.from_environment(os.environ), agent.runtime(), Service(ServerOptions())
    try:
        await runtime.ready()
        join = partial(join_room, url=account.url, runtime=runtime, service=service)
        stderr().print(f"Waiting for rooms of {account.url}")
        await LiveKitWorker(account, join, agent_name=name, most=rooms).run()
    finally:
        await asyncio.shield(runtime.aclose())
        await service.aclose()
