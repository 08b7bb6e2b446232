"""Many sounds over many agents, on all cores."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from antiphon.audio.pcm import Int16
from antiphon.errors import AntiphonError
from antiphon.lab.eval.overlaps import Manner, Outcome, Table
from antiphon.lab.eval.ruled import RuledLoop, RuledMoonshine
from antiphon.lab.eval.sounds import Sound
from antiphon.lab.eval.voice import EspeakVoice
from antiphon.providers.vad.silero import Silero


@dataclass(frozen=True, slots=True)
class Setting:
    """What all calls have in common."""

    noise: Int16
    manner: Manner | None = None
    echo: float | None = None  # dB of the agent's voice in the microphone; None: none of it, and it speaks in tones


def hear_all(
    sounds: Sequence[Sound],
    setting: Setting,
    *,
    jobs: int,
    until: float,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Outcome]:
    """The outcomes, in the order given, of all that could be heard until `until` (monotonic seconds).

    Raises ModelStoreError or MissingDependency where a model is missing.
    """
    _Process(setting).close()  # what is not here is missed before any process is started
    order = list(range(len(sounds)))
    random.Random(seed).shuffle(order)
    found: dict[int, Outcome | None] = {}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_load, initargs=(setting,)) as pool:
        running = {pool.submit(_hear, sounds[i], seed + i, until): i for i in order}
        try:
            for done, future in enumerate(as_completed(running), 1):
                found[running[future]] = future.result()
                if progress:
                    progress(done, len(sounds))
        except BrokenProcessPool as error:
            raise AntiphonError("a process that ran the models was killed; is there enough memory?") from error
    return [outcome for i in range(len(sounds)) if (outcome := found[i])]


def white_noise(*, seed: int = 0) -> Int16:
    """For where no recording of a room is at hand."""
    return np.asarray(np.random.default_rng(seed).standard_normal(160_000) * 1000, dtype=np.int16)


class _Process:
    """The models and the loop of a worker process."""

    def __init__(self, setting: Setting) -> None:
        self._voice = None if setting.echo is None else EspeakVoice().__enter__()
        self._manner = setting.manner
        self._table = Table(RuledMoonshine(), Silero(), setting.noise, self._voice, setting.echo)
        self._runner = asyncio.Runner(loop_factory=RuledLoop)

    def hear(self, sound: Sound, seed: int) -> Outcome:
        return self._runner.run(self._table.hear(sound, self._manner, seed=seed))

    def close(self) -> None:
        self._runner.close()
        if self._voice:
            self._voice.__exit__(None, None, None)


_process: _Process | None = None  # of a worker process, which has one thread and serves one evaluation


def _load(setting: Setting) -> None:
    global _process
    _process = _Process(setting)


def _hear(sound: Sound, seed: int, until: float) -> Outcome | None:
    assert _process
    return None if time.monotonic() > until else _process.hear(sound, seed)
