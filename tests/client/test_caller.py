"""A recording as frames, and where its speech ended."""

from __future__ import annotations

import pytest

from antiphon.client.caller import FRAME, Caller
from antiphon.types import PCM_24K, ULAW_8K, AudioFormat

from .sound import RATE, quiet, speech


def send(caller: Caller, *, frames: int, begin: float = 0.0, speak: bool = True) -> list[bytes]:
    return [caller.frame(speak=speak, at=begin + n * FRAME) for n in range(frames)]


def make(pcm: bytes, *, rate: int = RATE, audio_format: AudioFormat = PCM_24K) -> Caller:
    return Caller(pcm, rate=rate, audio_format=audio_format)


def test_a_recording_is_sent_whole_and_then_the_room_is_quiet() -> None:
    pcm = speech(0.05)
    frames = send(make(pcm), frames=4)
    assert b"".join(frames[:3]) == pcm + quiet(0.01)
    assert max(abs(int.from_bytes(frames[3][n : n + 2], "little", signed=True)) for n in range(0, 960, 2)) <= 3


def test_the_recording_waits_for_its_turn() -> None:
    caller = make(speech(0.04))
    send(caller, frames=2, speak=False)
    assert not caller.finished
    assert b"".join(send(caller, frames=2)) == speech(0.04)
    assert caller.finished


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 48_000])
def test_any_rate_becomes_the_sessions(rate: int) -> None:
    caller = make(speech(1.0, rate=rate), rate=rate, audio_format=ULAW_8K)
    frames = send(caller, frames=50)
    assert {len(frame) for frame in frames} == {160}
    assert caller.finished


def test_the_last_voiced_sample_is_that_of_the_utterance_before() -> None:
    caller = make(speech(0.5) + quiet(1.0) + speech(0.5) + quiet(1.0))
    send(caller, frames=150, begin=10.0)
    assert caller.last_voiced(11.2) == pytest.approx(10.48, abs=0.021)
    assert caller.last_voiced(12.9) == pytest.approx(11.98, abs=0.021)
    assert caller.last_voiced(10.0) is None


def test_a_short_word_in_a_long_silence_is_found() -> None:
    caller = make(quiet(30.0) + speech(0.3) + quiet(2.0))
    send(caller, frames=round(32.3 / FRAME))
    assert caller.last_voiced(32.0) == pytest.approx(30.28, abs=0.021)


def test_the_track_has_each_frame_where_it_was_sent() -> None:
    caller = make(speech(0.04))
    caller.frame(speak=True, at=5.01)
    caller.frame(speak=True, at=5.05)
    track = caller.track(5.0)
    assert track == quiet(0.01) + speech(0.04)[:960] + quiet(0.02) + speech(0.04)[960:]
