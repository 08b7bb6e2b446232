"""What the caller hears, by arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.client.playback import Playback

RATE = 1000  # Hz: a sample a millisecond
LOUD = b"\x00\x40"
QUIET = b"\x00\x00"


def test_pieces_play_back_to_back_however_they_arrive() -> None:
    playback = Playback(RATE)
    playback.receive("r", LOUD * 100, at=1.0)
    playback.receive("r", LOUD * 100, at=1.01)
    assert playback.ends == pytest.approx(1.2)
    assert [playback.played("r", at) for at in (0.9, 1.0, 1.05, 1.15, 9.0)] == [0, 0, 50, 150, 200]


def test_audio_that_comes_late_plays_when_it_comes() -> None:
    playback = Playback(RATE)
    playback.receive("r", LOUD * 100, at=1.0)
    playback.receive("r", LOUD * 100, at=2.0)
    assert playback.played("r", 1.9) == 100
    assert playback.ends == pytest.approx(2.1)


def test_a_second_reply_waits_for_the_first() -> None:
    playback = Playback(RATE)
    playback.receive("a", LOUD * 100, at=1.0)
    playback.receive("b", LOUD * 100, at=1.0)
    assert (playback.played("a", 1.15), playback.played("b", 1.15)) == (100, 50)
    assert playback.first_audible("b") == pytest.approx(1.1)


def test_a_flush_drops_what_was_not_heard() -> None:
    playback = Playback(RATE)
    playback.receive("a", LOUD * 100, at=1.0)
    playback.receive("b", LOUD * 100, at=1.0)
    playback.flush(at=1.06)
    assert (playback.played("a", 9.0), playback.played("b", 9.0)) == (60, 0)
    assert playback.first_audible("b") is None
    playback.receive("c", LOUD, at=1.07)
    assert playback.first_audible("c") == pytest.approx(1.07)


def test_a_flush_of_silence_changes_nothing() -> None:
    playback = Playback(RATE)
    playback.receive("a", LOUD * 100, at=1.0)
    playback.flush(at=2.0)
    assert playback.ends == pytest.approx(1.1)


def test_leading_silence_is_not_audible() -> None:
    playback = Playback(RATE)
    playback.receive("r", QUIET * 300, at=1.0)
    assert playback.first_audible("r") is None
    playback.receive("r", LOUD * 10, at=1.1)
    assert playback.first_audible("r") == pytest.approx(1.3)


def test_the_track_has_everything_in_its_place() -> None:
    playback = Playback(RATE)
    playback.receive("a", LOUD * 2, at=10.003)
    playback.receive("b", LOUD, at=10.007)
    assert playback.track(10.0) == QUIET * 3 + LOUD * 2 + QUIET * 2 + LOUD
    assert playback.audio() == LOUD * 3


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50), st.integers(0, 80)), max_size=20))
def test_nothing_is_played_twice_or_early(arrivals: list[tuple[str, int, int]]) -> None:
    playback, at, received = Playback(RATE), 0.0, 0
    for reply_id, samples, wait in arrivals:
        at += wait / 1000
        playback.receive(reply_id, LOUD * samples, at)
        received += samples
        assert sum(playback.played(one, at) for one in "abc") <= at * RATE + 1e-3
    assert sum(playback.played(one, playback.ends + 1) for one in "abc") == received
