"""Recorded callers: spoken orders, each with the words that a listener must have understood."""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass
from pathlib import Path

from antiphon.audio import wav
from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.audio.speech import speech_extent
from antiphon.conversation.words import normalise
from antiphon.errors import ConfigError

FOLDER = "ANTIPHON_TEST_AUDIO"  # the variable that names the folder of recorded speech
BESIDE = Path(__file__).resolve().parents[4] / "shared" / "audio"  # where it is looked for without that


@dataclass(frozen=True, slots=True)
class Order:
    path: Path
    recording: wav.Recording
    words: tuple[str, ...]  # of its slots

    @property
    def name(self) -> str:
        return self.path.stem[:8]

    def found(self, text: str) -> int:
        """How many of the slots' words a transcript has."""
        understood = set(normalise(text).split())
        return sum(word in understood for word in self.words)

    def speech(self) -> bytes:
        """The recording from its first voiced sample to its last."""
        begin, end = speech_extent(self.recording.pcm, self.recording.rate) or (0, None)
        return self.recording.pcm[SAMPLE_BYTES * begin : end and SAMPLE_BYTES * end]


def folder() -> Path:
    """Where the recordings are, whether or not there are any."""
    return Path(os.environ.get(FOLDER) or BESIDE) / "orders"


def load(count: int | None = None, *, seed: int = 0) -> list[Order]:
    """All recordings, or `count` drawn from them, in the order of their names. Raises ConfigError without any."""
    labels = folder() / "labels.json"
    try:
        slots = {name: label["slots"] for name, label in json.loads(labels.read_text(encoding="utf-8")).items()}
    except OSError as error:
        raise ConfigError(f"no recorded speech; set {FOLDER} to its folder, which holds orders/labels.json") from error
    names = sorted(slots)
    if count is not None and count < len(names):
        names = sorted(random.Random(seed).sample(names, count))
    return [_order(folder() / name, slots[name]) for name in names]


def _order(path: Path, slots: dict[str, str]) -> Order:
    return Order(path, wav.read(path), tuple(normalise(" ".join(slots.values())).split()))
