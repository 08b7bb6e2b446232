import math

import numpy as np
import pytest

from antiphon.audio import pcm


def samples(*values: int) -> bytes:
    return np.array(values, dtype="<i2").tobytes()


def test_float_and_back_is_the_identity() -> None:
    every = np.arange(-32_768, 32_768).astype("<i2").tobytes()
    assert pcm.from_float(pcm.to_float(every)) == every


def test_float_beyond_full_scale_saturates() -> None:
    assert pcm.from_float(np.array([1.5, -1.5])) == samples(32_767, -32_768)


@pytest.mark.parametrize(("percent", "expected"), [(100, 1001), (50, 500), (0, 0), (7.5, 75)])
def test_gain_scales(percent: float, expected: int) -> None:
    assert pcm.gain(samples(1001, -1001), percent) == samples(expected, -expected)


def test_gain_saturates_rather_than_wraps() -> None:
    assert pcm.gain(samples(30_000, -30_000), 200) == samples(32_767, -32_768)


def test_fade_in_rises_from_silence_and_leaves_the_rest() -> None:
    assert pcm.fade_in(samples(1000, 1000, 1000, 1000, 7), 4) == samples(0, 250, 500, 750, 7)


def test_fade_in_longer_than_the_audio_keeps_its_slope() -> None:
    assert pcm.fade_in(samples(1000, 1000), 4) == samples(0, 250)


def test_first_audible_is_the_first_sample_at_the_threshold() -> None:
    assert pcm.first_audible(samples(0, 99, -100, 500), threshold=100) == 2


@pytest.mark.parametrize("quiet", [b"", samples(0, 3, -50)])
def test_silence_has_no_audible_sample(quiet: bytes) -> None:
    assert pcm.first_audible(quiet) is None
    assert pcm.is_silent(quiet)


def test_the_most_negative_sample_is_audible() -> None:
    assert pcm.first_audible(samples(0, -32_768)) == 1


def test_level_of_a_full_scale_sine_is_minus_three_decibels() -> None:
    sine = pcm.from_float(np.sin(np.arange(8000) * 2 * np.pi / 80) * 0.99997)
    assert pcm.rms_dbfs(sine) == pytest.approx(-3.01, abs=0.01)


def test_level_of_silence_is_minus_infinity() -> None:
    assert pcm.rms_dbfs(pcm.silence(10)) == -math.inf
    assert pcm.rms_dbfs(b"") == -math.inf
