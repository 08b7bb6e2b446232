"""What is said as frames, and where its speech ended."""

from __future__ import annotations

import pytest

from antiphon.client.microphone import FRAME, Microphone
from antiphon.types import PCM_24K, ULAW_8K, AudioFormat

from .sound import RATE, quiet, speech


def send(microphone: Microphone, *, frames: int, begin: float = 0.0) -> list[bytes]:
    return [microphone.frame(at=begin + n * FRAME) for n in range(frames)]


def saying(pcm: bytes, *, rate: int = RATE, audio_format: AudioFormat = PCM_24K) -> Microphone:
    microphone = Microphone(audio_format)
    microphone.say(pcm, rate=rate)
    return microphone


def test_an_utterance_is_sent_whole_and_then_the_room_is_quiet() -> None:
    pcm = speech(0.05)
    frames = send(saying(pcm), frames=4)
    assert b"".join(frames[:3]) == pcm + quiet(0.01)
    assert max(abs(int.from_bytes(frames[3][n : n + 2], "little", signed=True)) for n in range(0, 960, 2)) <= 3


def test_an_utterance_knows_when_it_was_sent() -> None:
    microphone = Microphone(PCM_24K)
    send(microphone, frames=2, begin=7.0)
    first, second = microphone.say(speech(0.04), rate=RATE), microphone.say(speech(0.02), rate=RATE)
    send(microphone, frames=1, begin=8.0)
    assert (first.begins, first.ends, second.begins) == (8.0, None, None)
    send(microphone, frames=2, begin=8.02)
    assert (first.ends, second.begins, second.ends) == pytest.approx((8.04, 8.04, 8.06))
    assert not microphone.speaking


def test_nothing_to_say_is_not_said() -> None:
    assert not saying(b"").speaking


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 48_000])
def test_any_rate_becomes_the_sessions(rate: int) -> None:
    microphone = saying(speech(1.0, rate=rate), rate=rate, audio_format=ULAW_8K)
    frames = send(microphone, frames=50)
    assert {len(frame) for frame in frames} == {160}
    assert not microphone.speaking


def test_the_last_voiced_sample_is_that_of_the_utterance_before() -> None:
    microphone = saying(speech(0.5) + quiet(1.0) + speech(0.5) + quiet(1.0))
    send(microphone, frames=150, begin=10.0)
    assert microphone.last_voiced(11.2) == pytest.approx(10.48, abs=0.021)
    assert microphone.last_voiced(12.9) == pytest.approx(11.98, abs=0.021)
    assert microphone.last_voiced(10.0) is None


def test_a_short_word_in_a_long_silence_is_found() -> None:
    microphone = saying(quiet(30.0) + speech(0.3) + quiet(2.0))
    send(microphone, frames=round(32.3 / FRAME))
    assert microphone.last_voiced(32.0) == pytest.approx(30.28, abs=0.021)


def test_the_track_has_each_frame_where_it_was_sent() -> None:
    microphone = saying(speech(0.04))
    microphone.frame(at=5.01)
    microphone.frame(at=5.05)
    track = microphone.track(5.0)
    assert track == quiet(0.01) + speech(0.04)[:960] + quiet(0.02) + speech(0.04)[960:]


def test_frames_that_were_late_and_caught_up_with_leave_no_gap() -> None:
    microphone = saying(speech(0.4))
    microphone.frame(at=5.0)
    for n in range(1, 20):
        microphone.frame(at=max(5.3, 5.0 + n * FRAME))  # a stall, and then all that was due at once
    assert microphone.track(5.0) == speech(0.4)
