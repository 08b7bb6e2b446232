"""Pauses in the middle of a turn: how long they are, where they may be put, and what they sound like.

Of real pauses of 0.2 s and more within a turn, a share of 0.1·t^-1.443 lasts longer than t seconds. The law agrees with
what silence alone achieves on published recordings of callers: about 57 % are longer than 0.3 s, 21 % than 0.6 s, 5 %
than 1.6 s.

A pause is put only where the recording has a dip already, and sounds like the room of that recording.
"""

from __future__ import annotations

import random

import numpy as np

from antiphon.audio.pcm import FULL_SCALE, Int16, to_int16
from antiphon.lab.eval.corpus import RATE, Clip

FACTOR, EXPONENT = 0.100, -1.443  # of the law
SHORTEST = (1 / FACTOR) ** (1 / EXPONENT)  # seconds, 0.203: all pauses are longer

HOP = RATE // 100  # samples; levels are those of 10 ms
DEPTH = 22.0  # dB that a dip lies below the loud frames
DIP = 6  # hops it lasts at least
FROM_BEGIN, FROM_END = 30, 20  # hops of speech before the first dip, and after the last
APART = 40  # hops between two dips
MARGIN = RATE // 10  # samples around speech that do not count as room
LEAST_ROOM = RATE // 5  # samples of room tone; with less, the quietest frames are taken
QUIETEST = 20  # frames
FADE = RATE // 200  # samples, 5 ms, from the recording into room tone


def share_longer(seconds: float) -> float:
    """How many of the pauses, as a share, last longer."""
    return min(1.0, FACTOR * float(max(seconds, 1e-3) ** EXPONENT))


def draw(rng: random.Random) -> float:
    """The length of one pause, in seconds."""
    return float((rng.uniform(1e-9, 1.0) / FACTOR) ** (1 / EXPONENT))


def dips(clip: Clip, *, most: int) -> list[int]:
    """The samples at which dips of a clip begin, at most so many, spread over it."""
    if clip.breaks:
        return list(clip.breaks[:most])
    level = _levels(clip.samples)
    first, last = clip.begin // HOP, clip.end // HOP
    quiet = level < np.percentile(level[first:last], 95) - DEPTH
    found: list[int] = []
    at = first + FROM_BEGIN
    while at < last - FROM_END:
        length = 0
        while at + length < last and quiet[at + length]:
            length += 1
        if length >= DIP and at + length < last - FROM_END and (not found or at - found[-1] >= APART):
            found.append(at)
        at += max(length, 1)
    step = max(1, -(-len(found) // most))
    return [at * HOP for at in found[::step]]


def dip_length(clip: Clip, at: int) -> int:
    """Samples of quiet that the clip itself has, from a dip on."""
    level = _levels(clip.samples)
    loud = np.percentile(level[clip.begin // HOP : clip.end // HOP], 95) - DEPTH
    end = -(-at // HOP)
    while end < len(level) and level[end] < loud:
        end += 1
    return max(end * HOP - at, 0)


def paused(clip: Clip, at: int, seconds: float, *, lead: float = 0.5, seed: int = 0) -> Int16:
    """The clip from `lead` seconds before its speech to sample `at`, and then its room for so long.

    Half the dip, up to 50 ms, is the recording's own.
    """
    own = min(dip_length(clip, at) // 2, RATE // 20) if at < clip.end else RATE // 20
    spoken = clip.samples[max(0, clip.begin - round(lead * RATE)) : at + own].astype(np.float64)
    room = room_tone(clip, round(seconds * RATE) - own + FADE, seed=seed).astype(np.float64)
    fade = min(FADE, len(spoken))
    ramp = np.linspace(0, 1, fade)
    spoken[-fade:] = spoken[-fade:] * np.sqrt(1 - ramp) + room[:fade] * np.sqrt(ramp)
    joined = np.concatenate((spoken, room[fade:]))
    return to_int16(joined)


def room_tone(clip: Clip, samples: int, *, seed: int = 0) -> Int16:
    """What the recording sounds like where nobody speaks, forwards and backwards in turn."""
    samples_ = clip.samples
    room = np.concatenate((samples_[: max(clip.begin - MARGIN, 0)], samples_[clip.end + MARGIN :]))
    if len(room) < LEAST_ROOM:
        quietest = np.argsort(_levels(samples_))[:QUIETEST]
        room = np.concatenate([samples_[i * HOP : (i + 1) * HOP] for i in quietest])
    times = -(-samples // len(room)) + 1
    tiled = np.concatenate([room if i % 2 == 0 else room[::-1] for i in range(times)])
    start = random.Random(f"{clip.name} {seed}").randrange(len(tiled) - samples + 1)
    return tiled[start : start + samples]


def _levels(samples: Int16) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """dBFS of each whole hop."""
    frames = samples[: len(samples) - len(samples) % HOP].reshape(-1, HOP).astype(np.float64)
    frames -= frames.mean(axis=1, keepdims=True)
    level: np.ndarray[tuple[int], np.dtype[np.float64]] = 10 * np.log10(
        (frames**2).mean(axis=1) / FULL_SCALE**2 + 1e-12
    )
    return level
