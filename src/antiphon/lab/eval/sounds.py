"""What is heard over the agent: people who interrupt (recorded), and sounds that should not stop it.

Backchannels and coughs are synthetic, for want of recordings, and are marked so; bursts and background talk are
recorded. All are varied in level, in the noise around them and in when they come.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from antiphon.audio.pcm import FULL_SCALE, Int16, samples_of, to_int16
from antiphon.lab.eval.corpus import RATE, Clip

Float64 = npt.NDArray[np.float64]

SPEECH = -24.0  # dBFS RMS of a caller's speech: the median of the recordings
SHORT_WORDS = ("yeah", "okay", "right", "uh huh", "I see", "sure", "yes", "got it", "mm hmm", "oh okay")
VOICES = ("en-us", "en-gb", "en-us+f2", "en-us+f4", "en-gb+m3", "en-us+m7", "en-gb+f5")
HUMMED = 0.4  # share of the backchannels that are hummed, not spoken
BURSTS = ("dog_bark", "car_horn", "ringing_phone")
LONGEST_SPOKEN = 4.0  # seconds of a recorded interruption


class Kind(StrEnum):
    INTERRUPTION = "interruption"
    BACKCHANNEL = "backchannel"
    COUGH = "cough"
    BURST = "burst"
    BACKGROUND = "background"
    NOTHING = "nothing"  # the agent hears only itself


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """One sound over the agent. It begins with its first audible sample."""

    name: str
    kind: Kind
    samples: Int16  # at RATE
    after: float  # seconds of the reply that have been heard when it comes
    noise: float  # dBFS of the noise around it
    synthetic: bool


Speaker = Callable[[str, str, int], bytes]  # text, voice and words a minute -> PCM at RATE


def interruptions(clips: Sequence[Clip], *, each: int, seed: int) -> list[Sound]:
    """Each recorded speaker `each` times, from the first voiced sample on."""
    found = []
    for clip in clips:
        for i in range(each):
            rng = random.Random(f"{seed} {clip.name} {i}")
            spoken = clip.samples[clip.begin : min(clip.end, clip.begin + round(LONGEST_SPOKEN * RATE))]
            found.append(_sound(f"{clip.name} {i}", Kind.INTERRUPTION, spoken, rng.uniform(-6, 3), rng))
    return found


def backchannels(count: int, *, speak: Speaker, seed: int) -> list[Sound]:
    found = []
    for i in range(count):
        rng = random.Random(f"{seed} backchannel {i}")
        if rng.random() < HUMMED:
            name, samples = "hum", hum(rng)
        else:
            name, voice = rng.choice(SHORT_WORDS), rng.choice(VOICES)
            samples = _trimmed(samples_of(speak(name, voice, rng.randint(130, 200))))
        found.append(_sound(f"{name} {i}", Kind.BACKCHANNEL, samples, rng.uniform(-9, 3), rng, synthetic=True))
    return found


def coughs(count: int, *, seed: int) -> list[Sound]:
    found = []
    for i in range(count):
        rng = random.Random(f"{seed} cough {i}")
        found.append(_sound(f"cough {i}", Kind.COUGH, cough(rng), rng.uniform(-9, 6), rng, synthetic=True))
    return found


def bursts(noises: Mapping[str, Int16], count: int, *, seed: int) -> list[Sound]:
    """Parts of a dog's bark, a horn and a phone."""
    names = [name for name in BURSTS if name in noises]
    return [_part(noises[name], name, Kind.BURST, (0.2, 1.2), (-12, 3), seed, i) for i, name in _cycle(names, count)]


def background(noises: Mapping[str, Int16], count: int, *, seed: int) -> list[Sound]:
    """People who talk to each other, 10 to 25 dB below a caller."""
    names = [name for name in ("people_talking",) if name in noises]
    span, level = (2.0, 4.0), (-25.0, -10.0)
    return [_part(noises[name], name, Kind.BACKGROUND, span, level, seed, i) for i, name in _cycle(names, count)]


def nothing(count: int, *, seed: int) -> list[Sound]:
    """Calls in which the caller is silent."""
    rngs = (random.Random(f"{seed} nothing {i}") for i in range(count))
    none = np.zeros(1, dtype=np.int16)
    return [
        Sound(f"nothing {i}", Kind.NOTHING, none, 1.0, SPEECH - rng.uniform(12, 40), synthetic=True)
        for i, rng in enumerate(rngs)
    ]


def hum(rng: random.Random) -> Int16:
    """ "Mm-hm": two hums through closed lips, the second one higher, with a breath between."""
    pitch = rng.uniform(90, 220)
    first, second = rng.uniform(0.12, 0.25), rng.uniform(0.15, 0.35)
    rise = rng.uniform(1.1, 1.4)
    breath = np.random.default_rng(rng.randrange(2**32)).standard_normal(round(rng.uniform(0.03, 0.08) * RATE))
    parts = (_hummed(pitch, pitch * 0.95, first), breath * 0.02, _hummed(pitch, pitch * rise, second))
    return _pcm(np.concatenate(parts))


def cough(rng: random.Random) -> Int16:
    """One to three coughs: a burst of air, a rush of it that fades, and often a voice at the end."""
    noise = np.random.default_rng(rng.randrange(2**32))
    parts = []
    for _ in range(rng.randint(1, 3)):
        length = rng.uniform(0.18, 0.4)
        t = np.arange(round(length * RATE)) / RATE
        rush = _band(noise.standard_normal(len(t)), rng.uniform(300, 600), rng.uniform(2500, 5000))
        rush *= np.exp(-t / rng.uniform(0.05, 0.12)) * np.minimum(t / 0.004, 1)
        voiced = np.sin(2 * np.pi * np.cumsum(rng.uniform(120, 260) * (1 - 0.4 * t / length)) / RATE)
        begin = rng.uniform(0.4, 0.7) * length
        voice = np.sign(voiced) * np.clip((t - begin) / 0.03, 0, 1) * np.clip((length - t) / 0.05, 0, 1)
        parts += [rush / np.abs(rush).max() + rng.choice((0.0, 0.08, 0.2)) * _band(voice, 200, 1500)]
        parts += [np.zeros(round(rng.uniform(0.08, 0.3) * RATE))]
    return _pcm(np.concatenate(parts[:-1]))


def at_level(samples: Int16, dbfs: float) -> Int16:
    """The same sound with this RMS, of its louder half: pauses in it do not count."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
    powers = np.sort((frames**2).mean(axis=1))
    rms = np.sqrt(powers[len(powers) // 2 :].mean() if len(powers) else 1.0) + 1e-9
    return to_int16(samples * (10 ** (dbfs / 20) * FULL_SCALE / rms))


def _sound(
    name: str, kind: Kind, samples: Int16, level: float, rng: random.Random, *, synthetic: bool = False
) -> Sound:
    loud = at_level(samples, SPEECH + level)
    return Sound(name, kind, loud, rng.uniform(1.0, 3.5), SPEECH - rng.uniform(12, 40), synthetic)


def _part(
    noise: Int16, name: str, kind: Kind, span: tuple[float, float], level: tuple[float, float], seed: int, i: int
) -> Sound:
    rng = random.Random(f"{seed} {kind} {i}")
    length = min(round(rng.uniform(*span) * RATE), len(noise))
    frames = np.abs(noise[: len(noise) - length + 1 : RATE // 50].astype(np.int32))
    loud = np.flatnonzero(frames > np.percentile(frames, 60))  # not where it is silent
    start = int(rng.choice(list(loud))) * (RATE // 50) if len(loud) else 0
    return _sound(f"{name} {i}", kind, noise[start : start + length], rng.uniform(*level), rng)


def _cycle(names: Sequence[str], count: int) -> Iterator[tuple[int, str]]:
    return ((i, names[i % len(names)]) for i in range(count if names else 0))


def _hummed(begin: float, end: float, seconds: float) -> Float64:
    """A closed mouth: harmonics that fall steeply above 300 Hz."""
    t = np.arange(round(seconds * RATE)) / RATE
    pitch = np.linspace(begin, end, len(t))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    harmonics = np.arange(1, 12)
    gains = 1 / (1 + (harmonics * begin / 300) ** 2)
    wave: Float64 = np.sin(np.outer(phase, harmonics)) @ gains
    wave *= np.minimum(np.minimum(t, t[-1] - t) / 0.03, 1)
    return wave


def _band(samples: Float64, low: float, high: float) -> Float64:
    spectrum = np.fft.rfft(samples)
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum *= 1 / (1 + (low / np.maximum(frequency, 1)) ** 4) / (1 + (frequency / high) ** 4)
    band: Float64 = np.fft.irfft(spectrum, len(samples))
    return band


def _trimmed(samples: Int16) -> Int16:
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 200)
    return samples[loud[0] : loud[-1] + 1] if loud.size else samples


def _pcm(samples: Float64) -> Int16:
    return np.asarray(samples / np.abs(samples).max() * 0.5 * FULL_SCALE, dtype=np.int16)
