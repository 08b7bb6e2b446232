"""Where speech begins and ends in a recording, to 10 ms: one definition for the server's ledger and for the client that
measures it from outside.

A frame of 10 ms is *voiced* when its level reaches a threshold set by the recording itself: 35 dB below its loud frames
or, where noise reaches higher, 12 dB above the noise, at most halfway to speech. Noise and speech are told apart by two
means (Ridler & Calvard, "Picture thresholding using an iterative selection method", 1978). The level is the RMS of what
is left when the mean of the surrounding 5 ms is taken off each sample, which removes hum and the rumble of a room.

Voiced frames less than 0.2 s apart form one stretch; a stretch with fewer than 8 voiced frames is a click, not speech.
The *extent* of speech is from the first voiced frame of the first stretch to the last one of the last.

At both ends the threshold is that of the surrounding 2 s: a loud word elsewhere does not move an end, and a listener
who keeps only the last seconds of a call comes to the same end as one who has all of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from antiphon.audio.pcm import FULL_SCALE, samples_of

Decibels = npt.NDArray[np.float64]

FRAMES_A_SECOND = 100
BELOW_LOUD = 35.0  # dB
ABOVE_NOISE = 12.0  # dB
LEAST_RANGE = 6.0  # dB: so much below the loud frames all is voiced, in a recording without silence
QUIET, LOUD = 10, 95  # percentiles of the frames' levels
ROUNDS = 8  # two means settle in fewer
LEAST_LOUD = -60.0  # dBFS: a recording quieter than that holds no speech
JOIN = 20  # frames: shorter gaps are inside speech
LEAST_VOICED = 8  # frames: less is a click
INSIDE, OUTSIDE = 150, 50  # frames on each side of an end that set its threshold


def speech_extent(pcm: bytes, rate: int) -> tuple[int, int] | None:
    """The first voiced sample and the one after the last, of 16-bit mono at `rate` Hz. None: no speech."""
    levels = _levels(pcm, rate)
    whole = _voiced_extent(levels)
    if whole is None:
        return None
    begin, end = whole
    near_begin, near_end = max(begin - OUTSIDE, 0), max(end - INSIDE, 0)
    first = _voiced_extent(levels[near_begin : begin + INSIDE])
    last = _voiced_extent(levels[near_end : end + OUTSIDE])
    frame = rate // FRAMES_A_SECOND
    return (near_begin + first[0] if first else begin) * frame, (near_end + last[1] if last else end) * frame


def last_voiced(pcm: bytes, *, rate: int) -> int | None:
    """The sample after the last voiced one in the last seconds of a call, asked soon after speech has stopped.

    `pcm` holds about 2 s of 16-bit mono, more of it speech than silence or the other way round. None: no speech.
    """
    extent = speech_extent(pcm, rate)
    return extent[1] if extent else None


def _levels(pcm: bytes, rate: int) -> Decibels:
    """dBFS of each whole frame, without what is below about 100 Hz."""
    samples = samples_of(pcm).astype(np.float64) / FULL_SCALE
    half = rate // 400
    sums = np.cumsum(np.pad(samples, (half + 1, half)))
    samples -= (sums[2 * half + 1 :] - sums[: -2 * half - 1]) / (2 * half + 1)
    frame = rate // FRAMES_A_SECOND
    frames = samples[: len(samples) - len(samples) % frame].reshape(-1, frame)
    return np.asarray(10 * np.log10(np.mean(frames * frames, axis=1) + 1e-12))


def _voiced_extent(levels: Decibels) -> tuple[int, int] | None:
    """The first voiced frame and the one after the last."""
    if not levels.size:
        return None
    ranked = np.sort(levels)
    quiet, loud = _percentile(ranked, QUIET), _percentile(ranked, LOUD)
    if loud < LEAST_LOUD:
        return None
    threshold = min(max(loud - BELOW_LOUD, _above_noise(levels, quiet, loud)), loud - LEAST_RANGE)
    voiced = np.flatnonzero(levels >= threshold)
    stretches = np.split(voiced, np.flatnonzero(np.diff(voiced) > JOIN) + 1)
    spoken = [stretch for stretch in stretches if len(stretch) >= LEAST_VOICED]
    return (int(spoken[0][0]), int(spoken[-1][-1]) + 1) if spoken else None


def _percentile(ranked: Decibels, percent: int) -> float:
    """As `np.percentile`, which takes ten times as long for so few values, on a loop that other callers share."""
    below, fraction = divmod((len(ranked) - 1) * percent, 100)
    above = min(below + 1, len(ranked) - 1)
    return float(ranked[below] + (ranked[above] - ranked[below]) * fraction / 100)


def _above_noise(levels: Decibels, noise: float, speech: float) -> float:
    """The threshold by the noise. Noise and speech are the means of the frames below and above their midpoint, which is
    at first that of the quiet and the loud frames."""
    for _ in range(ROUNDS):
        above = levels >= (noise + speech) / 2
        if above.all() or not above.any():
            break
        noise, speech = float(levels[~above].mean()), float(levels[above].mean())
    return noise + min(ABOVE_NOISE, (speech - noise) / 2)
