"""A recorded caller's utterances: the recording cut at its pauses, so that each can wait for its turn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from antiphon.audio.pcm import FULL_SCALE, SAMPLE_BYTES, samples_of
from antiphon.audio.speech import speech_extent

PAUSE = 0.9  # seconds without speech at which a recording is cut: longer than the pause that ends a turn
MARGIN = 0.25  # seconds kept before and after an utterance
_FRAME = 0.020  # seconds
_LEAST = 0.2  # seconds of sound in an utterance; less is a click
_QUIET, _LOUD = 10, 95  # percentiles of the frames' levels


def utterances(pcm: bytes, rate: int) -> list[bytes]:
    """The utterances in 16-bit mono at `rate` Hz, in their order. One that has no speech at all yields none."""
    if speech_extent(pcm, rate) is None:
        return []
    margin = SAMPLE_BYTES * round(MARGIN * rate)
    size = SAMPLE_BYTES * round(_FRAME * rate)
    return [
        pcm[max(begin * size - margin, 0) : end * size + margin]
        for begin, end in _stretches(pcm, rate)
        if (end - begin) * _FRAME >= _LEAST
    ]


def _stretches(pcm: bytes, rate: int) -> Iterator[tuple[int, int]]:
    """Frames from the first to the one after the last of each stretch that sounds, pauses shorter than PAUSE included.
    A frame sounds when it is nearer to the loud ones than to the quiet ones, in dB."""
    size = round(_FRAME * rate)
    samples = samples_of(pcm).astype(np.float64) / FULL_SCALE
    frames = np.pad(samples, (0, -len(samples) % size)).reshape(-1, size)
    levels = 10 * np.log10(np.mean(frames * frames, axis=1) + 1e-9)
    threshold = np.percentile(levels, (_QUIET, _LOUD)).mean()
    sounding = np.flatnonzero(levels >= threshold)
    for stretch in np.split(sounding, np.flatnonzero(np.diff(sounding) > PAUSE / _FRAME) + 1):
        yield int(stretch[0]), int(stretch[-1]) + 1
