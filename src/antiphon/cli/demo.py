"""`antiphon demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.terminal import Verbose, run_async


def demo(
    caller: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.wav",
            help="A recorded question, instead of a synthetic caller.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Hold a conversation with a local agent, and write it to demo.wav and demo.json.

    A simulated caller listens to the greeting, asks, answers, and talks over a long reply. Needs no key.
    """
    from antiphon.lab.demo import run_demo

    raise typer.Exit(run_async(run_demo(caller=caller)))
