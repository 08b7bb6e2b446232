"""Made-up recordings: babble with dips in it, in a room that hums a little."""

from __future__ import annotations

import numpy as np

from antiphon.audio.pcm import samples_of
from antiphon.lab.babble import babble
from antiphon.lab.eval.corpus import RATE, Clip, Half
from antiphon.lab.eval.points import Point
from antiphon.lab.eval.traces import Quiet, Score, Trace, Understood


def clip(
    *, dips: tuple[float, ...] = (1.0, 2.0), seconds: float = 3.0, name: str = "one", half: Half = Half.FIX
) -> Clip:
    """Speech from 1 s on; at each of `dips`, in seconds of it, 0.2 s of room."""
    rng = np.random.default_rng(0)
    samples = rng.standard_normal(round((seconds + 2) * RATE)) * 20
    samples[RATE : round((1 + seconds) * RATE)] += samples_of(babble(seconds, RATE))
    for dip in dips:
        hole = slice(round((1 + dip) * RATE), round((1.2 + dip) * RATE))
        samples[hole] = rng.standard_normal(hole.stop - hole.start) * 20
    return Clip(name, "orders", name, Half.FIX, samples.astype(np.int16), RATE, round((1 + seconds) * RATE))


def point(
    *, over: bool, score: float = 0.5, text: str = "", since: float = 0.0, name: str = "one", until: float = 3.2
) -> Point:
    """A pause that the VAD hears `since` seconds after it began."""
    quiet = (Quiet(since, since + 0.096, until),)
    scores = tuple(Score(silence, score) for silence in (0.1, 0.2, 0.4))
    texts = (Understood(-0.05, text), Understood(0.22, text))
    return Point(name, "orders", Half.REPORT, over, 1.0, Trace(1.5, quiet, scores, texts))
