"""The spectrogram that Whisper's encoder takes, of the last eight seconds before an instant.

A frame is 25 ms of audio every 10 ms under a Hann window; its power goes through 80 triangular bands that are even on
Slaney's mel scale (Auditory Toolbox, 1998: linear to 1 kHz, logarithmic above). The decimal logarithm of each band is
clamped to 8 below the loudest, and scaled (Radford et al., "Robust Speech Recognition via Large-Scale Weak
Supervision", 2022, section 2.2).

The network was trained on eight seconds of zero mean and unit variance, with silence before where there was less
audio. Scaling adds one number to every logarithm, so it is done there; and the silence, which is but a constant once
the mean is taken off, is not transformed frame by frame.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from antiphon.audio.pcm import to_float

Floats = npt.NDArray[np.float32]

RATE = 16_000  # Hz
SECONDS = 8
BANDS = 80
FRAMES = 100 * SECONDS
_HOP, _WINDOW, _HALF = 160, 400, 200  # samples; a frame is centred on each multiple of 10 ms, and mirrored at the ends
_FLOOR = 1e-10  # of a band's power
_RANGE = 8.0  # decades below the loudest that are told apart
_STEADY = 1e-7  # keeps the variance of silence from being zero


def log_mel(pcm: bytes) -> Floats:
    """[80, 800] of 16-bit mono at 16 kHz: its last 8 seconds, or all of it with silence before."""
    samples = to_float(pcm[-2 * RATE * SECONDS :].rjust(2 * _WINDOW, b"\0"))
    mean = samples.sum() / (RATE * SECONDS)
    variance = (samples * samples).sum() / (RATE * SECONDS) - mean * mean + _STEADY
    missing = RATE * SECONDS - len(samples)
    silent = max(0, (missing - _HALF) // _HOP)  # frames before the first that the audio touches
    if silent:
        ahead = np.zeros(missing - silent * _HOP + _HALF, np.float32)
    else:
        samples = np.concatenate((np.zeros(missing, np.float32), samples))
        ahead = samples[_HALF:0:-1]
    padded = np.concatenate((ahead, samples, samples[-2 : -_HALF - 2 : -1])) - mean
    powers = np.empty((BANDS, FRAMES), dtype=np.float32)
    powers[:, silent:] = _band_powers(padded)
    powers[:, :silent] = _band_powers(np.full(_WINDOW + _HOP, -mean, np.float32))
    logarithms = np.log10(np.maximum(powers / variance, _FLOOR))
    scaled: Floats = (np.maximum(logarithms, logarithms.max() - _RANGE) + 4) / 4
    return scaled


def _band_powers(samples: Floats) -> Floats:
    """[80, frames], of every whole frame but the last one."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP][:-1]
    window, bands = _tables()
    spectrum = np.fft.rfft(frames * window, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    result: Floats = bands @ power.T
    return result


@lru_cache(maxsize=1)
def _tables() -> tuple[Floats, Floats]:
    """The window, and the weights [80, 201] of the spectrum's bins in each band: triangles of the area of one Hz."""
    edges = _to_hertz(np.linspace(0, _to_mel(RATE / 2), BANDS + 2))
    bins = np.arange(_WINDOW // 2 + 1) * RATE / _WINDOW
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    weights = np.maximum(np.minimum(rising, falling), 0) * (2 / (edges[2:] - edges[:-2]))[:, None]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    return hann.astype(np.float32), weights.astype(np.float32)


_LINEAR = 200 / 3  # Hz a mel below 1 kHz
_BREAK = 1000 / _LINEAR  # mel of 1 kHz
_STEP = np.log(6.4) / 27  # natural logarithm of the ratio of frequencies a mel above it


def _to_mel(hertz: float) -> float:
    return hertz / _LINEAR if hertz < 1000 else float(_BREAK + np.log(hertz / 1000) / _STEP)


def _to_hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    hertz: npt.NDArray[np.float64] = np.where(
        mels < _BREAK, mels * _LINEAR, 1000 * np.exp((np.maximum(mels, _BREAK) - _BREAK) * _STEP)
    )
    return hertz
