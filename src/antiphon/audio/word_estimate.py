"""When each word of a segment of synthetic speech begins, judged from its text and its loudness alone.

Used where a TTS gives no word times. The estimate leans late on purpose: it decides what a caller is said to have
heard, and a word too few there is better than a word too many.

Two facts carry it. The time a word takes goes with its letters, a run of vowels counting less and a digit, which is
read out as a word, counting much more. And a pause in the audio stands at a punctuation mark: pauses are laid on the
marks by dynamic programming, each fixes the start of the word after it, and only the words between two pauses are
spread by their weights. (Snapping these to dips of the loudness was tried too: it made them worse.)

All times here are in frames of 10 ms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

import numpy as np
import numpy.typing as npt

from antiphon.audio.pcm import SAMPLE_BYTES, samples_of

Levels = npt.NDArray[np.float64]

FRAMES_A_SECOND = 100

# Weights are in units of one consonant's time, about 60 ms. Fitted to the word events of a synthesiser.
WORD = 1.0  # every word, whatever its letters
LETTER = 1.0
VOWEL_AFTER_VOWEL = 0.5
SPELLED_LETTER = 2.5  # of a word in capitals
DIGIT = 5.5
READ_SYMBOL = 4.0  # "$" is read as "dollars"
ABBREVIATION = 3.0  # "Dr." is read as "Doctor"
PHRASE_FINAL = 1.0  # the last word before a mark is drawn out
IDEOGRAPH = 3.0  # a syllable
# How much the estimate leans late: what comes before a word may weigh that much more than thought, the rest less.
LETTER_DOUBT, DIGIT_DOUBT, WORD_DOUBT = 0.05, 0.2, 1.0

QUIET = 0.05  # a frame below this fraction of the segment's loud frames is silent
MIN_PAUSE = 6  # frames; shorter silences are stops inside words
# The costs of laying pauses on word borders.
FAR = 80  # frames between a pause and where the weights expect it: cost 1, growing with the square
UNMARKED = 3.0  # a border without punctuation
UNUSED = 0.1  # each frame of a pause that is no word border

VOWELS = frozenset("aeiouyáàâäãåæéèêëíìîïóòôöõøœúùûüý")
READ_SYMBOLS = frozenset("$€£¥%&@+=#°")
MARKS = frozenset(".!?…,;:—–。！？，、；：")
CLOSERS = "\"')]}»”’*_"


@dataclass(frozen=True, slots=True)
class Pause:
    start: int  # frame
    end: int  # frame, exclusive


class Loudness:
    """The RMS level of each 10 ms frame of audio that comes in pieces."""

    def __init__(self, rate: int) -> None:
        self._frame_bytes = SAMPLE_BYTES * (rate // FRAMES_A_SECOND)
        self._rest = b""  # less than a frame
        self._levels: list[float] = []

    def add(self, pcm: bytes) -> None:
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % self._frame_bytes
        self._rest = pcm[whole:]
        if whole:
            frames = samples_of(pcm[:whole]).reshape(-1, self._frame_bytes // SAMPLE_BYTES).astype(np.float64)
            self._levels += np.sqrt(np.mean(frames * frames, axis=1)).tolist()

    @property
    def levels(self) -> Levels:
        return np.array(self._levels)


def sounding(levels: Levels) -> npt.NDArray[np.bool_]:
    """Which frames are not silent. Where nothing sounds at all, every frame counts."""
    loud = levels > QUIET * np.percentile(levels, 95) if levels.size else np.zeros(0, dtype=bool)
    return loud if loud.any() else np.ones(levels.size, dtype=bool)


def pace(words: Sequence[str], levels: Levels) -> float:
    """Frames of sound a unit of weight takes in a whole segment; 0 where there is nothing to judge by."""
    weight = sum(_weight(word, last=False) for word in words)
    return int(sounding(levels).sum()) / weight if weight else 0.0


def starts_so_far(words: Sequence[str], levels: Levels, frames_a_unit: float) -> list[float]:
    """The start of each word in a segment that goes on, spoken at `frames_a_unit` or faster; inf: not yet."""
    sound = np.cumsum(sounding(levels))
    begun: list[float] = []
    before = 0.0
    for word in words:
        due = before * frames_a_unit
        begun.append(float(np.searchsorted(sound, due, side="right")) if due and sound.size else 0.0)
        before += _weight(word, last=False) * (1 + LETTER_DOUBT)
    return [start if start < max(levels.size, 1) else math.inf for start in begun]


def starts(words: Sequence[str], levels: Levels) -> list[float]:
    """The start of each word in a whole segment. The first is 0: leading silence is trimmed."""
    sound = sounding(levels)
    end = int(np.flatnonzero(sound)[-1]) + 1 if sound.size else 0
    weights = [_weight(word, last=i == len(words) - 1) for i, word in enumerate(words)]
    result: list[float] = []
    phrase_start, first = 0, 0
    for pause, word in [*_anchors(_pauses(sound[:end]), words, weights, end), (Pause(end, end), len(words))]:
        shares = _late_shares(words[first:word], weights[first:word])
        result += [phrase_start + share * (pause.start - phrase_start) for share in shares]
        phrase_start, first = pause.end, word
    return result


def _late_shares(words: Sequence[str], weights: Sequence[float]) -> list[float]:
    """The fraction of a phrase that passes before each of its words, by the weights and their doubt. The first is 0."""
    digits = [DIGIT * sum(map(str.isdigit, word)) for word in words]
    doubts = [LETTER_DOUBT * (w - d) + DIGIT_DOUBT * d for w, d in zip(weights, digits, strict=True)]
    before = list(accumulate((w + d for w, d in zip(weights, doubts, strict=True)), initial=0.0))
    after = sum(w - d for w, d in zip(weights, doubts, strict=True))
    shares = []
    for i in range(len(words)):
        most = before[i] + WORD_DOUBT if i else 0.0
        shares.append(most / (most + after))
        after -= weights[i] - doubts[i]
    return shares


def _pauses(sound: npt.NDArray[np.bool_]) -> list[Pause]:
    found, at = [], 0
    for loud, run in groupby(sound.tolist()):
        length = len(list(run))
        if not loud and length >= MIN_PAUSE and at:
            found.append(Pause(at, at + length))
        at += length
    return found


def _anchors(
    pauses: Sequence[Pause], words: Sequence[str], weights: Sequence[float], end: int
) -> list[tuple[Pause, int]]:
    """Lays pauses on word borders at the least total cost: the pauses used, each with the word that follows it.

    `costs[b]` is the least cost of the pauses seen so far when the last one used precedes word b (0: none used).
    """
    silent = sum(p.end - p.start for p in pauses)
    expected = [share * (end - silent) / sum(weights) for share in accumulate(weights, initial=0.0)]
    costs = [0.0] + [math.inf] * (len(words) - 1)
    used: list[tuple[tuple[Pause, int], ...]] = [()] * len(words)
    silence_before = 0
    for pause in pauses:
        sound_before = pause.start - silence_before
        silence_before += pause.end - pause.start
        skip = UNUSED * (pause.end - pause.start)
        new_costs, new_used = [cost + skip for cost in costs], used.copy()
        best = 0  # the cheapest of the borders before b
        for b in range(1, len(words)):
            best = b - 1 if costs[b - 1] < costs[best] else best
            lay = ((sound_before - expected[b]) / FAR) ** 2 + (0.0 if _marked(words[b - 1]) else UNMARKED)
            if costs[best] + lay < new_costs[b]:
                new_costs[b], new_used[b] = costs[best] + lay, (*used[best], (pause, b))
        costs, used = new_costs, new_used
    return list(used[costs.index(min(costs))]) if words else []


def _marked(word: str) -> bool:
    return word.rstrip(CLOSERS)[-1:] in MARKS


def _weight(word: str, *, last: bool) -> float:
    """The time a word takes when read out, in units. `last`: of its segment, where a full stop is no abbreviation."""
    letters = [c for c in word if c.isalpha()]
    spelled = len(letters) > 1 and all(c.isupper() for c in letters)
    total, after_vowel = WORD, False
    for c in word.lower():
        vowel = c in VOWELS
        if c.isdigit():
            total += DIGIT
        elif c.isalpha() and ord(c) >= 0x2E80:
            total += IDEOGRAPH
        elif c.isalpha():
            total += SPELLED_LETTER if spelled else VOWEL_AFTER_VOWEL if vowel and after_vowel else LETTER
        elif c in READ_SYMBOLS:
            total += READ_SYMBOL
        after_vowel = vowel
    if _marked(word):
        total += PHRASE_FINAL
    if not last and word.endswith(".") and 0 < len(letters) <= 3:
        total += ABBREVIATION
    return total
