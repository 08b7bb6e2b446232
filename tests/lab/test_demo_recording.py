"""A recording cut at its pauses."""

from __future__ import annotations

import numpy as np

from antiphon.lab.demo_recording import MARGIN, utterances

RATE = 16_000  # Hz


def speech(seconds: float) -> bytes:
    time = np.arange(round(seconds * RATE)) / RATE
    wave = np.sin(2 * np.pi * 300 * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))
    return (wave * 8000).astype("<i2").tobytes()


def room(seconds: float, *, level: float = 10.0) -> bytes:
    noise = np.random.default_rng(0).standard_normal(round(seconds * RATE))
    return (noise * level).astype("<i2").tobytes()


def seconds(pcm: bytes) -> float:
    return len(pcm) / 2 / RATE


def test_each_utterance_waits_for_its_turn() -> None:
    first, second = utterances(room(1) + speech(0.8) + room(1.5) + speech(1.2) + room(1), RATE)
    assert abs(seconds(first) - (0.8 + 2 * MARGIN)) < 0.05
    assert abs(seconds(second) - (1.2 + 2 * MARGIN)) < 0.05


def test_a_short_pause_is_inside_an_utterance() -> None:
    (only,) = utterances(speech(0.8) + room(0.6) + speech(0.8), RATE)
    assert abs(seconds(only) - 2.2) < 0.05


def test_a_click_is_no_utterance() -> None:
    assert len(utterances(speech(0.05) + room(2) + speech(1.0) + room(1), RATE)) == 1


def test_silence_holds_none() -> None:
    assert utterances(bytes(2 * RATE), RATE) == []
    assert utterances(b"", RATE) == []


def test_a_noisy_room_is_cut_as_well() -> None:
    noisy = np.frombuffer(room(1) + speech(1.0) + room(1.5) + speech(1.0) + room(1), "<i2")
    hiss = np.frombuffer(room(len(noisy) / RATE, level=150.0), "<i2")
    assert len(utterances((noisy + hiss).astype("<i2").tobytes(), RATE)) == 2
