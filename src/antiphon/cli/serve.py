"""`antiphon serve`."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.call import Tools
from antiphon.cli.terminal import Verbose, log_json, run_async, set_up_logging, stdout
from antiphon.errors import ConfigError

ACCESS, KEEPING, LIMITS = "Who may call", "What is kept", "How much is served"
BUDGET = "What one session may use"


def serve(
    agent: Annotated[
        Path | None,
        typer.Argument(metavar="[AGENT.yaml]", help="Who answers. Left out: the default agent.", show_default=False),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Stages by purpose: fast, accurate, private or cheap.", show_default=False),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for every one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8000,
    tools: Tools = None,
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
    allow_private: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="A host or network of your own that stored agents' tools and models may reach. Repeatable.",
            rich_help_panel=ACCESS,
        ),
    ] = None,
    console: Annotated[
        bool, typer.Option("--console/--no-console", help="A page at / to talk to the agent.", rich_help_panel=ACCESS)
    ] = True,
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
    workers: Annotated[
        int, typer.Option(help="Processes that share the port; each loads the models.", min=1, rich_help_panel=LIMITS)
    ] = 1,
    grace: Annotated[
        float, typer.Option(help="Seconds the sessions have to end after SIGTERM.", min=0, rich_help_panel=LIMITS)
    ] = 30,
    verbose: Verbose = False,
    as_json: Annotated[
        bool, typer.Option("--log-json", help="Log what happens as JSON, with the ids of sessions.", callback=log_json)
    ] = False,
) -> None:
    """Serve an agent to clients of the Voice Agent API.

    Weights that are missing are pulled first. GET /healthz answers 200 once every stage is loaded. SIGTERM lets the
    sessions end first, for as long as --grace says; Ctrl-C, or a second SIGTERM, stops at once.
    """
    from antiphon.cli.hosting import prepare, url_of
    from antiphon.cli.serving import Plan, serve_here, serve_with_workers
    from antiphon.server.exposure import check_exposure, check_tls
    from antiphon.server.keys import Keys
    from antiphon.server.limits import Limits
    from antiphon.server.run import listen
    from antiphon.session.budget import Budget

    plan = Plan(
        agent=agent,
        preset=preset,
        tools=tuple(tools or ()),
        budget=Budget(seconds=budget_seconds, tokens=budget_tokens, characters=budget_characters, usd=budget_usd),
        api_keys=api_keys,
        store=store,
        origins=tuple(allow_origin or ()),
        reuse_tokens=reuse_tokens,
        private_hosts=tuple(allow_private or ()),
        console=console,
        recordings=recordings,
        keep_sessions=keep_days * 86_400,
        limits=Limits(
            sessions=max_sessions,
            sessions_per_key=max_sessions_per_key,
            session_duration=max_duration,
            idle=idle_timeout,
            resume_window=resume_window,
        ),
        tls=check_tls(tls_cert, tls_key),
        grace=grace,
    )
    if workers > 1 and store == "memory":
        raise ConfigError("workers share what they keep: with --workers give --store a file or a redis:// address")
    warning = check_exposure(host, Keys.load(api_keys), no_auth=no_auth)
    service = plan.make_service()
    runtime = prepare(plan.make_agent())
    listener = listen(host, port)
    announce = partial(_announce, url_of(listener, tls=plan.tls is not None), warning, console=console)
    with contextlib.suppress(KeyboardInterrupt):
        if workers == 1:
            run_async(serve_here(plan, runtime, service, listener, announce=announce))
        else:
            run_async(
                serve_with_workers(
                    plan, listener, workers, announce=announce, set_up_logs=partial(_set_up_logs, verbose, as_json)
                )
            )


def _set_up_logs(verbose: bool, as_json: bool) -> None:
    """In a worker as it was asked of us."""
    set_up_logging(verbose)
    log_json(as_json)


def _announce(url: str, warning: str, *, console: bool) -> None:
    from antiphon.cli.hosting import page_of

    stdout().print(f"listening on {url}", soft_wrap=True)
    if warning:
        stdout().print(warning, soft_wrap=True)
    if console:
        stdout().print(f"talk to the agent at {page_of(url)}", soft_wrap=True)
