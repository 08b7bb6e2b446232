"""Smart Turn: its spectrogram against the definition taken literally, and what it makes of speech."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from antiphon.audio.speech import speech_extent
from antiphon.providers.turn.features import BANDS, FRAMES, RATE, SECONDS, _tables, log_mel
from antiphon.providers.turn.smart_turn import SmartTurn
from tests.providers.conftest import noise, silence

WHOLE = RATE * SECONDS
ORDERS = Path(os.environ.get("ANTIPHON_TEST_AUDIO", "")) / "orders"


def literally(pcm: bytes) -> npt.NDArray[np.float64]:
    """All eight seconds are put together, scaled, mirrored at both ends, and transformed frame by frame."""
    heard = np.frombuffer(pcm, dtype="<i2")[-WHOLE:] / 32_768
    samples = np.concatenate((np.zeros(WHOLE - len(heard)), heard))
    samples = np.pad((samples - samples.mean()) / np.sqrt(samples.var() + 1e-7), 200, mode="reflect")
    window, bands = _tables()
    frames = np.stack([samples[160 * n : 160 * n + 400] * window for n in range(FRAMES)])
    powers = bands @ (np.abs(np.fft.rfft(frames, axis=1)) ** 2).T
    decades = np.log10(np.maximum(powers, 1e-10))
    return (np.maximum(decades, decades.max() - 8) + 4) / 4


@pytest.mark.parametrize("samples", [401, 16_000, 77_777, WHOLE - 100, WHOLE, WHOLE + 5_000])
def test_the_spectrogram_is_that_of_the_definition(samples: int) -> None:
    pcm = noise(samples / RATE + 0.1)[: 2 * samples]
    found = log_mel(pcm)
    assert found.shape == (BANDS, FRAMES) and found.dtype == np.float32
    assert np.abs(found - literally(pcm)).max() < 1e-3


@pytest.mark.parametrize("pcm", [b"", b"\0\0", silence(1)])
def test_next_to_nothing_has_a_spectrogram_too(pcm: bytes) -> None:
    assert np.isfinite(log_mel(pcm)).all()


@pytest.mark.local("smart-turn-v3.2")
@pytest.mark.skipif(not ORDERS.is_dir(), reason="set ANTIPHON_TEST_AUDIO to the folder of recorded speech")
def test_people_who_have_finished_sound_more_like_it() -> None:
    soundfile = pytest.importorskip("soundfile")
    detector, ended, amid = SmartTurn(), [], []
    for path in sorted(ORDERS.glob("*.flac"))[:10]:
        pcm = soundfile.read(path, dtype="int16")[0].tobytes()
        begin, end = speech_extent(pcm, RATE) or (0, 0)
        ended.append(detector.judge(pcm[2 * begin : 2 * end] + silence(0.2)))
        amid.append(detector.judge(pcm[2 * begin : begin + end] + silence(0.2)))
    assert sum(ended) / 10 > 0.5 > sum(amid) / 10
    asyncio.run(detector.aclose())
