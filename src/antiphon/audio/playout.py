"""The playout ledger: how much of a reply the caller has heard, in samples, and which words that is.

Three positions matter, and everything here is the way from one to the next:

    time ──PlayClock──▶ stream ──pieces──▶ content ──segments──▶ text

- The *stream* is what was sent to the client for this reply, in the order sent. `PlayClock` says how much of it has
  been played: as acknowledged by the client, else estimated from when it was sent.
- The *content* is the reply's audio as the TTS made it, each sample once. After a hold a stretch is sent again, so the
  stream repeats a part of the content; it is heard once all the same.
- The *text* is the reply as the model wrote it. A word counts as heard once its audio has begun to play.

Nothing here has a clock: times are given, as seconds of any one monotonic clock. Samples are counts at the reply's
output rate, and a count of n means samples 0 to n - 1.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import attrgetter

from antiphon.audio.segment import Segment

ASSUMED_DELAY = 0.100  # seconds from sending a sample to hearing it: network, jitter buffer and sound device
ROUNDING = 1e-3  # of a sample: n / rate seconds after its start, a piece has played n samples, not n - 1
GAP = 1e-6  # seconds; a shorter one is an error of rounding


@dataclass(slots=True)
class _Run:
    """A stretch of the stream that plays without a gap."""

    begin: float  # when its first sample plays
    start: int  # stream position of that sample
    samples: int


class PlayClock:
    """How many samples a client has played of those sent to it.

    A client plays in order and without pause while it holds audio. So each piece begins to play when what came before
    it is done, or when it arrives, `delay` seconds after it was sent, whichever is later. Once the client has
    acknowledged a position, what it said last is the truth, and the estimate is not asked again.
    """

    def __init__(self, rate: int, *, delay: float = ASSUMED_DELAY, busy_until: float = -math.inf) -> None:
        """`busy_until`: when the client will be done with audio that was sent before and is not counted here."""
        self._rate = rate
        self._delay = delay
        self._runs: list[_Run] = []  # one for each time the client ran dry, so few
        self.sent_samples = 0
        self.ends_at = busy_until  # when all that was sent will have been played, by the estimate
        self.acknowledged: int | None = None  # what the client said last; None: it has said nothing

    def sent(self, samples: int, at: float) -> None:
        """Counts `samples` handed to the transport at the time `at`. Times must not decrease."""
        if samples <= 0:
            return
        arrival = at + self._delay
        if self._runs and arrival <= self.ends_at + GAP:
            run = self._runs[-1]
            run.samples += samples
        else:
            run = _Run(max(self.ends_at, arrival), self.sent_samples, samples)
            self._runs.append(run)
        self.sent_samples += samples
        self.ends_at = run.begin + run.samples / self._rate

    def acknowledge(self, samples: int) -> None:
        """The client says that it has played `samples` in all. Late, repeated and impossible claims are harmless."""
        self.acknowledged = max(min(samples, self.sent_samples), self.acknowledged or 0)

    def played(self, at: float) -> int:
        """Samples played by the time `at`. Without acknowledgements it grows with `at`, up to what was sent."""
        if self.acknowledged is not None:
            return self.acknowledged
        index = bisect_right(self._runs, at, key=attrgetter("begin")) - 1
        if index < 0:
            return 0
        run = self._runs[index]
        return run.start + min(run.samples, math.floor((at - run.begin) * self._rate + ROUNDING))


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of the reply with the white space that follows it. Positions in content samples."""

    text: str
    char: int  # offset of its first character in the reply's text
    start: int
    end: int | None  # where the next word begins, or the segment ends; None: not known yet


@dataclass(slots=True)
class _Piece:
    """A stretch of the stream that carries consecutive content."""

    stream: int
    content: int
    samples: int


class ReplyLedger:
    """One reply: the text given to the TTS, the audio that came back, what was sent of it and what was heard.

    Feed it in the order things happen: `add_segment` as text goes to the TTS; `add_words`, `add_audio`, `end_segment`
    and `break_off_segment` as speech comes back, which belong to the oldest segment that has not ended; `sent` and
    `acknowledge` as it is played out. Leading silence of a segment is the caller's to trim, from audio and word times
    alike.
    """

    def __init__(
        self,
        rate: int,
        *,
        delay: float = ASSUMED_DELAY,
        busy_until: float = -math.inf,
        words_apart: bool | None = None,
    ) -> None:
        """`rate` in Hz, of all samples counted here. `words_apart`: whether the words of this voice stand apart, as an
        earlier reply has shown, if one has. The rest as in `PlayClock`."""
        self.clock = PlayClock(rate, delay=delay, busy_until=busy_until)
        self.content_samples = 0  # produced by the TTS so far
        self.begins = 0  # the content sample that is played first, and its place in the text
        self._first_char = 0
        self._rate = rate
        self._delay = delay
        self._text = ""
        self._text_start: int | None = None  # offset of the first character given
        self._segments: list[Segment] = []
        self._open = 0  # index of the oldest segment that has not ended
        self._pace = 0.0  # how slowly the last segment was spoken
        self.words_apart = words_apart
        self._pieces: list[_Piece] = []
        self._taken = 0  # words already returned by `take_words`

    # --- what the TTS was given, and gave back ---

    def add_segment(self, text: str, char_start: int, *, said: str | None = None, origins: Sequence[int] = ()) -> None:
        """`text` went to the TTS; it begins at offset `char_start` of the reply's text. Segments follow one another:
        characters between two of them, which were not spoken, are taken for spaces.

        Where the TTS was sent something else, that is `said`, and `origins` has for each of its characters the offset
        in `text` of what it stands for."""
        start = self.content_samples
        self._segments.append(Segment(start=start, rate=self._rate, pace=self._pace, apart=self.words_apart))
        self.extend_segment(text, char_start, said=said, origins=origins)

    def extend_segment(
        self, text: str, char_start: int, *, said: str | None = None, origins: Sequence[int] = ()
    ) -> None:
        """Adds text to the newest segment: for a TTS that does not tell where the audio of one text ends."""
        if self._text_start is None:
            self._text_start = char_start
        if char_start < self._text_start + len(self._text):
            raise ValueError(f"the text at offset {char_start} overlaps what was given before")
        self._text = self._text.ljust(char_start - self._text_start) + text
        self._segments[-1].add_text(text, char_start, said=said, origins=origins)

    def add_audio(self, pcm: bytes) -> None:
        """16-bit mono audio of the oldest segment that has not ended."""
        segment = self._current()
        segment.add_audio(pcm)
        self.content_samples = segment.start + segment.samples

    def add_words(self, times: Iterable[tuple[int, int]]) -> None:
        """(char, start) of words of the same segment: an offset in what was sent of it, and samples from its start."""
        self._current().add_times(times)

    def end_segment(self) -> None:
        """That segment has all its audio."""
        self._current().end()
        self._close_segment()

    def break_off_segment(self) -> None:
        """That segment ends before its text does: the words of it that were not spoken are taken for spaces."""
        unspoken = self._current().break_off()
        if unspoken:
            begin, end = (offset - (self._text_start or 0) for offset in (unspoken[0].begin, unspoken[-1].end))
            self._text = self._text[:begin] + " " * (end - begin) + self._text[end:]
        self._close_segment()

    def _close_segment(self) -> None:
        ended = self._current()
        self._open += 1
        self._pace = ended.pace or self._pace
        self.words_apart = ended.apart
        for waiting in self._segments[self._open :]:
            waiting.start, waiting.expected_pace = self.content_samples, self._pace
            waiting.expected_apart = self.words_apart

    def _current(self) -> Segment:
        if self._open == len(self._segments):
            raise ValueError("speech came back before its text was added")
        return self._segments[self._open]

    # --- what was sent to the client, and played by it ---

    def sent(self, content_start: int, samples: int, at: float) -> None:
        """`samples` of the content from `content_start` on were handed to the transport at the time `at` (seconds).
        A start before the end of what was sent earlier is a replay; one after it would be a gap and is refused."""
        last = self._pieces[-1] if self._pieces else _Piece(0, self.begins, 0)
        if content_start > max((piece.content + piece.samples for piece in self._pieces), default=self.begins):
            raise ValueError(f"content up to sample {content_start} was never sent")
        if self._pieces and last.content + last.samples == content_start:
            last.samples += samples
        else:
            self._pieces.append(_Piece(self.clock.sent_samples, content_start, samples))
        self.clock.sent(samples, at)

    def acknowledge(self, stream_samples: int) -> None:
        """The client has played `stream_samples` of this reply, replayed stretches counted as often as they played."""
        self.clock.acknowledge(stream_samples)

    def played(self, at: float) -> int:
        """Content samples heard by the time `at`: the furthest that playout has reached."""
        stream = self.clock.played(at)
        reached = (self._reached(piece, stream) for piece in self._pieces if piece.stream <= stream)
        return max(reached, default=self.begins)

    def position(self, at: float) -> int:
        """The content sample that plays next: behind `played` while a stretch is repeated."""
        stream = self.clock.played(at)
        index = bisect_right(self._pieces, stream, key=attrgetter("stream")) - 1
        return self._reached(self._pieces[index], stream) if index >= 0 else self.begins

    @staticmethod
    def _reached(piece: _Piece, stream: int) -> int:
        return piece.content + min(piece.samples, stream - piece.stream)

    # --- words ---

    def heard(self, content_samples: int) -> str:
        """The reply's text up to the last word whose audio began before that sample; no trailing space."""
        start = self._text_start or 0
        return self._text[max(self._first_char - start, 0) : self.heard_to(content_samples) - start]

    def heard_chars(self, content_samples: int) -> int:
        """How many characters of the reply's text go up to there."""
        return max(self.heard_to(content_samples) - self._first_char, 0)

    def heard_to(self, content_samples: int) -> int:
        """The offset in the reply's text where `heard` ends."""
        heard = self._text_start or 0
        for segment in self._segments[: self._open + 1]:
            for word, start in zip(segment.words, segment.starts, strict=True):
                if segment.start + start >= content_samples:
                    return heard
                heard = word.end
        return heard

    def resume_at(self, content_samples: int) -> int:
        """Where to go on after a hold at that position: the start of the word that was cut, in the same segment; the
        position itself where it lies in a pause, so that no word was cut."""
        position = min(content_samples, self.content_samples)
        index = bisect_right(self._segments, position, key=attrgetter("start")) - 1
        if index < 0:
            return 0
        segment = self._segments[min(index, self._open)]
        return segment.start + segment.resume_at(position - segment.start)

    def cut(self, content_samples: int) -> int:
        """What is played of the reply ends at that position. From now on this is the ledger of the rest, which begins
        at the start of the word that was cut, or where it was cut in a pause, and of which nothing has been sent.
        Returns how many characters of the text go before the rest."""
        begins = self.resume_at(max(content_samples, self.begins))
        before, first_char = self._first_char, max(self.heard_to(begins), self._first_char)
        text = self._text[first_char - (self._text_start or 0) :]
        self.begins, self._first_char = begins, first_char + len(text) - len(text.lstrip())
        self.clock = PlayClock(self._rate, delay=self._delay)
        self._pieces.clear()
        self._taken = sum(word.begin < self._first_char for segment in self._segments for word in segment.words)
        return self._first_char - before

    def word_end(self, content_samples: int) -> int:
        """Where the word ends that is being spoken at that position; the position itself where it lies in a pause."""
        if self.resume_at(content_samples) >= content_samples:
            return content_samples
        following = self.words_between(content_samples, self.content_samples)
        return following[0].start if following else self.content_samples

    def words_between(self, start: int, end: int) -> list[SpokenWord]:
        """The words whose audio begins in samples [start, end), by what is known now. Estimates move as audio comes:
        for each word exactly once over a reply's life use `take_words`."""
        return [word for word in self._spoken() if start <= word.start < end]

    def take_words(self, end: int) -> list[SpokenWord]:
        """The words that begin before sample `end` and were not taken before: in order, each once."""
        ready = list(takewhile(lambda word: word.start < end, self._spoken(skip=self._taken)))
        self._taken += len(ready)
        return ready

    def _spoken(self, *, skip: int = 0) -> Iterator[SpokenWord]:
        """The words that have begun, for all that is known, without the first `skip`."""
        offset = self._text_start or 0
        for segment in self._segments[: self._open + 1]:
            ends = [*segment.starts[1:], segment.samples if segment.ended else math.inf]
            for word, start, end in list(zip(segment.words, segment.starts, ends, strict=False))[skip:]:
                if start == math.inf:
                    return
                spaced = _with_space(self._text, word.begin - offset, word.end - offset)
                until = None if end == math.inf else segment.start + int(end)
                yield SpokenWord(spaced, word.begin, segment.start + int(start), until)
            skip = max(skip - len(segment.words), 0)


def _with_space(text: str, begin: int, end: int) -> str:
    while end < len(text) and text[end].isspace():
        end += 1
    return text[begin:end]
