"""Linear PCM: 16-bit little-endian mono samples held in `bytes`, the one form audio takes inside Antiphon."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Int16 = npt.NDArray[np.int16]
Float32 = npt.NDArray[np.float32]

SAMPLE_BYTES = 2
FULL_SCALE = 32_768  # the magnitude that 0 dBFS stands for
AUDIBLE = 104  # about -50 dBFS: a sample at or above this magnitude can be heard in a quiet room


def samples_of(pcm: bytes) -> Int16:
    """The samples, read-only and without a copy. Raises ValueError for half a sample."""
    return np.frombuffer(pcm, dtype="<i2")


def to_float(pcm: bytes) -> Float32:
    """Samples as float32 from -1 to 1."""
    return samples_of(pcm).astype(np.float32) / np.float32(FULL_SCALE)


def from_float(samples: npt.NDArray[np.floating]) -> bytes:
    """The inverse of `to_float`; what lies beyond full scale saturates."""
    return to_int16(samples * FULL_SCALE).tobytes()


def to_int16(values: npt.NDArray[np.floating]) -> Int16:
    """Rounds values already in sample units to the nearest sample; what lies beyond full scale saturates."""
    rounded: Int16 = np.clip(np.rint(values), -FULL_SCALE, FULL_SCALE - 1).astype("<i2")
    return rounded


def silence(samples: int) -> bytes:
    return bytes(SAMPLE_BYTES * samples)


def gain(pcm: bytes, percent: float) -> bytes:
    """Scales the amplitude to `percent` of what it was. 100 returns the very same bytes."""
    if percent == 100:
        return pcm
    return to_int16(samples_of(pcm) * np.float32(percent / 100)).tobytes()


def fade_in(pcm: bytes, samples: int) -> bytes:
    """Raises the first `samples` samples linearly from silence: speech resumed within a sound must not click."""
    head = samples_of(pcm)[:samples]
    ramp = np.arange(len(head), dtype=np.float32) / np.float32(max(samples, 1))
    return to_int16(head * ramp).tobytes() + pcm[SAMPLE_BYTES * len(head) :]


def first_audible(pcm: bytes, *, threshold: int = AUDIBLE) -> int | None:
    """The index of the first sample whose magnitude reaches `threshold`; None when all is silence."""
    loud = np.abs(samples_of(pcm).astype(np.int32)) >= threshold
    index = int(loud.argmax()) if loud.size else 0
    return index if loud.size and loud[index] else None


def is_silent(pcm: bytes, *, threshold: int = AUDIBLE) -> bool:
    return first_audible(pcm, threshold=threshold) is None


def rms_dbfs(pcm: bytes) -> float:
    """The level of the whole, in dB below a full-scale square wave; minus infinity for silence or no samples."""
    samples = samples_of(pcm).astype(np.float64)
    power = float(np.mean(samples * samples)) if samples.size else 0.0
    return 10 * math.log10(power / FULL_SCALE**2) if power else -math.inf
