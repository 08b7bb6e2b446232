"""Sound to feed providers with."""

from __future__ import annotations

import wave

import numpy as np
import pytest

from antiphon.providers import models


def silence(seconds: float, rate: int = 16_000) -> bytes:
    return bytes(2 * int(seconds * rate))


def tone(seconds: float, *, rate: int = 16_000, hertz: float = 440.0, level: float = 0.2) -> bytes:
    wave = np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)
    return (wave * level * 32767).astype("<i2").tobytes()


def noise(seconds: float, *, rate: int = 16_000, level: float = 0.05) -> bytes:
    wave = np.random.default_rng(7).standard_normal(int(seconds * rate))
    return (wave * level * 32767).clip(-32768, 32767).astype("<i2").tobytes()


def read_aloud() -> bytes:
    """Four seconds of a man reading, at 16 kHz, out of a file that comes with the speech-to-text package."""
    pytest.importorskip("moonshine_voice")
    with wave.open(str(models.path("moonshine-tiny-en").parent / "two_cities.wav")) as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    step = rate // 16_000
    samples = samples[: len(samples) // step * step].reshape(-1, step).mean(axis=1)
    return samples[: 4 * 16_000].astype("<i2").tobytes()


@pytest.fixture(scope="session")
def speech() -> bytes:
    return read_aloud()
