"""Synthetic and recorded sounds over the agent."""

import random

import numpy as np
import pytest

from antiphon.audio.pcm import rms_dbfs
from antiphon.lab.eval import sounds
from antiphon.lab.eval.corpus import RATE
from antiphon.lab.eval.sounds import Kind
from tests.lab.eval.clips import clip


@pytest.mark.parametrize("make", [sounds.hum, sounds.cough])
def test_made_sounds_differ_and_are_as_long_as_real_ones(make):
    made = [make(random.Random(i)) for i in range(20)]
    assert len({sound.tobytes() for sound in made}) == 20
    assert all(0.15 < len(sound) / RATE < 2.5 for sound in made)


def test_the_same_seed_makes_the_same_sounds():
    one, two = (sounds.coughs(3, seed=4) for _ in range(2))
    assert all(np.array_equal(a.samples, b.samples) and a.after == b.after for a, b in zip(one, two, strict=True))


def test_what_is_synthetic_is_marked_so():
    said = sounds.backchannels(4, speak=lambda *_: sounds.hum(random.Random(0)).tobytes(), seed=0)
    assert all(sound.synthetic for sound in said)
    assert not any(sound.synthetic for sound in sounds.interruptions([clip()], each=2, seed=0))


def test_a_level_is_that_of_the_louder_half():
    sound = np.concatenate((np.zeros(RATE, np.int16), sounds.hum(random.Random(1))))
    loud = sounds.at_level(sound, -30.0)
    assert rms_dbfs(loud[RATE:].tobytes()) == pytest.approx(-30, abs=4)


def test_noises_that_are_not_there_are_left_out():
    assert sounds.bursts({}, 5, seed=0) == []
    assert {sound.kind for sound in sounds.background({"people_talking": clip().samples}, 5, seed=0)} == {
        Kind.BACKGROUND
    }
