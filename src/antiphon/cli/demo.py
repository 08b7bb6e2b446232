"""`antiphon demo`."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.terminal import Verbose, run_async, stdout


def demo(
    caller: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.wav",
            help="A recorded caller, of one utterance or several, instead of a synthetic one.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where demo.wav and demo.json go.", exists=True, file_okay=False)
    ] = Path(),
    verbose: Verbose = False,
) -> None:
    """Hold a conversation with a local agent, and write it to demo.wav and demo.json.

    A simulated caller says "uh-huh" over the greeting, answers, asks, and talks over a long reply. Needs no key.
    What was heard is then checked; the exit code is 0 only if all of it is as it should be.
    """
    try:
        code = run_async(_demo(caller, out, started=time.monotonic()))
    except asyncio.CancelledError:
        code = 128 + signal.SIGTERM
    raise typer.Exit(code)


async def _demo(caller: Path | None, out: Path, *, started: float) -> int:
    import json

    from antiphon.agent import Agent
    from antiphon.cli.demo_screen import Screen
    from antiphon.cli.weights import pull_missing
    from antiphon.lab.demo import run_demo
    from antiphon.lab.demo_checks import checks
    from antiphon.lab.demo_json import as_json

    _end_on_sigterm()
    stages = Agent().stages()
    pull_missing((stages.vad, stages.stt, stages.llm, stages.tts))
    with Screen(stdout()) as screen:
        screen.tell("starting a server …")
        outcome = await run_demo(caller=caller, watcher=screen, wav_file=out / "demo.wav", started=started)
        verdicts = checks(outcome)
        written = json.dumps(as_json(outcome, verdicts), indent=2, ensure_ascii=False)
        (out / "demo.json").write_text(f"{written}\n", encoding="utf-8")
        screen.conclude(outcome, verdicts)
        screen.tell(f"wrote {out / 'demo.wav'} (caller left, agent right) and {out / 'demo.json'}")
    return 0 if all(verdict.passed for verdict in verdicts) else 1


def _end_on_sigterm() -> None:
    """As on Ctrl-C: whoever ends this process ends the server with it."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
