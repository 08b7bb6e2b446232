"""The standard suite: every policy on the same pauses, and a session among the sounds that are heard over an agent."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from antiphon.conversation.endpointing import LIMITS, Patience
from antiphon.errors import ConfigError
from antiphon.lab.eval import corpus, figures, points, policies, sounds
from antiphon.lab.eval.corpus import RATE, Half
from antiphon.lab.eval.frontier import Frontier, sweep
from antiphon.lab.eval.overlapping import Setting, hear_all, white_noise
from antiphon.lab.eval.overlaps import Outcome
from antiphon.lab.eval.points import Place, Point
from antiphon.lab.eval.policies import Policy
from antiphon.lab.eval.sounds import Sound
from antiphon.lab.eval.voice import EspeakVoice
from antiphon.lab.machine import machine, today
from antiphon.types import ToolSpec

ECHO = -20.0  # dB of the agent in its own microphone, 200 ms late
SILENCES = (0.5, 0.7, 1.0)  # seconds, of the baselines
KNOBS = {
    "silence": tuple(0.05 * i for i in range(1, 60)),
    "smart_turn": tuple(float(x) for x in (0, *np.geomspace(0.002, 0.5, 24), *np.linspace(0.52, 1, 24))),
    "estimated": tuple(float(x) for x in np.geomspace(0.005, 400, 60)),
}
QUESTION = "What is your phone number?"
PHONE_TOOL = ToolSpec(
    "save_phone_number",
    parameters={"type": "object", "properties": {"phone_number": {"type": "string"}}, "required": ["phone_number"]},
)


@dataclass(frozen=True, slots=True)
class Suite:
    """How much of everything. `within` is the time that models may run, in seconds, and the rest is quick."""

    name: str
    speech: int | None = None  # clips of each half; None: all
    numbers: int = 40  # phone numbers a speaker
    each: int = 2  # interruptions by each recorded speaker
    backchannels: int = 200
    coughs: int = 140
    bursts: int = 80
    background: int = 200
    echoes: int = 30  # replies with an echo of the agent, and as many interruptions
    within: float = 450.0


SUITES = {
    suite.name: suite
    for suite in (
        Suite("standard"),
        Suite(
            "small",
            speech=8,
            numbers=4,
            each=1,
            backchannels=10,
            coughs=6,
            bursts=6,
            background=6,
            echoes=2,
            within=120.0,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Found:
    """All that a report is made of."""

    figures: dict[str, Any]
    frontiers: dict[str, Frontier] = field(default_factory=dict)
    modes: dict[str, tuple[float, float]] = field(default_factory=dict)  # mean wait in seconds, share cut
    waits: dict[str, list[float]] = field(default_factory=dict)  # seconds, at each true end
    outcomes: list[Outcome] = field(default_factory=list)


Progress = Callable[[str, int, int], None]  # what is being done, how many are, of how many


def run(
    name: str = "standard",
    *,
    audio: Path | None = None,
    seed: int = 0,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Found:
    """The suite, and all that came of it. Raises ConfigError for an unknown suite or without recordings,
    ModelStoreError and MissingDependency without the models."""
    if name not in SUITES:
        raise ConfigError(f"there is no suite {name!r}; there are: {', '.join(SUITES)}")
    work = _Work(SUITES[name], corpus.folder(audio), seed, jobs or _cores(), progress or (lambda *_: None))
    speech = work.speech(Half.REPORT)
    outcomes = work.overlaps()
    numbers = work.numbers()
    echoes = work.echoes()
    frontiers = {
        "silence": sweep(policies.silence, KNOBS["silence"], speech, seed=seed),
        "smart_turn": sweep(lambda t: policies.smart_turn(threshold=t), KNOBS["smart_turn"], speech, seed=seed),
        "antiphon": sweep(policies.weighed, KNOBS["estimated"], speech, seed=seed),
    }
    modes = {mode.value: _alone(policies.estimated(LIMITS[mode]), speech, seed) for mode in Patience}
    told = figures.merged(
        figures.of_frontier(frontiers["antiphon"]),
        figures.of_numbers(_dictated(Patience.BALANCED), numbers),
        figures.of_overlaps(outcomes),
        figures.of_echo(echoes),
    )
    told |= {
        "suite": name,
        "seed": seed,
        "modes": {mode: figures.at_a_setting(frontier) for mode, frontier in modes.items()},
        "baselines": _baselines(frontiers, speech, numbers, outcomes, seed),
        "subset": work.subset,
        "clips": {
            kind: len({p.clip for p in (*speech, *numbers) if p.kind == kind}) for kind in ("orders", "read", "digits")
        },
        "half": "thresholds were fixed on one half of the recordings; these figures are of the other",
        "synthetic": ["backchannels", "coughs"],
        "seconds": round(time.monotonic() - work.began),
        "version": version("antiphon"),
        "machine": machine(),
        "date": today(),
    }
    places = {mode: one.curve()[0] for mode, one in modes.items()}
    return Found(told, frontiers, places, _waits(speech), outcomes)


def _waits(speech: Sequence[Point]) -> dict[str, list[float]]:
    named = {mode.value: policies.estimated(LIMITS[mode]) for mode in Patience}
    named |= {"silence_700": policies.silence(0.7), "smart_turn": policies.smart_turn()}
    ends = [point for point in speech if point.over]
    return {name: [policy(point) for point in ends] for name, policy in named.items()}


def _alone(policy: Policy, found: Sequence[Point], seed: int) -> Frontier:
    return sweep(lambda _: policy, (0.0,), found, seed=seed)


def _dictated(mode: Patience) -> Policy:
    return policies.estimated(LIMITS[mode], question=QUESTION, tools=(PHONE_TOOL,))


def _baselines(
    frontiers: dict[str, Frontier],
    speech: Sequence[Point],
    numbers: Sequence[Point],
    outcomes: Sequence[Outcome],
    seed: int,
) -> dict[str, Any]:
    """Swept ones, and the settings that people use. Of a single setting there is no figure at another wait."""
    told = {
        "silence": figures.merged(figures.of_frontier(frontiers["silence"])),
        "smart_turn_swept": figures.merged(figures.of_frontier(frontiers["smart_turn"])),
    }
    alone = {f"silence_{1000 * s:.0f}": policies.silence(s) for s in SILENCES}
    alone["smart_turn"] = policies.smart_turn()
    for name, policy in alone.items():
        at = figures.at_a_setting(_alone(policy, speech, seed))
        told[name] = figures.merged(at, figures.of_numbers(policy, numbers))
    for i, name in enumerate(figures.vad_only_names()):
        told[name] = figures.merged(figures.of_vad_only(outcomes, i))
    return told


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Work:
    """What needs the models, each part with its share of the time."""

    def __init__(self, suite: Suite, root: Path, seed: int, jobs: int, progress: Progress) -> None:
        self.began = time.monotonic()
        self.subset: dict[str, dict[str, int]] = {}  # what there was no time for, as {"done", "of"}
        self._suite, self._root, self._seed, self._jobs, self._progress = suite, root, seed, jobs, progress
        self._clips = corpus.speech(root)
        self._noises = corpus.noise(root)

    def speech(self, half: Half) -> list[Point]:
        clips = self._half(half)
        return self._trace("pauses", list(points.places(clips)), share=0.4)

    def numbers(self) -> list[Point]:
        clips = corpus.phone_numbers(self._root, count=self._suite.numbers, seed=self._seed)
        wanted = list(points.places([clip for clip in clips if clip.half is Half.REPORT]))
        found = self._trace("pauses in phone numbers", wanted, share=0.85)
        traced, whole = Counter(point.clip for point in found), Counter(place.clip.name for place in wanted)
        return [point for point in found if traced[point.clip] == whole[point.clip]]  # judged whole or not at all

    def overlaps(self) -> list[Outcome]:
        return self._hear("sounds over the agent", self._sounds(), echo=None, share=0.75)

    def echoes(self) -> list[Outcome]:
        most, seed = self._suite.echoes, self._seed
        spoken = sounds.interruptions(self._half(Half.REPORT), each=1, seed=seed)
        return self._hear("echoes", [*sounds.nothing(most, seed=seed), *spoken[:most]], echo=ECHO, share=1.0)

    def _hear(self, what: str, wanted: list[Sound], *, echo: float | None, share: float) -> list[Outcome]:
        noise = self._noises.get("kitchen")
        found = hear_all(
            wanted,
            Setting(white_noise() if noise is None else noise, echo=echo),
            jobs=self._jobs,
            until=self._until(share),
            seed=self._seed,
            progress=lambda n, of: self._progress(what, n, of),
        )
        self._count(what, len(found), len(wanted))
        return found

    def _sounds(self) -> list[Sound]:
        suite, seed = self._suite, self._seed
        with EspeakVoice() as voice:

            def speak(text: str, name: str, pace: int) -> bytes:
                return voice.speak(text, RATE, voice=name, pace=pace)[0]

            spoken = sounds.backchannels(suite.backchannels, speak=speak, seed=seed)
        return [
            *sounds.interruptions(self._half(Half.REPORT), each=suite.each, seed=seed),
            *spoken,
            *sounds.coughs(suite.coughs, seed=seed),
            *sounds.bursts(self._noises, suite.bursts, seed=seed),
            *sounds.background(self._noises, suite.background, seed=seed),
        ]

    def _half(self, half: Half) -> list[corpus.Clip]:
        clips = [clip for clip in self._clips if clip.half is half]
        most = self._suite.speech
        return clips if most is None else clips[:: -(-len(clips) // most)]

    def _trace(self, what: str, wanted: list[Place], *, share: float) -> list[Point]:
        found = points.trace(
            wanted,
            jobs=self._jobs,
            until=self._until(share),
            seed=self._seed,
            progress=lambda n, of: self._progress(what, n, of),
        )
        self._count(what, len(found), len(wanted))
        return found

    def _until(self, share: float) -> float:
        return self.began + share * self._suite.within

    def _count(self, what: str, done: int, of: int) -> None:
        if done < of:
            self.subset[what] = {"done": done, "of": of}
