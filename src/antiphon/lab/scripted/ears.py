"""What a scripted STT understands of the audio it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from antiphon.audio.pcm import SAMPLE_BYTES, rms_dbfs
from antiphon.lab.bursts import Burst, BurstFinder
from antiphon.lab.tones import ToneCode

_HALLUCINATED = 0.2  # seconds of noise that are taken for speech by an STT that hallucinates

_FRAME = 0.02  # seconds
_VOICE = -45.0  # dBFS; a frame above it is voice
_VOICED = 0.1  # seconds of voice that begin a segment
_PAUSE = 0.4  # seconds without voice that end it
_PACE = 3.0  # words a second that are understood while it lasts


class Ears(Protocol):
    """Hears one utterance at a time."""

    def feed(self, pcm: bytes) -> None:
        """Raises ValueError for half a sample."""

    def heard(self) -> str:
        """The words that have ended."""

    def heard_at_last(self) -> str:
        """All there is, a word that is still being said included."""

    def forget(self) -> None:
        """Another utterance begins."""


class ToneEars:
    """Understands the words of a tone code. Noise is `hallucination` to it, if that is not empty."""

    def __init__(self, code: ToneCode, rate: int, *, hallucination: str = "") -> None:
        self._code = code
        self._rate = rate
        self._hallucination = hallucination
        self.forget()

    def forget(self) -> None:
        self._finder = BurstFinder(self._rate)
        self._words: list[str] = []

    def feed(self, pcm: bytes) -> None:
        for burst in self._finder.feed(pcm):
            self._words += self._understand(burst)

    def heard(self) -> str:
        return " ".join(self._words)

    def heard_at_last(self) -> str:
        burst = self._finder.open_burst()
        return " ".join([*self._words, *(self._understand(burst) if burst else ())])

    def _understand(self, burst: Burst) -> Iterator[str]:
        word = self._code.identify(burst, self._rate)
        if word and word.text:
            yield word.text
        elif word is None and self._hallucination and len(burst.samples) >= _HALLUCINATED * self._rate:
            yield self._hallucination


class SegmentEars:
    """Hears only that there is voice: takes the next of the given texts for each stretch of it.

    A segment is voice with no pause of 0.4 s in it. Its words are understood one by one while it lasts, all of them
    when it is over.
    """

    def __init__(self, texts: Sequence[str], rate: int) -> None:
        self._texts = iter(texts)
        self._frame = round(_FRAME * rate) * SAMPLE_BYTES
        self._pending = b""
        self.forget()

    def forget(self) -> None:
        self._over: list[str] = []  # the texts of the segments that are over
        self._current: list[str] | None = None  # the words of the one under way, once it is sure to be one
        self._voice = self._pause = 0.0  # seconds of it

    def feed(self, pcm: bytes) -> None:
        if len(pcm) % SAMPLE_BYTES:
            raise ValueError(f"{len(pcm)} bytes are no whole number of samples")
        pcm = self._pending + pcm
        full = len(pcm) // self._frame * self._frame
        self._pending = pcm[full:]
        for at in range(0, full, self._frame):
            self._hear(voiced=rms_dbfs(pcm[at : at + self._frame]) >= _VOICE)

    def heard(self) -> str:
        understood = (self._current or [])[: int(self._voice * _PACE)]
        return " ".join([*self._over, *understood])

    def heard_at_last(self) -> str:
        return " ".join([*self._over, *(self._current or [])])

    def _hear(self, *, voiced: bool) -> None:
        if voiced:
            self._voice, self._pause = self._voice + _FRAME, 0.0
            if self._current is None and self._voice >= _VOICED:
                self._current = next(self._texts, "").split()
            return
        self._pause += _FRAME
        if self._pause >= _PAUSE:
            self._over += self._current or []
            self._current, self._voice = None, 0.0
