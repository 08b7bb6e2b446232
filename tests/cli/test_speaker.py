"""What waits to be played, and what has been heard."""

from __future__ import annotations

import pytest

from antiphon.cli.speaker import Speaker


@pytest.fixture
def speaker() -> Speaker:
    return Speaker()


def test_silence_where_nothing_waits(speaker):
    assert speaker.take(3) == bytes(6)
    assert speaker.quiet_for == 3


def test_audio_comes_out_in_order_and_whole(speaker):
    speaker.play("a", b"\1\0\2\0")
    speaker.play("b", b"\3\0")
    assert speaker.take(1) + speaker.take(4) == b"\1\0\2\0\3\0\0\0\0\0"
    assert (speaker.played("a"), speaker.played("b")) == (2, 1)


def test_what_the_device_still_holds_is_not_heard(speaker):
    speaker.latency = 4
    speaker.play("a", bytes(12))
    speaker.take(6)
    assert speaker.played("a") == 2
    assert speaker.quiet_for == 0
    speaker.take(4)
    assert speaker.played("a") == 6


def test_flushed_audio_is_neither_played_nor_counted(speaker):
    speaker.play("a", b"\1\0" * 10)
    speaker.take(4)
    speaker.flush()
    assert speaker.take(2) == bytes(4)
    assert speaker.played("a") == 4


def test_quiet_is_counted_from_the_last_sound(speaker):
    speaker.play("a", bytes(2))
    speaker.take(5)
    speaker.take(5)
    assert speaker.quiet_for == 9
    speaker.play("a", bytes(2))
    assert speaker.quiet_for == 0
