"""`antiphon doctor`: what works from here, and how fast."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antiphon.cli.terminal import Json, Verbose, print_json, run_async, stderr, stdout

if TYPE_CHECKING:
    from antiphon.lab.doctor import Finding, Subject
    from antiphon.lab.doctor_measures import Speech

STYLES = {"works": "green", "refused": "red", "failed": "red"}
SENTENCE = "Good morning, I would like to book a table for two."


def doctor(
    agent: Annotated[
        Path | None,
        typer.Argument(
            metavar="[AGENT.yaml]",
            help="Look at what this agent names. Left out: at every provider.",
            show_default=False,
        ),
    ] = None,
    free: Annotated[
        bool, typer.Option("--free", help="Only connect and prove the keys: make nothing that costs a little.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds each step may take.", min=0.1, max=120)] = 10.0,
    json: Json = False,
    verbose: Verbose = False,
) -> int:
    """Check every provider's key, and measure how far it is and how long its first result takes.

    A first result is a token, a sound, or the transcript of a sentence after its end. It exits with 1 if a stage has
    nobody who works, if a key is refused, or if something fails that has a key or that the agent names.
    """
    from antiphon.lab.doctor_advice import as_json, ills

    findings = run_async(_examine(_subjects(agent), free=free, timeout=timeout))
    if json:
        print_json(as_json(findings))
    else:
        show(findings)
    return 1 if ills(findings) else 0


def _subjects(agent: Path | None) -> list[Subject]:
    from antiphon.agent import Agent
    from antiphon.lab.doctor import everyone, named_by

    if agent is None:
        return everyone()
    given = Agent.from_yaml(agent)
    stages = {"stt": given.stt, "llm": given.llm, "tts": given.tts, "vad": given.vad}
    return named_by({stage: "local" if one is None else one for stage, one in stages.items()})  # type: ignore[misc]


async def _examine(subjects: list[Subject], *, free: bool, timeout: float) -> list[Finding]:
    from antiphon.lab.doctor import examine

    with stderr().status(f"looking at {len(subjects)} providers …"):
        speech = await _speech()
        return await examine(subjects, speech=speech, results=not free, timeout=timeout)


async def _speech() -> Speech:
    """A sentence, where there is a voice here to say it; else a sound that passes for speech."""
    from antiphon.errors import AntiphonError
    from antiphon.lab.babble import babble
    from antiphon.lab.doctor_measures import Speech, spoken
    from antiphon.providers import registry

    try:
        return await spoken(registry.create_tts("local"), SENTENCE)
    except AntiphonError:
        return Speech(babble(2.0, 16_000), 16_000)


def show(findings: list[Finding]) -> None:
    """A table of all, then what to do."""
    import yaml
    from rich.table import Table
    from rich.text import Text

    from antiphon.lab.doctor_advice import CHAINED, chain, ills, preset_gaps

    table = Table("stage", "provider", "", "region", "connect", "ready", "first result", "", box=None, pad_edge=False)
    for column in (4, 5, 6):
        table.columns[column].justify = "right"
    for one in findings:
        status = Text(one.status, style=STYLES.get(one.status, "dim"))
        where = "here" if one.here else one.region or ""
        times = [_ms(ms) for ms in (one.connect_ms, one.ready_ms, one.first_ms)]
        table.add_row(one.subject.stage, Text(one.provider), status, where, *times, Text(one.message, style="dim"))
    stdout().print(table)
    recommended = {stage: chain(findings, stage) for stage in CHAINED}
    if all(recommended.values()):
        stdout().print("\nThe quickest from here, each followed by who takes over:\n", style="bold")
        stdout().print(yaml.safe_dump(recommended, sort_keys=False, default_flow_style=None).rstrip(), markup=False)
    for name, gaps in preset_gaps(findings).items():
        stdout().print(f"\npreset {name}: {'works' if not gaps else 'nobody works for ' + ', '.join(gaps)}", end="")
    stdout().print()
    for line in ills(findings):
        stderr().print(line, style="red", markup=False, soft_wrap=True)


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f} ms"
