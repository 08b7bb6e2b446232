"""Streaming resampling of mono 16-bit audio by a polyphase FIR filter.

Output sample m belongs to the instant m · from_rate / to_rate of the input. With the ratio reduced to up / down, that
is input sample i = m · down // up plus the fraction p / up: p picks one of `up` phases of a Kaiser-windowed low-pass
(Oppenheim & Schafer, "Discrete-Time Signal Processing", section 7.6), and 2 · reach inputs around i are weighed by it.

The phases repeat every `down` inputs, so a whole number of such cycles is one matrix product: each *block* of inputs,
with the first 2 · reach - 1 inputs after it, gives one row of outputs. Blocks are at least that long, so that the rows
of both products below do not overlap: plain matrices to BLAS, without a copy.

Coefficients are multiples of 2**-24 held as float64. Products with 16-bit samples are then exact, and so are their
sums in any order: how the input was cut into pieces cannot change a single output sample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from antiphon.audio.pcm import SAMPLE_BYTES, samples_of, silence, to_int16
from antiphon.errors import ConfigError

Float64 = npt.NDArray[np.float64]

LOBES = 15  # zero crossings of the sinc on each side, so a delay of 15 samples at the lower rate: 1.9 ms at 8 kHz
CUTOFF = 0.48  # -6 dB point as a fraction of the lower rate; aliases reach down to 0.45 of it, 70 dB below
KAISER_BETA = 6.76  # stopband at -70 dB: 0.1102 · (70 - 8.7)
MAX_COEFFICIENTS = 4_000_000  # 32 MB; the common rates need under 0.4 million
QUANTUM = 2.0**-24  # see above: 16 + 24 bits and the carries of the sum stay below the 53 of a float64


class Resampler:
    """Converts a stream. Output comes as soon as the input it rests on has: `delay` seconds behind, at most 2 ms."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        """Rates in Hz. Equal rates pass audio through untouched. Raises ConfigError for a ratio of huge numbers."""
        self._filter = None if from_rate == to_rate else _design(from_rate, to_rate)
        self.delay = self._filter.reach / from_rate if self._filter else 0.0  # seconds
        # Inputs from reach - 1 before the first unfinished block on. A stream begins after silence.
        self._held: Float64 = self._filter.silence if self._filter else np.zeros(0)
        self._skip = 0  # outputs of that block already returned

    def process(self, pcm: bytes) -> bytes:
        """Takes any whole number of samples; returns the output they complete. Raises ValueError for half a sample."""
        return self._convert(pcm, self._filter) if self._filter else pcm

    def flush(self) -> bytes:
        """Ends the stream: returns the rest of its output, and is ready for another stream.

        A stream of n samples gives ceil(n · to_rate / from_rate) in all.
        """
        if self._filter is None:
            return b""
        filt = self._filter
        unfinished = len(self._held) - len(filt.silence)
        owed = _ceil(unfinished * filt.up, filt.down) - self._skip
        rest = self._convert(silence(filt.reach), filt)[: SAMPLE_BYTES * owed]
        self._held, self._skip = filt.silence, 0
        return rest

    def _convert(self, pcm: bytes, filt: _Filter) -> bytes:
        inputs: Float64 = np.concatenate((self._held, samples_of(pcm)))
        # The output at input i rests on inputs[i : i + 2 * reach].
        ready = _ceil((len(inputs) - 2 * filt.reach + 1) * filt.up, filt.down)
        if ready <= self._skip:
            self._held = inputs
            return b""
        blocks = _ceil(ready, filt.block_out)
        rows = np.zeros((blocks + 1, filt.block_in))
        rows.reshape(-1)[: len(inputs)] = inputs
        outputs = (rows[:-1] @ filt.body + rows[1:, : len(filt.tail)] @ filt.tail).reshape(-1)[self._skip : ready]
        finished, self._skip = divmod(ready, filt.block_out)
        self._held = inputs[finished * filt.block_in :]
        return to_int16(outputs).tobytes()


def resample(pcm: bytes, from_rate: int, to_rate: int) -> bytes:
    """Converts a whole recording at once."""
    resampler = Resampler(from_rate, to_rate)
    return resampler.process(pcm) + resampler.flush()


@dataclass(frozen=True, slots=True)
class _Filter:
    """One ratio's coefficients. Immutable: shared by every stream of the ratio."""

    up: int
    down: int
    reach: int  # inputs on each side of an output
    block_in: int  # inputs a block; a multiple of `down`
    block_out: int  # outputs a block
    body: Float64  # [block_in, block_out]: what the block's own inputs add to its outputs
    tail: Float64  # [2 * reach - 1, block_out]: what the first inputs of the next block add
    silence: Float64  # [reach - 1]: what precedes a stream


@lru_cache(maxsize=64)
def _design(from_rate: int, to_rate: int) -> _Filter:
    common = math.gcd(from_rate, to_rate)
    up, down = to_rate // common, from_rate // common
    slower = min(from_rate, to_rate) / from_rate  # the lower rate, per input sample
    reach = math.ceil(LOBES / slower)
    block_in = down * _ceil(2 * reach - 1, down)
    block_out = block_in // down * up
    if block_in * block_out > MAX_COEFFICIENTS:
        raise ConfigError(f"cannot convert {from_rate} Hz to {to_rate} Hz: use rates with a simpler ratio")
    window = np.zeros((block_in + 2 * reach - 1, block_out))
    for m in range(block_out):
        i, phase = divmod(m * down, up)
        window[i : i + 2 * reach, m] = _taps(phase / up, reach, slower)
    window.setflags(write=False)
    silent = np.zeros(reach - 1)
    silent.setflags(write=False)
    return _Filter(up, down, reach, block_in, block_out, window[:block_in], window[block_in:], silent)


def _taps(fraction: float, reach: int, slower: float) -> Float64:
    """The weights, of sum 1, of inputs i - reach + 1 to i + reach in the output that lies `fraction` after input i."""
    distance = np.arange(1 - reach, reach + 1) - fraction
    lowpass = np.sinc(2 * CUTOFF * slower * distance)
    taps = lowpass * np.i0(KAISER_BETA * np.sqrt(np.maximum(1 - (distance * slower / LOBES) ** 2, 0)))
    taps[np.abs(distance) * slower > LOBES] = 0
    quantised: Float64 = np.rint(taps / taps.sum() / QUANTUM) * QUANTUM
    return quantised


def _ceil(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)
