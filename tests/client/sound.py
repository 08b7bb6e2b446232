"""Sound to call with: bursts that count as speech, and the quiet between them."""

from __future__ import annotations

import numpy as np

RATE = 24_000  # Hz


def speech(seconds: float, *, rate: int = RATE) -> bytes:
    """A tone that comes and goes like syllables do, at a level of speech."""
    time = np.arange(round(seconds * rate)) / rate
    wave = np.sin(2 * np.pi * 440 * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))
    return (wave * 8000).astype("<i2").tobytes()


def quiet(seconds: float, *, rate: int = RATE) -> bytes:
    return bytes(2 * round(seconds * rate))
