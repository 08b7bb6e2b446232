"""From the times that a vendor gives for words or characters to those of our contract: offsets in the text of each
segment, and samples from the segment's own beginning."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.providers.base import SpeechChunk, WordTime

_AHEAD = 12  # characters: how far on in the text a character is looked for, where the vendor left some out
_WORDS_AHEAD = 60  # characters: the same for words
_ROUNDING = 1.5  # ms by which the vendor's times may be off
_MOST = 0.7  # of a segment: when so much of it was told, and nothing more comes, it is over


class CharacterAlignment:
    """Follows the characters a vendor says it has spoken through the segments it was sent, in one stream of audio.

    That is also how the end of a segment is known: it is where its last character ends. Characters that are not in the
    text (numbers that were read out, a script that was transcribed) are passed over.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._texts: deque[str] = deque()  # segments that have not ended
        self._at = 0  # how far into the open segment the vendor has come, in characters
        self._word = -1  # where the last word began whose time was given
        self._samples = 0  # of the open segment so far
        self._end = 0  # where the last character ends that was spoken, in samples of the open segment

    def add(self, text: str) -> None:
        self._texts.append(text.rstrip())

    def read(
        self, pcm: bytes, chars: Sequence[str], starts: Sequence[float], durations: Sequence[float]
    ) -> Iterator[SpeechChunk]:
        """A piece of audio, and when in it each character begins, and for how long, in ms. Audio goes to the segment
        that it is of."""
        words: list[WordTime] = []
        cut = 0  # samples of `pcm` that went to segments which have ended
        for char, start, duration in zip(chars, starts, durations, strict=False):
            at = max(self._in_samples(start), cut)
            if self._said() and len(self._texts) > 1 and not char.isspace():
                cut_at, cut = cut, min(at, len(pcm) // SAMPLE_BYTES)
                yield SpeechChunk(pcm[cut_at * SAMPLE_BYTES : cut * SAMPLE_BYTES], tuple(words), last=True)
                self._next_segment()
                words = []
            at += self._samples - cut
            if (word := self._follow(char)) is not None:
                words.append(WordTime(word, at))
            if not char.isspace():
                self._end = at + self._in_samples(duration)
        rest = pcm[cut * SAMPLE_BYTES :]
        self._samples += len(rest) // SAMPLE_BYTES
        last = self._said() and self._samples >= self._end - self._in_samples(_ROUNDING)
        if last:
            self._next_segment()
        yield SpeechChunk(rest, tuple(words), last=last)

    def finish(self) -> Iterator[SpeechChunk]:
        """The vendor says that it has spoken all."""
        while self._texts:
            self._next_segment()
            yield SpeechChunk(b"", last=True)

    def quiet(self) -> Iterator[SpeechChunk]:
        """Nothing more comes: what has ended, to judge by what was told of it."""
        if self._samples and (self._at == 0 or self._at > _MOST * len(self._texts[0])):
            yield from self.finish()

    def _in_samples(self, milliseconds: float) -> int:
        return round(milliseconds * self._rate / 1000)

    def _said(self) -> bool:
        """The last character of the open segment has begun."""
        return bool(self._texts) and self._at >= len(self._texts[0])

    def _next_segment(self) -> None:
        self._texts.popleft()
        self._at, self._word, self._samples, self._end = 0, -1, 0, 0

    def _follow(self, char: str) -> int | None:
        """Goes on to a character. Returns where its word begins, if nothing of that word came before."""
        if not self._texts or char.isspace():
            return None
        text = self._texts[0]
        found = text.find(char, self._at, self._at + _AHEAD)
        if found < 0:
            return None
        self._at = found + 1
        begin = found
        while begin and not text[begin - 1].isspace():
            begin -= 1
        if begin == self._word:
            return None
        self._word = begin
        return begin


class WordAlignment:
    """Finds the words a vendor gives times for in the text of one segment, in order. A word that is not there (a number
    that was read out) is passed over."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def find(self, word: str) -> int | None:
        """Where the word begins."""
        if not word:
            return None
        found = self._at - 1
        while (found := self._text.find(word, found + 1, self._at + _WORDS_AHEAD)) >= 0:
            if self._stands_alone(found, found + len(word)):
                break
        else:  # scripts that put nothing between words
            found = next((at for at in range(self._at, len(self._text)) if self._text[at].isalnum()), len(self._text))
            if not self._text.startswith(word, found):
                return None
        self._at = found + len(word)
        return found

    def _stands_alone(self, begin: int, end: int) -> bool:
        around = (self._text[max(begin - 1, 0) : begin + 1], self._text[end - 1 : end + 1])
        return not any(len(pair) == 2 and pair.isalnum() for pair in around)
