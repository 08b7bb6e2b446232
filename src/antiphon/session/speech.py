"""One reply's speech as it is made: audio in the session's output rate, and the ledger of what was heard of it."""

from __future__ import annotations

from collections.abc import Callable

from antiphon.audio.pcm import first_audible
from antiphon.audio.playout import ReplyLedger
from antiphon.audio.resample import Resampler
from antiphon.providers.base import SpeechChunk, WordTime
from antiphon.text.chunker import Chunk
from antiphon.text.spoken.draft import Spoken

NEARLY_DRY = 0.5  # seconds of audio


class Speech:
    """Filled by the TTS, emptied by the playout. Positions are samples of the reply's own audio, at `rate`."""

    def __init__(
        self,
        *,
        rate: int,
        tts_rate: int,
        ledger: ReplyLedger,
        on_change: Callable[[], None],
        segmented: bool = True,
    ) -> None:
        self.rate = rate
        self.ledger = ledger
        self.pcm = bytearray()  # all audio made so far
        self.complete = False  # no more audio will come
        self._tts_rate = tts_rate
        self._resample = Resampler(tts_rate, rate)
        self._segmented = segmented  # the TTS tells where each segment ends
        self._on_change = on_change
        self._starts: list[int] = []  # of each text that went to the TTS: its offset in the reply's text
        self._open = 0  # segments that have not ended
        self._trimmed = 0  # samples of leading silence taken off the open segment, at the TTS's rate
        self._sounded = False  # an audible sample has come

    @property
    def samples(self) -> int:
        return len(self.pcm) // 2

    @property
    def begins(self) -> int:
        """The sample that is played first: not 0 if this is the rest of a reply that was cut."""
        return self.ledger.begins

    def expect(self, chunk: Chunk, spoken: Spoken) -> None:
        """A segment of the text went to the TTS: what the model wrote, and how it is said."""
        self._starts.append(chunk.char_start)
        if self._open and not self._segmented:
            self.ledger.extend_segment(chunk.text, chunk.char_start, said=spoken.text, origins=spoken.origins)
        else:
            self.ledger.add_segment(chunk.text, chunk.char_start, said=spoken.text, origins=spoken.origins)
            self._open += 1

    def ahead(self, position: int) -> int:
        """How many of the texts that went to the TTS have not begun to sound at `position`."""
        if not self._segmented and self.samples and self.samples - position < NEARLY_DRY * self.rate:
            return 0  # where its words are is not known well enough to wait for them
        heard = self.ledger.heard_to(position)
        return sum(start >= heard for start in self._starts)

    def add(self, chunk: SpeechChunk) -> bool:
        """Takes audio from the TTS; True if it holds the reply's first audible sample."""
        pcm = chunk.pcm
        first = False
        if not self._sounded:
            start = first_audible(pcm)
            first = self._sounded = start is not None
            cut = start if start is not None else len(pcm) // 2
            self._trimmed += cut
            pcm = pcm[cut * 2 :]
        self._add_words(chunk.words)
        self._add_audio(self._resample.process(pcm))
        if chunk.last:
            self._end_segment(cut=chunk.cut)
        self._on_change()
        return first

    def finish(self) -> None:
        """The TTS has spoken all it was given."""
        if not self.complete:
            self._add_audio(self._resample.flush())
            while self._open:
                self._end_segment()
            self.complete = True
            self._on_change()

    def abandon(self) -> None:
        """No more audio will come, though there was more to say: what was not spoken is never taken for heard."""
        if not self.complete:
            self._add_audio(self._resample.flush())
            self.complete = True
            self._on_change()

    def _end_segment(self, *, cut: bool = False) -> None:
        if self._open:
            self._open -= 1
            if cut:
                self.ledger.break_off_segment()
            else:
                self.ledger.end_segment()
            self._trimmed = 0

    def _add_words(self, words: tuple[WordTime, ...]) -> None:
        if words and self._open:
            scale = self.rate / self._tts_rate
            self.ledger.add_words([(word.char, int(max(word.start - self._trimmed, 0) * scale)) for word in words])

    def _add_audio(self, pcm: bytes) -> None:
        if not pcm:
            return
        self.pcm += pcm
        if self._open:  # else: a tail after the last segment, which holds no word
            self.ledger.add_audio(pcm)
