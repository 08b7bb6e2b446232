"""`antiphon call`: a recorded caller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from antiphon.cli.costs import as_json as cost_as_json
from antiphon.cli.terminal import Json, Verbose, print_json, run_async, stderr, stdout
from antiphon.errors import ConfigError

if TYPE_CHECKING:
    from antiphon.client.report import CallReport, Turn
    from antiphon.server.runtime import Runtime

BAR = 24  # characters; the longest silence of a call

Url = Annotated[
    str | None,
    typer.Option(metavar="ws://…/v1/ws", help="The server. Left out: one is started here.", show_default=False),
]
Key = Annotated[
    str | None,
    typer.Option(
        help="The server's API key. A process list shows it: rather set ANTIPHON_API_KEY, for AssemblyAI's server "
        "ASSEMBLYAI_API_KEY, or with _FILE after it the name of a file.",
        show_default=False,
    ),
]
AgentFile = Annotated[
    Path | None,
    typer.Option(
        "--agent", metavar="AGENT.yaml", help="Who answers, where the server is started here.", show_default=False
    ),
]

Tools = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODULE:FUNCTION",
        help="A Python function the agent may call, beside those of its file. Repeatable.",
        show_default=False,
    ),
]


def call(
    recording: Annotated[
        Path, typer.Argument(metavar="FILE.wav", help="What the caller says.", exists=True, dir_okay=False)
    ],
    url: Url = None,
    key: Key = None,
    agent: AgentFile = None,
    tools: Tools = None,
    prompt: Annotated[str | None, typer.Option(help="The agent's instructions.", show_default=False)] = None,
    greeting: Annotated[str | None, typer.Option(help="What the agent opens with.", show_default=False)] = None,
    voice: Annotated[str | None, typer.Option(help="One of the server's voices.", show_default=False)] = None,
    agent_id: Annotated[
        str | None, typer.Option(help="An agent that the server has stored.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.wav", help="Keep what the agent says.", show_default=False)
    ] = None,
    stereo: Annotated[
        Path | None,
        typer.Option(metavar="FILE.wav", help="Keep the call: caller left, agent right.", show_default=False),
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Call a server with a recording, in real time, and show every turn.

    Any server of the Voice Agent API will do, AssemblyAI's wss://agents.assemblyai.com too.

    latency_ms is measured on the audio: from the caller's last sound to the agent's first. The bar is the server's own
    account of it, where it gives one; a span with "!" took longer than its budget.
    """
    from antiphon.cli.hosting import destination

    session = {"system_prompt": prompt, "greeting": greeting, "voice": voice, "agent_id": agent_id}
    options = {name: value for name, value in session.items() if value is not None}
    if agent_id is not None and len(options) > 1:
        raise ConfigError("a stored agent has its prompt, greeting and voice: leave them out, or --agent-id")
    report = run_async(
        _call(
            recording,
            destination(url, agent=agent, tools=tools),
            api_key=key,
            reply_wav=out,
            stereo_wav=stereo,
            **options,
        )
    )
    if json:
        print_json(as_json(report))
    else:
        show(report)
    if report.failure is not None:
        from antiphon.client.errors import ClientError

        raise ClientError(f"the call ended early: {report.failure}")


async def _call(recording: Path, there: str | Runtime, *, api_key: str | None, **options: Any) -> CallReport:
    from antiphon.cli.hosting import reach
    from antiphon.client.call import call
    from antiphon.client.hosted import key_for

    async with reach(there) as url:
        with stderr().status(f"calling {url} …"):
            return await call(url, recording, api_key=key_for(url, api_key), **options)


def as_json(report: CallReport) -> dict[str, Any]:
    return {
        "session_id": report.session_id,
        "duration_s": round(report.duration, 3),
        "failure": report.failure,
        "turns": [_turn_as_json(turn) for turn in report.turns],
        "cost": cost_as_json(report.cost),
        "errors": [{"code": error.code, "message": error.message} for error in report.errors],
    }


def _turn_as_json(turn: Turn) -> dict[str, Any]:
    return {
        "user": turn.user,
        "agent": turn.agent,
        "latency_ms": turn.latency_ms,
        "server_ms": turn.server_ms,
        "spans": [
            {"name": span.name, "ms": span.ms, "estimated": span.estimated, "over_budget": span.over_budget}
            for span in turn.spans
        ],
        "interrupted": turn.interrupted,
        "tools": turn.tools,
        "cost": cost_as_json(turn.cost),
    }


def show(report: CallReport) -> None:
    """One row a turn: what was said, and how long the answer took to be heard."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from antiphon.cli.costs import in_words
    from antiphon.cli.spans import bar, legend

    full_ms = max((sum(span.ms for span in turn.spans) for turn in report.turns), default=0.0)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0))
    table.add_column("user", ratio=2)
    table.add_column("agent", ratio=3)
    table.add_column("latency_ms", justify="right")
    table.add_column("spans, ms", width=BAR)
    for turn in report.turns:
        latency = "–" if turn.latency_ms is None else f"{turn.latency_ms:.0f}"
        agent = Text(turn.agent)
        if turn.interrupted:
            agent.append(" ✂ interrupted", style="yellow")
        spans = Group(bar(turn.spans, width=BAR, full_ms=full_ms), legend(turn.spans)) if turn.spans else Text()
        table.add_row(Text(turn.user or "–"), agent, latency, spans)
    stdout().print(table)
    if report.cost:
        stdout().print(Text(in_words(report.cost), style="dim"))
    for error in report.errors:
        stderr().print(f"the server reported {error.code}: {error.message}", style="yellow", markup=False)
