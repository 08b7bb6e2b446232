import os
from pathlib import Path

import numpy as np
import pytest

from antiphon.audio.pcm import from_float, silence
from antiphon.audio.speech import last_voiced, speech_extent

RATE = 16_000
FRAME = RATE // 100
ORDERS = Path(os.environ.get("ANTIPHON_TEST_AUDIO", "")) / "orders"


def noise(seconds: float, decibels: float, *, rate: int = RATE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(int(seconds * rate)) * 10 ** (decibels / 20)


def voice(seconds: float, decibels: float = -20, *, rate: int = RATE) -> np.ndarray:
    """A buzz of 150 Hz and its harmonics, four syllables a second."""
    time = np.arange(int(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 15))
    return buzz * (0.6 + 0.4 * np.cos(2 * np.pi * 4 * time)) * 10 ** (decibels / 20)


def extent(*parts: np.ndarray, rate: int = RATE) -> tuple[float, float] | None:
    """In seconds."""
    found = speech_extent(from_float(np.concatenate(parts)), rate)
    return None if found is None else (found[0] / rate, found[1] / rate)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 48_000])
@pytest.mark.parametrize("floor", [-90, -60, -45])
def test_speech_in_a_quiet_room_is_found_to_the_frame(rate: int, floor: float) -> None:
    room = noise(1, floor, rate=rate)
    found = extent(room, voice(1.5, rate=rate), room, rate=rate)
    assert found == pytest.approx((1.0, 2.5), abs=0.011)


def test_digital_silence_around_speech() -> None:
    assert extent(np.zeros(RATE), voice(1), np.zeros(RATE)) == pytest.approx((1.0, 2.0), abs=0.011)


@pytest.mark.parametrize("nothing", [b"", silence(3), silence(RATE), from_float(noise(1, -70))])
def test_silence_holds_no_speech(nothing: bytes) -> None:
    assert speech_extent(nothing, RATE) is None


def test_a_recording_that_is_all_speech() -> None:
    assert extent(voice(2)) == (0.0, 2.0)


def test_a_click_is_not_speech() -> None:
    room, click = noise(1, -75), noise(0.02, -10)
    assert extent(click, room, voice(1), room, click) == pytest.approx((1.02, 2.02), abs=0.011)


def test_hum_and_offset_are_not_speech() -> None:
    time = np.arange(4 * RATE) / RATE
    hum = 0.02 * np.sin(2 * np.pi * 50 * time) + 0.1
    spoken = np.concatenate([noise(1, -80), voice(2), noise(1, -80)])
    assert extent(hum + spoken) == pytest.approx((1.0, 3.0), abs=0.011)


def test_a_pause_between_words_is_inside_the_extent() -> None:
    room = noise(0.8, -70)
    assert extent(room, voice(0.5), room, voice(0.5), room) == pytest.approx((0.8, 2.6), abs=0.011)


def test_a_loud_word_elsewhere_does_not_move_the_end() -> None:
    room, quiet = noise(1, -75), (noise(4, -75), voice(1, -40), noise(1, -75))
    alone, after = extent(*quiet), extent(room, voice(1, -5), *quiet)
    assert alone is not None and after is not None
    assert after[1] - 2 == pytest.approx(alone[1], abs=0.011)


@pytest.mark.parametrize("after", [0.25, 0.4, 0.6, 0.8])
def test_a_listener_with_two_seconds_finds_the_same_end(after: float) -> None:
    call = from_float(np.concatenate([noise(1, -60), voice(3), noise(2, -60)]))
    end, now = speech_extent(call, RATE), int((4 + after) * RATE)
    tail = last_voiced(call[2 * (now - 2 * RATE) : 2 * now], rate=RATE)
    assert end is not None and tail is not None
    assert abs(now - 2 * RATE + tail - end[1]) <= FRAME


def test_silence_has_no_last_voiced_sample() -> None:
    assert last_voiced(silence(2 * RATE), rate=RATE) is None


@pytest.mark.skipif(not ORDERS.is_dir(), reason="set ANTIPHON_TEST_AUDIO to the folder of recorded speech")
def test_both_definitions_agree_on_recorded_speech() -> None:
    soundfile = pytest.importorskip("soundfile")
    recordings = sorted(ORDERS.glob("*.flac"))
    agree = 0
    for path in recordings:
        pcm = soundfile.read(path, dtype="int16")[0].tobytes()
        found = speech_extent(pcm, RATE)
        assert found is not None
        start = max(found[1] + RATE // 2 - 2 * RATE, 0)  # asked half a second after the end
        tail = last_voiced(pcm[2 * start : 2 * (found[1] + RATE // 2)], rate=RATE)
        agree += tail is not None and abs(start + tail - found[1]) <= FRAME
    assert agree >= 0.97 * len(recordings)
