"""When each word begins in speech whose words stand apart: where it sounds as often as there are words.

Some voices leave a moment of near silence between any two words and none within a word: machines that join recorded
words, or that spell. Then the words need not be guessed from their letters. That this is such a voice shows in a whole
segment: its islands of sound are exactly as many as its words. In ordinary speech words run together, and are parted
within by their stops.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from antiphon.audio.pcm import SAMPLE_BYTES, samples_of

Powers = npt.NDArray[np.float64]

WINDOW = 3  # ms over which a level is measured
DEPTH = 0.25  # of the level of the loud parts; below it is the sea
SHORTEST = 20  # ms; a shorter sound is no word
FEWEST = 4  # words of a segment to judge by: of fewer it may be chance


class Islands:
    """The mean power of each millisecond of audio that comes in pieces."""

    def __init__(self, rate: int) -> None:
        self._hop = rate // 1000
        self._rest = b""  # less than a millisecond
        self._powers: list[Powers] = []

    def add(self, pcm: bytes) -> None:
        pcm = self._rest + pcm
        size = self._hop * SAMPLE_BYTES
        whole = len(pcm) - len(pcm) % size
        self._rest = pcm[whole:]
        if whole:
            samples = samples_of(pcm[:whole]).reshape(-1, self._hop).astype(np.float64)
            self._powers.append(np.mean(samples * samples, axis=1))

    @property
    def starts(self) -> list[int]:
        """The sample at which each island begins that has begun; the first is 0, for leading silence is trimmed."""
        found = _islands(np.concatenate(self._powers)) if self._powers else []
        return [0, *(start * self._hop for start in found[1:])]


def _islands(powers: Powers) -> list[int]:
    """The millisecond at which each begins."""
    levels = np.sqrt(np.convolve(powers, np.full(WINDOW, 1 / WINDOW), mode="same"))
    sounds = levels >= DEPTH * np.percentile(levels, 95)
    edges = np.flatnonzero(np.diff(sounds, prepend=False, append=False))
    begins, ends = edges[::2], edges[1::2]
    return [int(begin) for begin, end in zip(begins, ends, strict=True) if end - begin >= SHORTEST]
