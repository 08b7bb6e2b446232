"""`antiphon bench`: the figures this machine reaches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from antiphon.cli.terminal import Json, Verbose, print_json, stdout

app = typer.Typer(help="Measure this machine. Each command prints a table, or one JSON object.", no_args_is_help=True)

# How many of the recorded callers: all, unless said.
Recordings = Annotated[
    int | None, typer.Option(help="How many recordings, drawn at random.", min=1, show_default=False)
]


@app.command()
def overhead(
    turns: Annotated[int | None, typer.Option(help="How many turns to measure.", min=1, show_default=False)] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """What the orchestration adds to its stages, over a real loopback WebSocket."""
    from antiphon.lab.bench_overhead import run

    _show(run(json=json, **_given(turns=turns)), json=json)


@app.command()
def density(
    seconds: Annotated[float | None, typer.Option(help="How long to measure.", min=1, show_default=False)] = None,
    sessions: Annotated[int | None, typer.Option(help="How many sessions at once.", min=1, show_default=False)] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """How many conversations one core carries."""
    from antiphon.lab.bench_density import run

    _show(run(json=json, **_given(seconds=seconds, sessions=sessions)), json=json)


@app.command()
def insight(
    seconds: Annotated[float | None, typer.Option(help="How long each round lasts.", min=5, show_default=False)] = None,
    sessions: Annotated[int | None, typer.Option(help="How many sessions at once.", min=1, show_default=False)] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """What metrics, traces and recording cost: the processor time with them against that without."""
    from antiphon.lab.bench_insight import run

    _show(run(json=json, **_given(seconds=seconds, sessions=sessions)), json=json)


@app.command()
def flood(
    seconds: Annotated[float | None, typer.Option(help="How long each flood lasts.", min=4, show_default=False)] = None,
    neighbours: Annotated[
        int | None, typer.Option(help="How many healthy calls beside it.", min=1, show_default=False)
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """What clients that take more than their share cost their neighbours, and how soon they are stopped."""
    from antiphon.lab.bench_flood import run

    _show(run(json=json, **_given(seconds=seconds, neighbours=neighbours)), json=json)


@app.command()
def crash(
    calls: Annotated[int | None, typer.Option(help="How many calls at once.", min=2, show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed, other calls.", show_default=False)] = None,
    store: Annotated[
        str | None, typer.Option(help="What the servers share: redis://…, or a file.", show_default=False)
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Two servers behind HAProxy, and one of them is killed: what becomes of its calls."""
    from antiphon.lab.bench_crash import run

    _show(run(json=json, **_given(calls=calls, seed=seed, store=store)), json=json)


@app.command()
def patterns(
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE.wav…]", help="What the caller says.", exists=True, show_default=False),
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Cascade against streaming, on the same recordings: what the overlap of the stages is worth."""
    from antiphon.lab.bench_patterns import run

    _show(run(json=json, **_given(recordings=recordings)), json=json)


@app.command()
def orders(
    jobs: Annotated[int | None, typer.Option(help="How many calls at once.", min=1, show_default=False)] = None,
    one_at_a_time: Annotated[
        bool, typer.Option("--one-at-a-time", help="For latencies: the same as --jobs 1.")
    ] = False,
    recordings: Recordings = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Recorded callers against the whole local chain, in real time."""
    from antiphon.lab.bench_orders import run

    _show(run(json=json, **_given(jobs=1 if one_at_a_time else jobs, recordings=recordings)), json=json)


@app.command()
def barge_in(recordings: Recordings = None, json: Json = False, verbose: Verbose = False) -> None:
    """How soon the agent stops when a recorded person speaks over it."""
    from antiphon.lab.bench_barge_in import run

    _show(run(json=json, **_given(recordings=recordings)), json=json)


@app.command()
def phone(recordings: Recordings = None, json: Json = False, verbose: Verbose = False) -> None:
    """What a telephone adds to the delay, takes from the words, and how soon a carrier is told to stop."""
    from antiphon.lab.bench_phone import run

    _show(run(json=json, **_given(recordings=recordings)), json=json)


@app.command()
def heard(
    cuts: Annotated[int | None, typer.Option(help="How many replies to cut.", min=1, show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed, other cuts.", show_default=False)] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Whether the history holds what the caller heard, to the word, of replies cut at random moments."""
    from antiphon.lab.bench_heard import run

    figures = run(json=json, **_given(cuts=cuts, seed=seed))
    if not json:
        _show_rows(figures.pop("cells"))
    _show(figures, json=json)


@app.command()
def resume(
    points: Annotated[int | None, typer.Option(help="How many points to cut at.", min=1, show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed, other points.", show_default=False)] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Whether a session survives the loss of its connection, or of its process, at random moments of a call."""
    from antiphon.lab.bench_resume import run

    figures = run(json=json, **_given(points=points, seed=seed))
    if not json:
        _show_rows(figures.pop("cells"))
    _show(figures, json=json)


@app.command()
def fuzz(
    frames: Annotated[int | None, typer.Option(help="How many frames to send.", min=1, show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed, other frames.", show_default=False)] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Whether anything a client can send harms the server, or the call next to it."""
    from antiphon.lab.bench_fuzz import run

    _show(run(json=json, **_given(frames=frames, seed=seed)), json=json)


@app.command()
def faults(
    calls: Annotated[int | None, typer.Option(help="How many calls to hold.", min=1, show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Of the first call.", show_default=False)] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Calls in virtual time in which everything fails that can: turns lost or doubled, calls that hang."""
    from antiphon.lab.bench_faults import run

    _show(run(json=json, **_given(calls=calls, seed=seed)), json=json)


@app.command()
def leaks(
    calls: Annotated[int | None, typer.Option(help="How many calls to hold.", min=1, show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed, other calls.", show_default=False)] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Whether calls leave anything behind: tasks, threads, file descriptors, memory."""
    from antiphon.lab.bench_leaks import run

    _show(run(json=json, **_given(calls=calls, seed=seed)), json=json)


def _given(**options: Any) -> dict[str, Any]:
    """Only what was asked for: the defaults are the bench's own."""
    return {name: value for name, value in options.items() if value is not None}


def _show(figures: dict[str, Any], *, json: bool) -> None:
    if json:
        return print_json(figures)
    from rich.table import Table

    table = Table("figure", "value", box=None, pad_edge=False)
    for name, value in _flat(figures):
        table.add_row(name, f"{value:,.2f}" if isinstance(value, float) else str(value))
    stdout().print(table)


def _show_rows(rows: list[dict[str, Any]]) -> None:
    """Objects of the same fields, as one table."""
    from rich.table import Table

    table = Table(*(name.replace("_", " ") for name in rows[0]), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*({True: "yes", False: "no"}[v] if isinstance(v, bool) else str(v) for v in row.values()))
    stdout().print(table, "")


def _flat(figures: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested objects as dotted names."""
    rows: list[tuple[str, Any]] = []
    for name, value in figures.items():
        rows += _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]
    return rows
