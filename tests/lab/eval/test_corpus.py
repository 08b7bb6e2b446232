"""Recordings and their halves."""

import pytest

from antiphon.audio import wav
from antiphon.errors import ConfigError
from antiphon.lab.babble import babble
from antiphon.lab.eval import corpus
from antiphon.lab.eval.corpus import RATE, Half


def test_no_speaker_is_in_both_halves_and_the_halves_are_even():
    halves = corpus.halve(["ann", "bob", "ann", "cy", "dee"])
    assert sorted(halves.values()) == [Half.FIX, Half.FIX, Half.REPORT, Half.REPORT]


def test_the_half_of_a_name_is_always_the_same():
    assert [corpus.hashed(f"{i}.flac") for i in range(4)] == [corpus.hashed(f"{i}.flac") for i in range(4)]
    assert {corpus.hashed(f"{i}.flac") for i in range(20)} == {Half.FIX, Half.REPORT}


def test_a_folder_without_speech_is_refused_in_one_line(tmp_path):
    with pytest.raises(ConfigError, match="--audio") as refused:
        corpus.folder(tmp_path)
    assert "\n" not in str(refused.value)


def test_clips_know_where_their_speech_is(tmp_path):
    quiet = bytes(2 * RATE)
    for name in ("orders/a.wav", "read/7-1.wav", "read/8-1.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        wav.write(tmp_path / name, quiet + babble(1.0, RATE) + quiet, rate=RATE)
    clips = corpus.speech(corpus.folder(tmp_path))
    assert [(clip.kind, clip.speaker) for clip in clips] == [("orders", "a"), ("read", "7"), ("read", "8")]
    assert clips[1].half != clips[2].half
    assert all(abs(clip.begin / RATE - 1) < 0.05 and abs(clip.end / RATE - 2) < 0.05 for clip in clips)


def test_a_phone_number_has_two_pauses_of_the_length_of_dictation(tmp_path):
    (tmp_path / "digits").mkdir()
    for digit in range(10):
        wav.write(tmp_path / f"digits/{digit}_ann_0.wav", bytes(8000) + babble(0.4, 8000, seed=digit), rate=8000)
    (number,) = corpus.phone_numbers(tmp_path, count=1)
    assert number.speaker == "ann" and len(number.breaks) == 2
    assert number.begin < number.breaks[0] < number.breaks[1] < number.end
