"""A language of tones: each word is a chord of two pitches, so that a recording tells to the word what was said in it.

It stands in for speech where a test must know exactly which words were heard. A word sounds the same wherever it is
said: its pitches come from the table of a `ToneCode`, its length from a hash, with no regard to its spelling. It rises
and falls within 5 ms, so that its beginning is audible at once and two words without a pause between them stay two.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from antiphon.audio.pcm import Float32, from_float, silence
from antiphon.errors import ConfigError
from antiphon.lab import alignment
from antiphon.lab.bursts import Burst, BurstFinder, Samples
from antiphon.providers.base import WordTime

Float64 = npt.NDArray[np.float64]

# Both tones lie within the band of a telephone. The groups lie far enough apart for the beat between their tones
# (at least 400 Hz) not to look like the dip between two words.
_LOW = 400.0 + 64.0 * np.arange(20)  # Hz
_HIGH = 2016.0 + 66.0 * np.arange(20)  # Hz
_CODES = len(_LOW) * len(_HIGH)
_STRIDE = 147  # coprime to _CODES: words met one after the other sound quite different

_AMPLITUDE = 0.125  # of each tone, of full scale: their sum peaks at -12 dBFS
_RAMP = 0.005  # seconds
_SHORTEST, _LONGEST = 140, 420  # ms, a word
_LONGEST_GAP = 40  # ms, between two words
_CUT = 0.004  # seconds; a word that lacks more than this was cut

_SAMPLE = 0.024  # seconds of a burst that are compared with the chords
_TELLING = 0.008  # seconds; of less, no chord can be told by its sound alone
_DOUBT = 0.004  # seconds; less may be the beginning of a word or not
_WORDLIKE = 0.7  # share of a burst's energy that two tones must explain for it to be a word
_RESIDUE = 1e-3  # share that is left over in a perfect match, to G.711

_TOKEN = re.compile(r"\S+")
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


@dataclass(frozen=True, slots=True)
class DecodedWord:
    """A word whose audio began in a recording. It is in lower case and without the punctuation around it."""

    text: str  # "" where too little was heard to tell which word it was
    start_sample: int
    end_sample: int  # the first sample after it
    complete: bool  # False: it was cut
    index: int | None = None  # which word of the text it was, where the text was known


def words_of(text: str) -> list[tuple[int, str]]:
    """The words of a text as they are spoken, each after its offset, which is that of the punctuation before it if any.

    "Well – it's (HERE)." has the words "well", "it's" and "here", at 0, 7 and 12.
    """
    found = ((token.start(), token.group()) for token in _TOKEN.finditer(text))
    cleaned = ((offset, _EDGES.sub("", token).lower()) for offset, token in found)
    return [(offset, word) for offset, word in cleaned if word]


def begun(words: Sequence[DecodedWord]) -> list[str]:
    """What was said, each word once: a cut word that is then played again from its start counts as one."""
    said: list[str] = []
    indices: set[int] = set()
    cut = ""
    for word in words:
        again = word.index in indices if word.index is not None else word.text == cut
        if not again:
            said.append(word.text)
        if word.index is not None:
            indices.add(word.index)
        cut = "" if word.complete else word.text
    return said


class ToneCode:
    """The table of chords, shared by all who are to understand each other.

    Words get their chords in the order in which they are first spoken, those of `vocabulary` before all others: codes
    made with the same vocabulary agree on it. `seed` changes how long words and gaps are.
    """

    capacity = _CODES

    def __init__(self, vocabulary: Iterable[str] = (), *, seed: int = 0) -> None:
        self._seed = seed
        self._codes: dict[str, int] = {}
        self._sounds: dict[tuple[str, int], Float32] = {}  # by word and rate
        for text in vocabulary:
            for _, word in words_of(text):
                self._code(word)

    def speak(self, text: str, rate: int, *, lead: float = 0.0) -> tuple[bytes, list[WordTime]]:
        """The text as 16-bit PCM at `rate` Hz, after `lead` seconds of silence, and where its words begin.

        Raises ConfigError once more than `capacity` different words have been spoken.
        """
        parts: list[bytes] = [silence(round(lead * rate))]
        at, times = round(lead * rate), []
        for i, (char, word) in enumerate(words_of(text)):
            if i:
                gap = round(self._hash(f"gap {i} {word}", _LONGEST_GAP) / 1000 * rate)
                parts.append(silence(gap))
                at += gap
            sound = self._sound(word, rate)
            parts.append(from_float(sound))
            times.append(WordTime(char, at))
            at += len(sound)
        return b"".join(parts), times

    def duration(self, word: str) -> float:
        """Seconds that the word takes."""
        return (_SHORTEST + self._hash(word, _LONGEST - _SHORTEST)) / 1000

    def decode(self, pcm: bytes, rate: int, *, text: str | None = None) -> list[DecodedWord]:
        """The words whose audio began in a recording, in its order; a word heard twice comes twice.

        The words of `text`, if it is known what was said, are laid against the recording: then even a word of which
        only a few milliseconds were heard is named, and each has its `index`.
        """
        finder = BurstFinder(rate)
        bursts = finder.feed(pcm)
        bursts += [rest] if (rest := finder.open_burst()) else []
        if text is not None:
            return self._align([burst for burst in bursts if _wordlike(burst, rate)], rate, text)
        found = (self.identify(burst, rate) for burst in bursts)
        return [word for word in found if word is not None]

    def identify(self, burst: Burst, rate: int) -> DecodedWord | None:
        """The word that a burst is; None if it is none: noise, or a word of some other code."""
        if not _wordlike(burst, rate):
            return None
        explained = _explained(burst, rate)
        words = list(self._codes)
        if len(burst.samples) < _TELLING * rate or not words:
            return DecodedWord("", burst.start, burst.end, complete=False)
        shares = explained[list(self._codes.values())]
        best = int(shares.argmax())
        if shares[best] < _WORDLIKE:
            return None
        return DecodedWord(words[best], burst.start, burst.end, self._complete(words[best], burst, rate))

    def _align(self, bursts: Sequence[Burst], rate: int, text: str) -> list[DecodedWord]:
        words = [word for _, word in words_of(text)]
        if not bursts or not words:
            return []
        codes = [self._code(word) for word in words]
        misfit = np.array([_misfit(_explained(burst, rate))[codes] for burst in bursts])
        complete = np.array([[self._complete(word, burst, rate) for word in words] for burst in bursts])
        path = alignment.align(misfit, complete)
        return [
            DecodedWord(words[i], burst.start, burst.end, bool(complete[b, i]), i)
            for b, (burst, i) in enumerate(zip(bursts, path, strict=True))
        ]

    def _complete(self, word: str, burst: Burst, rate: int) -> bool:
        return len(burst.samples) > (self.duration(word) - _CUT) * rate

    def _code(self, word: str) -> int:
        if word not in self._codes:
            if len(self._codes) == _CODES:
                raise ConfigError(f"a tone code has {_CODES} words and all are taken: use another for {word!r}")
            self._codes[word] = len(self._codes) * _STRIDE % _CODES
        return self._codes[word]

    def _sound(self, word: str, rate: int) -> Float32:
        if (word, rate) not in self._sounds:
            low, high = divmod(self._code(word), len(_HIGH))
            self._sounds[word, rate] = _chord(_LOW[low], _HIGH[high], self.duration(word), rate)
        return self._sounds[word, rate]

    def _hash(self, key: str, most: int) -> int:
        """A number from 0 to `most` that depends on nothing but its key and the seed."""
        return zlib.crc32(f"{self._seed} {key}".encode()) % (most + 1)


def _chord(low: float, high: float, duration: float, rate: int) -> Float32:
    t = np.arange(round(duration * rate)) / rate
    envelope = np.minimum(np.minimum(t, duration - t) / _RAMP, 1.0)
    wave = np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t)
    chord: Float32 = (_AMPLITUDE * envelope * wave).astype(np.float32)
    return chord


# --- recognising chords -------------------------------------------------------------------------------------------


def _wordlike(burst: Burst, rate: int) -> bool:
    """Whether the burst is a chord at all. One too short to tell is given the benefit of the doubt."""
    return len(burst.samples) < _DOUBT * rate or bool(_explained(burst, rate).max() >= _WORDLIKE)


def _misfit(explained: Float64) -> Float64:
    """How badly each chord fits, as the log of the ratio of what it leaves unexplained to what the best one does."""
    residue = np.maximum(1 - explained, _RESIDUE)
    misfit: Float64 = np.log(residue / residue.min())
    return misfit


def _explained(burst: Burst, rate: int) -> Float64:
    """The share of the burst's energy that each of the chords explains, by least squares; shape (_CODES,)."""
    samples, ramp = _comparable(burst.samples, rate)
    energy = float(samples @ samples)
    if not energy:
        return np.zeros(_CODES)
    waves, inverses = _projection(rate, len(samples), ramp)
    cosines, sines = (samples @ waves).reshape(2, -1)
    low, high = _groups()
    onto = np.stack((cosines[low], sines[low], cosines[high], sines[high]), axis=1)
    share: Float64 = np.einsum("ci,cij,cj->c", onto, inverses, onto) / energy
    return share


def _comparable(samples: Samples, rate: int) -> tuple[Samples, int]:
    """The part of a burst to compare, a whole number of milliseconds, and how many samples of it lie in the ramp.

    That is what follows the ramp, unless there is too little of it.
    """
    hop, ramp = max(round(rate / 1000), 1), round(_RAMP * rate)
    if len(samples) >= 3 * ramp:
        samples, ramp = samples[ramp:], 0
    length = min(len(samples), round(_SAMPLE * rate))
    return samples[: max(length // hop * hop, 1)], ramp


@lru_cache(maxsize=64)
def _projection(rate: int, length: int, ramp: int) -> tuple[Float64, Float64]:
    """All tones over `length` samples, of which the first `ramp` rise from silence, shape (length, 2 · 40), and the
    inverse Gram matrix of each chord's four waves, shape (_CODES, 4, 4)."""
    at = np.arange(length)
    phase = 2 * np.pi * np.outer(at / rate, np.concatenate((_LOW, _HIGH)))
    envelope = np.minimum((at + 0.5) / ramp, 1.0) if ramp else np.ones(length)
    waves = np.concatenate((np.cos(phase), np.sin(phase)), axis=1) * envelope[:, None]
    gram = waves.T @ waves
    low, high = _groups()
    tones = len(_LOW) + len(_HIGH)
    four = np.stack((low, low + tones, high, high + tones), axis=1)
    ridge = 1e-8 * length * np.eye(4)  # the waves of very short stretches are hardly independent
    return waves, np.linalg.inv(gram[four[:, :, None], four[:, None, :]] + ridge)


def _groups() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The lower and the higher tone of each chord, as indices into all tones; each of shape (_CODES,)."""
    low, high = np.divmod(np.arange(_CODES), len(_HIGH))
    return low, high + len(_LOW)
