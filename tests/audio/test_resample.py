import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.audio.pcm import FULL_SCALE, from_float
from antiphon.audio.resample import Resampler, resample
from antiphon.errors import ConfigError

RATES = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)
RATIOS = [(a, b) for a in RATES for b in RATES if a != b]
AMPLITUDE = 20_000


def tone(frequency: float, rate: int, seconds: float = 0.5) -> bytes:
    phase = 2 * np.pi * frequency / rate * np.arange(int(rate * seconds))
    return from_float(AMPLITUDE / FULL_SCALE * np.sin(phase))


def steady(pcm: bytes, rate: int) -> np.ndarray:
    """The samples without the 50 ms at each end, where the tone's own edges ring."""
    return np.frombuffer(pcm, "<i2")[rate // 20 : -rate // 20].astype(float)


def level(signal: np.ndarray) -> float:
    """dB relative to the tone."""
    return float(10 * np.log10(2 * np.mean(signal**2) / AMPLITUDE**2 + 1e-20))


@pytest.mark.parametrize(("source", "target"), RATIOS)
def test_speech_band_is_flat_and_in_time(source: int, target: int) -> None:
    """Each output is the input tone at its own instant: no gain, no delay, no image."""
    for fraction in (0.02, 0.2, 0.41):
        frequency = fraction * min(source, target)
        expected = steady(tone(frequency, target), target)
        error = steady(resample(tone(frequency, source), source, target), target) - expected
        assert level(error) < -38  # 0.1 dB


@pytest.mark.parametrize(("source", "target"), [(a, b) for a, b in RATIOS if 0.57 * b < 0.5 * a])
def test_what_the_lower_rate_cannot_hold_is_gone(source: int, target: int) -> None:
    frequency = 0.56 * target
    assert level(steady(resample(tone(frequency, source), source, target), target)) < -60


def test_telephone_band_passes_and_5_khz_does_not_fold_into_it() -> None:
    assert abs(level(steady(resample(tone(3_400, 24_000), 24_000, 8_000), 8_000))) < 1
    assert level(steady(resample(tone(5_000, 24_000), 24_000, 8_000), 8_000)) < -60


@pytest.mark.parametrize(("source", "target"), RATIOS)
def test_output_is_never_more_than_two_milliseconds_behind(source: int, target: int) -> None:
    stream, received, sent = Resampler(source, target), 0, 0
    assert stream.delay <= 0.002
    for size in (1, 7, source // 100, source // 50, 3, source // 33):
        received += size
        sent += len(stream.process(bytes(2 * size))) // 2
        assert received / source - sent / target <= 0.002


@pytest.mark.parametrize(("source", "target"), RATIOS)
def test_length_is_the_exact_ratio(source: int, target: int) -> None:
    for samples in (0, 1, 441, 1000):
        assert len(resample(bytes(2 * samples), source, target)) == 2 * -(-samples * target // source)


@settings(max_examples=60, deadline=None)
@given(
    ratio=st.sampled_from([(24_000, 16_000), (8_000, 16_000), (22_050, 24_000), (44_100, 8_000), (24_000, 44_100)]),
    sizes=st.lists(st.integers(0, 700), max_size=12),
    seed=st.integers(0, 1000),
)
def test_output_does_not_depend_on_how_the_input_is_cut(ratio: tuple[int, int], sizes: list[int], seed: int) -> None:
    noise = np.random.default_rng(seed).integers(-32_768, 32_768, sum(sizes)).astype("<i2").tobytes()
    stream, pieces, at = Resampler(*ratio), b"", 0
    for size in sizes:
        pieces += stream.process(noise[at : at + 2 * size])
        at += 2 * size
    assert pieces + stream.flush() == resample(noise, *ratio)


def test_loud_input_saturates_rather_than_wraps() -> None:
    square = np.tile(np.repeat([32_767, -32_768], 40), 20).astype("<i2").tobytes()
    output = np.frombuffer(resample(square, 16_000, 48_000), "<i2").astype(int)
    assert np.abs(np.diff(output)).max() < 40_000


def test_flush_makes_ready_for_another_stream() -> None:
    stream = Resampler(24_000, 16_000)
    first = stream.process(tone(440, 24_000)) + stream.flush()
    assert stream.process(tone(440, 24_000)) + stream.flush() == first


def test_equal_rates_pass_through() -> None:
    stream = Resampler(16_000, 16_000)
    assert (stream.process(b"\x01\x02"), stream.flush(), stream.delay) == (b"\x01\x02", b"", 0)


def test_a_ratio_of_huge_numbers_is_refused() -> None:
    with pytest.raises(ConfigError, match="7919 Hz to 48000 Hz"):
        Resampler(7_919, 48_000)
