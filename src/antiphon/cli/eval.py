"""`antiphon eval`: how well turns are taken, measured on recordings."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from antiphon.cli.terminal import Json, Verbose, print_json, stderr, stdout

if TYPE_CHECKING:
    from rich.progress import Progress

    from antiphon.lab.eval.compare import Change


def evaluate(
    suite: Annotated[str, typer.Option(help="How much: standard, or small for a first look.")] = "standard",
    audio: Annotated[
        Path | None,
        typer.Option(help="The folder of recordings; else $ANTIPHON_TEST_AUDIO.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other pauses and sounds.")] = 0,
    jobs: Annotated[int | None, typer.Option(help="Processes at once.", min=1, show_default="one a core")] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write all of it as one HTML page, with plots.", dir_okay=False, show_default=False),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            help="An earlier --json to compare with: 1 is returned if a figure got worse.", show_default=False
        ),
    ] = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Measure turn-taking: false cut-offs against waiting, interruptions and backchannels, with baselines beside."""
    from antiphon.lab.eval import compare
    from antiphon.lab.eval import suite as suites

    before = compare.load(baseline) if baseline else None
    with _progress() as bar:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what)
            bar.update(tasks[what], completed=done, total=of)

        found = suites.run(suite, audio=audio, seed=seed, jobs=jobs, progress=tell)
    changes = compare.compare(before, found.figures) if before else []
    if report:
        from antiphon.lab.eval.report import page

        report.write_text(page(found, changes), encoding="utf-8")
    if json:
        print_json(found.figures | ({"changes": [asdict(change) for change in changes]} if before else {}))
    else:
        _show(found.figures)
        _show_changes(changes)
    if any(change.verdict is compare.Verdict.WORSE for change in changes):
        raise typer.Exit(1)


def _progress() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=stderr(), transient=True, disable=not stderr().is_terminal)


def _show(figures: dict[str, Any]) -> None:
    """Every policy in a row, every figure in a column."""
    from rich.table import Table

    from antiphon.lab.eval.figures import COLUMNS

    table = Table("", *(name.replace("_", " ") for name in COLUMNS), box=None, pad_edge=False)
    for name, row in {"antiphon": figures, **figures["baselines"]}.items():
        table.add_row(name, *(_cell(row[column]) for column in COLUMNS))
    stdout().print(table)
    for what, part in figures["subset"].items():
        stdout().print(f"There was time for {part['done']} of {part['of']} {what}.")


def _show_changes(changes: list[Change]) -> None:
    for change in changes:
        figure = change.figure.replace("_", " ")
        stdout().print(f"{figure}: {_cell(change.before)} before, {_cell(change.now)} now: {change.verdict}")


def _cell(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1%}" if isinstance(value, float) else f"{value} ms"
