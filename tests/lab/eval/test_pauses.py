"""Pauses: the law, and where and how one is put into a recording."""

import random

import numpy as np
import pytest

from antiphon.audio.pcm import rms_dbfs
from antiphon.lab.eval import pauses
from antiphon.lab.eval.corpus import RATE
from tests.lab.eval.clips import clip


@pytest.mark.parametrize(("seconds", "share"), [(0.1, 1.0), (0.3, 0.568), (0.6, 0.209), (1.6, 0.051)])
def test_the_law(seconds, share):
    assert pauses.share_longer(seconds) == pytest.approx(share, abs=0.002)


def test_drawn_pauses_follow_the_law():
    rng = random.Random(1)
    drawn = np.array([pauses.draw(rng) for _ in range(20_000)])
    assert drawn.min() >= pauses.SHORTEST
    for seconds in (0.3, 0.6, 1.6):
        assert (drawn > seconds).mean() == pytest.approx(pauses.share_longer(seconds), abs=0.01)


def test_a_pause_begins_only_where_a_dip_is():
    found = [at / RATE - 1 for at in pauses.dips(clip(dips=(1.0, 2.0)), most=5)]
    assert len(found) == 2
    assert found == pytest.approx([1.0, 2.0], abs=0.03)


def test_speech_without_a_dip_has_no_pause():
    assert pauses.dips(clip(dips=()), most=5) == []


def test_a_pause_sounds_like_the_room_of_the_recording():
    one = clip()
    at = pauses.dips(one, most=1)[0]
    paused = pauses.paused(one, at, 2.0, lead=0.5)
    assert len(paused) == at - RATE // 2 + 2 * RATE
    room, own = paused[-RATE:], one.samples[: RATE // 2]
    assert abs(rms_dbfs(room.tobytes()) - rms_dbfs(own.tobytes())) < 1.0
