"""What the emulators of voices say: audio that is a function of the text, so that a test can tell every sample."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

CHARACTER = 0.02  # seconds that each character is spoken for


@dataclass(frozen=True)
class Word:
    text: str
    char: int  # where in the text it begins
    start: float  # seconds
    end: float


def length(text: str, rate: int) -> int:
    """How many samples a text is."""
    return len(text) * round(CHARACTER * rate)


def speech(text: str, rate: int) -> bytes:
    """16-bit mono. No two samples nearby are equal, and half a sample too much or too little makes noise of it."""
    count = length(text, rate)
    first = sum(text.encode()) % 97
    return ((np.arange(count) * 7 + first) % 20_011 + 300).astype("<i2").tobytes()


def words(text: str) -> list[Word]:
    return [
        Word(found.group(), found.start(), found.start() * CHARACTER, found.end() * CHARACTER)
        for found in re.finditer(r"\S+", text)
    ]


def cut(pcm: bytes, size: int) -> list[bytes]:
    """The audio in pieces of so many bytes."""
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]
