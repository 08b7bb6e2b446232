"""`antiphon serve`."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antiphon.cli.terminal import Verbose, run_async, stdout

if TYPE_CHECKING:
    from antiphon.server.exposure import Tls
    from antiphon.server.runtime import Runtime
    from antiphon.server.service import Service

ACCESS, KEEPING, LIMITS = "Who may call", "What is kept", "How much is served"
BUDGET = "What one session may use"


def serve(
    agent: Annotated[
        Path | None,
        typer.Argument(metavar="[AGENT.yaml]", help="Who answers. Left out: the default agent.", show_default=False),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for every one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8000,
    api_keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="API keys, one 'name: key' a line; also from ANTIPHON_API_KEYS.",
            rich_help_panel=ACCESS,
        ),
    ] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Serve a network without any API key.", rich_help_panel=ACCESS)
    ] = False,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="A web page that may call; '*' for any. Repeatable.", rich_help_panel=ACCESS),
    ] = None,
    reuse_tokens: Annotated[
        bool,
        typer.Option("--reuse-tokens", help="A temporary token opens any number of sessions.", rich_help_panel=ACCESS),
    ] = False,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The certificate, with its chain.", rich_help_panel=ACCESS)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The certificate's key.", rich_help_panel=ACCESS)
    ] = None,
    store: Annotated[
        str,
        typer.Option(
            help="Where sessions and agents are kept: a file for SQLite, redis://…, or 'memory'.",
            envvar="ANTIPHON_STORE",
            rich_help_panel=KEEPING,
            show_default="a file of this user's",
        ),
    ] = "",
    recordings: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Record every call there, as Ogg/Opus.", rich_help_panel=KEEPING),
    ] = None,
    keep_days: Annotated[
        float, typer.Option(help="How long ended sessions are kept.", min=0, rich_help_panel=KEEPING)
    ] = 30,
    max_sessions: Annotated[
        int | None, typer.Option(help="At a time, of this process.", min=1, rich_help_panel=LIMITS)
    ] = None,
    max_sessions_per_key: Annotated[
        int | None, typer.Option(help="At a time, on all that share the store.", min=1, rich_help_panel=LIMITS)
    ] = None,
    max_duration: Annotated[
        float, typer.Option(help="Seconds a session may last.", min=1, rich_help_panel=LIMITS)
    ] = 10_800,
    idle_timeout: Annotated[
        float, typer.Option(help="Seconds a client may send nothing.", min=1, rich_help_panel=LIMITS)
    ] = 600,
    resume_window: Annotated[
        float,
        typer.Option(help="Seconds a session waits for a client that was cut off.", min=0, rich_help_panel=LIMITS),
    ] = 30,
    budget_seconds: Annotated[
        float | None,
        typer.Option(min=1, help="Seconds a session may last before it says goodbye.", rich_help_panel=BUDGET),
    ] = None,
    budget_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens the language model may read and write.", rich_help_panel=BUDGET)
    ] = None,
    budget_characters: Annotated[
        int | None, typer.Option(min=1, help="Characters it may speak.", rich_help_panel=BUDGET)
    ] = None,
    budget_usd: Annotated[
        float | None, typer.Option(min=0.000001, help="US dollars it may cost.", rich_help_panel=BUDGET)
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Serve an agent to clients of the Voice Agent API.

    Weights that are missing are pulled first. GET /healthz answers 200 once every stage is loaded. Ctrl-C stops it.
    """
    from antiphon.agent import Agent
    from antiphon.cli.hosting import prepare
    from antiphon.server.exposure import check_exposure, check_tls
    from antiphon.server.keys import Keys
    from antiphon.server.limits import Limits
    from antiphon.server.service import ServerOptions, Service
    from antiphon.server.stores import make_store
    from antiphon.session.budget import Budget

    keys = Keys.load(api_keys)
    warning = check_exposure(host, keys, no_auth=no_auth)
    tls = check_tls(tls_cert, tls_key)
    service = Service(
        ServerOptions(
            keys=keys,
            store=make_store(store),
            origins=tuple(allow_origin or ()),
            reuse_tokens=reuse_tokens,
            recordings=recordings,
            keep_sessions=keep_days * 86_400,
            limits=Limits(
                sessions=max_sessions,
                sessions_per_key=max_sessions_per_key,
                session_duration=max_duration,
                idle=idle_timeout,
                resume_window=resume_window,
            ),
        )
    )
    served = Agent() if agent is None else Agent.from_yaml(agent)
    budget = Budget(seconds=budget_seconds, tokens=budget_tokens, characters=budget_characters, usd=budget_usd)
    runtime = prepare(dataclasses.replace(served, limits=served.budget().capped(budget)))
    with contextlib.suppress(KeyboardInterrupt):
        run_async(_serve(runtime, service, host=host, port=port, tls=tls, warning=warning))


async def _serve(runtime: Runtime, service: Service, *, host: str, port: int, tls: Tls | None, warning: str) -> None:
    from antiphon.cli.hosting import hosting
    from antiphon.server.run import spare_the_collector

    async with hosting(runtime, service, host=host, port=port, tls=tls) as server:
        stdout().print(f"listening on {server.url}", soft_wrap=True)
        if warning:
            stdout().print(warning, soft_wrap=True)
        terminated = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
        stop = asyncio.create_task(terminated.wait())
        ready = asyncio.create_task(server.ready())
        await asyncio.wait({ready, stop, server.running}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            ready.result()
            spare_the_collector()
            await asyncio.wait({stop, server.running}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        stop.cancel()
