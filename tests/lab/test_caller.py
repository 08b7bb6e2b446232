from __future__ import annotations

import pytest

from antiphon.audio.pcm import first_audible, rms_dbfs, silence
from antiphon.errors import ConfigError
from antiphon.lab.caller import Label, Track
from antiphon.lab.tones import ToneCode

CODE = ToneCode()
RATE = 16_000


def test_the_labels_are_the_truth_about_the_audio() -> None:
    track = Track(RATE, CODE).silence(500).say("good morning").at(4000).say("stop").silence(300)
    assert [label.text for label in track.labels] == ["good morning", "stop"]
    good, morning, stop = CODE.decode(track.pcm, RATE)
    first, second = track.labels
    assert (first.start_ms, second.start_ms) == (500, 4000)
    for label, begin, end in ((first, good, morning), (second, stop, stop)):
        assert begin.start_sample / RATE * 1000 == pytest.approx(label.start_ms, abs=1.5)
        assert end.end_sample / RATE * 1000 == pytest.approx(label.end_ms, abs=1.5)
    assert track.duration_ms == len(track.pcm) / 2 / RATE * 1000 == second.end_ms + 300


def test_nothing_can_begin_in_the_past() -> None:
    with pytest.raises(ConfigError, match="1000 ms long: nothing more can begin at 900 ms"):
        Track(RATE).silence(1000).at(900)


def test_words_need_a_code() -> None:
    with pytest.raises(ConfigError, match="no tone code"):
        Track(RATE).say("hello")


def test_a_recording_is_brought_to_the_rate_of_the_track() -> None:
    pcm, _ = CODE.speak("hello", 24_000)
    track = Track(8_000).silence(100).recording(pcm, text="hello", rate=24_000)
    assert [word.text for word in CODE.decode(track.pcm, 8_000)] == ["hello"]
    (label,) = track.labels
    assert (label.start_ms, label.text) == (100, "hello")
    assert label.end_ms == pytest.approx(100 + len(pcm) / 2 / 24, abs=0.2)


def test_noise_has_its_level_and_a_label_without_words() -> None:
    track = Track(RATE).silence(1000).noise(500, dbfs=-30).silence(500)
    assert track.labels == [Label(1000, 1500, "")]
    assert rms_dbfs(track.pcm[2 * RATE : 3 * RATE]) == pytest.approx(-30, abs=0.2)
    assert first_audible(track.pcm) == pytest.approx(RATE, abs=16)


def test_background_noise_lies_under_everything() -> None:
    track = Track(RATE, CODE).background(-50).silence(1000).say("hello").silence(1000)
    assert rms_dbfs(track.pcm[: 2 * RATE]) == pytest.approx(-50, abs=0.2)
    assert [word.text for word in CODE.decode(track.pcm, RATE)] == ["hello"]


def test_a_track_is_the_same_every_time_and_another_seed_is_not() -> None:
    def pcm(seed: int) -> bytes:
        return Track(RATE, seed=seed).background(-50).noise(100).noise(100).pcm

    assert pcm(1) == pcm(1) != pcm(2)


def test_frames_are_all_of_one_size() -> None:
    frames = list(Track(RATE).noise(50).frames(20))
    assert [len(frame) for frame in frames] == [640] * 3
    assert frames[2][320:] == silence(160)
    assert list(Track(RATE).frames()) == []
