"""One segment of a reply: a clause or sentence as sent to the TTS, its audio so far, and when its words begin.

What is sent may differ from what the model wrote: "$12.50" is said in five words. Their starts are known or estimated;
a written word begins with the first word that is said for it. What is written and not said, like a bullet, begins with
the word after it, or, at the end, with the one before it.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np

from antiphon.audio import word_estimate
from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.audio.word_estimate import FRAMES_A_SECOND, Loudness
from antiphon.audio.word_islands import FEWEST as FEWEST_ISLANDS
from antiphon.audio.word_islands import Islands

# A word is a run without white space, its punctuation included. Scripts written without spaces (CJK ideographs and
# kana) count each character with the punctuation after it, or a whole sentence would pass for one word.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
WORDS = re.compile(rf"[{_UNSPACED}][^\w\s]*|[^\s{_UNSPACED}]+")

SLOWEST_PACE = 7.0  # frames a unit of weight: a slow voice of 130 words a minute; 175 a minute take under 6
PACE_MARGIN = 1.15  # how much slower than earlier segments of the reply one may be spoken
NO_CUT = 0.120  # seconds of silence after which no word is under way; the stops inside words are shorter
SNAP = 0.150  # seconds before a late estimate in which the true start of the word lies


@dataclass(frozen=True, slots=True)
class Word:
    """Offsets in the reply's own text."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class _SaidWord:
    text: str
    char: int  # its offset in what the TTS was sent for this segment
    written: int  # which of the written words it is said for


class Segment:
    """All sample counts here are from the segment's own first sample, at the reply's rate."""

    def __init__(self, *, start: int, rate: int, pace: float = 0.0, apart: bool | None = None) -> None:
        self.start = start  # of its audio within the reply's content; final once the segment before it has ended
        self.expected_pace = pace  # frames a unit of weight takes at most, by earlier segments; 0: nothing known
        self.expected_apart = apart  # the words of this voice stand apart, by earlier segments; None: nothing known
        self.samples = 0
        self.ended = False
        self.words: list[Word] = []  # as written
        self._said: list[_SaidWord] = []
        self._rate = rate
        self._said_size = 0  # characters
        self._known: dict[int, int] = {}  # said word -> its start, as the provider said
        self._loudness = Loudness(rate)
        self._islands = Islands(rate)

    def add_text(self, text: str, char_start: int, *, said: str | None = None, origins: Sequence[int] = ()) -> None:
        """`text` is what the model wrote, from the offset `char_start` of the reply on; `said` what the TTS was sent
        for it, if that differs, and `origins` the offset in `text` of what each of its characters stands for."""
        before = len(self.words)
        begins = [match.start() for match in WORDS.finditer(text)]
        self.words += [Word(char_start + m.start(), char_start + m.end()) for m in WORDS.finditer(text)]
        for match in WORDS.finditer(text if said is None else said):
            origin = match.start() if said is None else origins[match.start()]
            written = before + max(bisect_right(begins, origin) - 1, 0)
            self._said.append(_SaidWord(match.group(), self._said_size + match.start(), written))
        self._said_size += len(text if said is None else said)
        self._changed()

    def add_audio(self, pcm: bytes) -> None:
        self.samples += len(pcm) // SAMPLE_BYTES
        self._loudness.add(pcm)
        self._islands.add(pcm)
        self._changed()

    def add_times(self, times: Iterable[tuple[int, int]]) -> None:
        """(char in what was sent, start sample) of words as the provider cuts them: the first in a word counts."""
        offsets = [word.char for word in self._said]
        for char, start in times:
            word = max(int(np.searchsorted(offsets, char, side="right")) - 1, 0)
            self._known[word] = min(start, self._known.get(word, start))
        self._changed()

    def end(self) -> None:
        self.ended = True
        self._changed()

    def break_off(self) -> list[Word]:
        """It ends before its text does. Returns the words that were not begun, for all that is known, and forgets
        them."""
        begun = sum(start < math.inf for start in self.starts)
        unspoken, self.words = self.words[begun:], self.words[:begun]
        self._said = [word for word in self._said if word.written < begun]
        self._known = {word: start for word, start in self._known.items() if word < len(self._said)}
        self.end()
        return unspoken

    @property
    def apart(self) -> bool | None:
        """What the next segment may expect of `expected_apart`, judged by this one, which has ended."""
        return self._stands_apart() if len(self._said) >= FEWEST_ISLANDS else self.expected_apart

    def _stands_apart(self) -> bool:
        enough = len(self._said) >= FEWEST_ISLANDS or bool(self.expected_apart)  # fewer may fit by chance
        return enough and len(self._islands.starts) == len(self._said)

    @property
    def pace(self) -> float:
        """What the next segment may be given as its expected pace, judged by this one."""
        return PACE_MARGIN * word_estimate.pace([word.text for word in self._said], self._loudness.levels)

    @cached_property
    def starts(self) -> list[float]:
        """The start of each written word, a whole number, never decreasing: known, else estimated; inf where it has not
        begun, for all that is known. Once the segment has ended no start is beyond its last sample."""
        firsts: dict[int, float] = {}
        for said, start in zip(self._said, self._said_starts, strict=True):
            firsts.setdefault(said.written, start)
        starts: list[float] = []
        start = max(firsts.values(), default=0.0)
        for word in reversed(range(len(self.words))):
            start = firsts.get(word, start)
            starts.append(start)
        return starts[::-1]

    @cached_property
    def _said_starts(self) -> list[float]:
        """The same of each word that is said."""
        if not self._said:
            return []
        known = self._known_starts()
        if len(known) == len(self._said):
            starts = [float(known[i]) for i in range(len(self._said))]
        else:
            starts = self._fill(known)
        if self.ended:
            starts = [min(start, max(self.samples - 1, 0)) for start in starts]
        return list(accumulate(starts, max))

    def resume_at(self, position: int) -> int:
        """Where to go on after a stop at `position`: the start of the word that was cut; `position` itself in a pause.

        An estimated start leans late, so it is moved to the quietest moment just before it.
        """
        word = int(np.searchsorted(self._said_starts, position, side="right")) - 1
        if word < 0:
            return 0
        start = int(self._said_starts[word])
        if self._in_pause(start, position):
            return position
        return start if word in self._known else self._quietest_before(start)

    def _known_starts(self) -> dict[int, int]:
        """What the provider said, made monotone: a word never begins before one that precedes it."""
        words = sorted(self._known)
        return dict(zip(words, accumulate((max(self._known[w], 0) for w in words), max), strict=True))

    def _fill(self, known: dict[int, int]) -> list[float]:
        """Estimates, bent so that they pass through what is known."""
        if not known:
            return self._estimates(whole=self.ended)
        estimates = self._estimates(whole=True)  # of what is there: only the proportions count
        last = max(known)
        xs = [0.0, *(estimates[i] for i in known)]
        ys = [0.0, *(float(start) for start in known.values())]
        if self.ended:
            xs, ys = [*xs, float(self.samples)], [*ys, float(self.samples)]
        bent: list[float] = np.ceil(np.interp(estimates, xs, ys)).tolist()
        for i in range(len(bent)):
            bent[i] = float(known[i]) if i in known else bent[i]
            if i > last and not self.ended:
                bent[i] = math.inf
        return bent

    def _estimates(self, *, whole: bool) -> list[float]:
        islands: list[float] = [*self._islands.starts, *[math.inf] * len(self._said)][: len(self._said)]
        if self._stands_apart() if self.ended else self.expected_apart:
            return islands
        levels = self._loudness.levels
        if whole:
            frames = word_estimate.starts([word.text for word in self._said], levels)
        else:
            frames = word_estimate.starts_so_far(
                [word.text for word in self._said], levels, self.expected_pace or SLOWEST_PACE
            )
        estimates = [float(math.ceil(f * self._rate / FRAMES_A_SECOND)) if f < math.inf else f for f in frames]
        if whole or self.expected_apart is False:
            return estimates
        return list(map(max, estimates, islands))  # of a voice not known yet, one sound is no more than one word

    def _in_pause(self, word_start: int, position: int) -> bool:
        """Whether the word that began at `word_start` has sounded and silence has followed it up to `position`."""
        frame = self._rate // FRAMES_A_SECOND
        sound = word_estimate.sounding(self._loudness.levels)[word_start // frame : position // frame]
        quiet = round(NO_CUT * FRAMES_A_SECOND)
        return bool(sound[:-quiet].any() and not sound[-quiet:].any())

    def _quietest_before(self, start: int) -> int:
        frame = self._rate // FRAMES_A_SECOND
        last = start // frame
        first = max(last - round(SNAP * FRAMES_A_SECOND), 0)
        window = self._loudness.levels[first : last + 1]
        return min((first + int(window.argmin())) * frame, start) if window.size else start

    def _changed(self) -> None:
        self.__dict__.pop("starts", None)
        self.__dict__.pop("_said_starts", None)
