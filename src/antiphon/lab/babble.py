"""A sound that a voice detector takes for speech: vowels without meaning, in the rhythm of syllables."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from antiphon.audio.pcm import from_float

Float64 = npt.NDArray[np.float64]

# The first three formants of five vowels, in Hz (Peterson & Barney, "Control methods used in a study of the vowels",
# 1952), and how wide they are.
_VOWELS = np.array([(730, 1090, 2440), (270, 2290, 3010), (570, 840, 2410), (530, 1840, 2480), (300, 870, 2240)])
_WIDTHS = np.array([60.0, 90.0, 150.0])
_SYLLABLE = 0.22  # seconds


def babble(seconds: float, rate: int, *, seed: int = 0, level: float = 0.1) -> bytes:
    """16-bit mono at `rate` Hz, of this RMS level (full scale is 1)."""
    rng = np.random.default_rng(seed)
    parts: list[Float64] = []
    while sum(map(len, parts)) < seconds * rate:
        parts.append(_syllable(rng, rate))
    sound = np.concatenate(parts)[: round(seconds * rate)]
    return from_float(np.clip(sound * level / np.sqrt(np.mean(sound**2)), -1, 1))


def _syllable(rng: np.random.Generator, rate: int) -> Float64:
    """A vowel between two closures: harmonics of a falling pitch, weighed by the vowel's formants."""
    length = round(_SYLLABLE * rng.uniform(0.7, 1.3) * rate)
    t = np.arange(length) / rate
    pitch = rng.uniform(100, 140) * (1 + 0.02 * np.sin(2 * np.pi * 5 * t)) * (1 - 0.15 * t / t[-1])
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    formants = _VOWELS[rng.integers(len(_VOWELS))]
    harmonics = np.arange(1, int(3600 / 140))
    frequencies = harmonics * pitch.mean()
    gains = np.sum(1 / (1 + ((frequencies[:, None] - formants) / _WIDTHS) ** 2), axis=1) / harmonics**0.5
    wave = np.sin(np.outer(harmonics, phase)).T @ gains
    envelope = np.minimum(np.minimum(t, t[-1] - t) / 0.03, 1.0)
    syllable: Float64 = wave * envelope + 0.02 * rng.standard_normal(length)
    return syllable
