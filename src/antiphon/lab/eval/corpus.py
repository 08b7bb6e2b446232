"""The recordings that turn-taking is measured with, cut in two halves: what is fixed on one is reported of the other.

A folder holds `orders/` (spoken orders, one speaker each), `read/` (sentences read aloud, named `speaker-…`), `digits/`
(single digits, named `digit_speaker_take`) and `noise/`. Orders are halved by a hash of their name; read speech and
digits by speaker, so that no voice is in both halves.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from antiphon.audio import wav
from antiphon.audio.pcm import Int16, samples_of, silence, to_int16
from antiphon.audio.resample import resample
from antiphon.audio.speech import speech_extent
from antiphon.errors import ConfigError
from antiphon.lab.orders import BESIDE, FOLDER

RATE = 16_000  # Hz, of all audio in the evaluation
SUFFIXES = (".flac", ".wav", ".ogg")
PHONE_GROUPS = (3, 3, 4)  # digits of a phone number
BETWEEN_DIGITS = (0.03, 0.12)  # seconds, within a group
BETWEEN_GROUPS = (0.4, 1.5)  # seconds: the caller reads the number out for someone who writes it down
HISS = 8.0  # RMS, in steps of 16 bits


class Half(StrEnum):
    FIX = "fix"  # thresholds are fixed here
    REPORT = "report"  # and figures are taken here


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One recording. `begin` and `end` are the first voiced sample and the one after the last."""

    name: str
    kind: str  # "orders", "read" or "digits"
    speaker: str
    half: Half
    samples: Int16
    begin: int
    end: int
    breaks: tuple[int, ...] = ()  # where its pauses begin, if that is known in advance


def folder(given: Path | None = None) -> Path:
    """Where the recordings are. Raises ConfigError where there are none."""
    found = given or Path(os.environ.get(FOLDER) or BESIDE)
    if not any((found / kind).is_dir() for kind in ("orders", "read")):
        raise ConfigError(f"no recorded speech in {found}: name its folder by --audio or {FOLDER}; it holds orders/")
    return found


def speech(root: Path) -> list[Clip]:
    """All orders and all read speech, in the order of their names. What holds no speech is left out."""
    orders, read = _files(root / "orders"), _files(root / "read")
    halves = halve({path.stem.split("-")[0] for path in read})
    clips = [_clip(path, "orders", path.stem, hashed(path.name)) for path in orders]
    clips += [_clip(path, "read", speaker := path.stem.split("-")[0], halves[speaker]) for path in read]
    return [clip for clip in clips if clip]


def noise(root: Path) -> dict[str, Int16]:
    """Each recording of noise, by its name without the suffix."""
    return {path.stem: _samples(path) for path in _files(root / "noise")}


def phone_numbers(root: Path, *, count: int, seed: int = 0) -> list[Clip]:
    """Phone numbers spliced from single digits of one speaker, `count` for each speaker. `breaks` are the pauses
    between two groups."""
    digits: dict[str, list[Int16]] = defaultdict(list)
    for path in _files(root / "digits"):
        _, speaker, _ = path.stem.split("_")
        samples = _samples(path)
        if extent := speech_extent(samples.tobytes(), RATE):
            digits[speaker].append(samples[slice(*extent)])
    halves = halve(digits)
    return [
        _phone_number(f"phone-{speaker}-{i}", speaker, halves[speaker], digits[speaker], random.Random(f"{seed} {i}"))
        for speaker in sorted(digits)
        for i in range(count)
    ]


def halve(speakers: Iterable[str]) -> dict[str, Half]:
    """Every second one, in the order of a hash of their names."""
    ranked = sorted(set(speakers), key=_hash)
    return {speaker: (Half.FIX, Half.REPORT)[i % 2] for i, speaker in enumerate(ranked)}


def hashed(name: str) -> Half:
    return Half.REPORT if _hash(name)[-1] & 1 else Half.FIX


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def _files(place: Path) -> list[Path]:
    return sorted(path for path in place.glob("*") if path.suffix.lower() in SUFFIXES)


def _samples(path: Path) -> Int16:
    recording = wav.read(path)
    return samples_of(resample(recording.pcm, recording.rate, RATE))


def _clip(path: Path, kind: str, speaker: str, half: Half) -> Clip | None:
    samples = _samples(path)
    extent = speech_extent(samples.tobytes(), RATE)
    return Clip(path.name, kind, speaker, half, samples, *extent) if extent else None


def _phone_number(name: str, speaker: str, half: Half, digits: Sequence[Int16], rng: random.Random) -> Clip:
    parts = [_quiet(0.5)]
    breaks: list[int] = []
    for group in PHONE_GROUPS:
        for _ in range(group):
            parts += [rng.choice(digits), _quiet(rng.uniform(*BETWEEN_DIGITS))]
        breaks.append(sum(map(len, parts[:-1])))
        parts[-1] = _quiet(rng.uniform(*BETWEEN_GROUPS))
    end = breaks.pop()
    sound = np.concatenate(parts)
    # The digits were cut out of silence, and a room is never quite silent.
    hiss = np.random.default_rng(rng.randrange(2**32)).standard_normal(len(sound)) * HISS
    return Clip(name, "digits", speaker, half, to_int16(sound + hiss), RATE // 2, end, tuple(breaks))


def _quiet(seconds: float) -> Int16:
    return samples_of(silence(round(seconds * RATE)))
