"""Weights that are not here yet: pulled before they are needed, with a progress bar."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from antiphon.cli.terminal import stderr
from antiphon.providers import models

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def pull_missing(providers: Iterable[object]) -> None:
    """Pulls the weights that `providers` name and this machine lacks. Raises as `models.pull` does."""
    wanted = dict.fromkeys(name for provider in providers for name in getattr(provider, "weights", ()))
    pull(list(wanted))


def pull(names: list[str]) -> None:
    """Pulls each model that is not here, one after the other. Raises ModelStoreError or MissingDependency."""
    here = models.installed()
    names = [name for name in names if name not in here]
    if not names:
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=stderr()) as bars:
        for name in names:
            bar = bars.add_task(f"pulling {name}", total=None)
            models.pull(name, partial(_advance, bars, bar))
            bars.update(bar, description=f"{name} is here")


def _advance(bars: Progress, bar: TaskID, done: int, total: int) -> None:
    bars.update(bar, completed=done, total=total)
