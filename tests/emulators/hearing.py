"""What the emulators of listeners understand: words made of tones, so that a lost or doubled piece of audio shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from antiphon.audio.resample import Resampler
from antiphon.lab.bursts import BurstFinder
from antiphon.lab.tones import ToneCode

CODE = ToneCode(["one two three four five six seven eight nine ten yes no pizza please hello world"])
PAUSE = 0.25  # seconds without a word after which an emulator takes a turn to be over


@dataclass(frozen=True)
class Word:
    text: str
    start: float  # seconds of audio
    end: float


def say(text: str, *, rate: int = 16_000, lead: float = 0.1, tail: float = 0.3) -> bytes:
    """The text as audio, with silence before and after it."""
    return CODE.speak(text, rate, lead=lead)[0] + bytes(2 * int(tail * rate))


class Hearing:
    """Takes audio as it comes; `take` hands out each word once it has ended."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        # The tones are told apart at any rate, but not beyond a narrow band.
        self._resample = Resampler(rate, 16_000) if rate != 16_000 else None
        self._finder = BurstFinder(16_000)
        self._words: list[Word] = []
        self._last_end = 0.0
        self.samples = 0

    @property
    def seconds(self) -> float:
        return self.samples / self.rate

    @property
    def waiting(self) -> bool:
        """There are words to take."""
        return bool(self._words)

    @property
    def pause(self) -> float:
        """Seconds since the last word ended; none while one is under way."""
        return 0.0 if self._finder.open_burst() else self.seconds - self._last_end

    def feed(self, pcm: bytes) -> None:
        self.samples += len(pcm) // 2
        for burst in self._finder.feed(self._resample.process(pcm) if self._resample else pcm):
            word = CODE.identify(burst, 16_000)
            if word and word.text:
                self._words.append(Word(word.text, word.start_sample / 16_000, word.end_sample / 16_000))
                self._last_end = word.end_sample / 16_000

    def take(self) -> list[Word]:
        words, self._words = self._words, []
        return words


def slices(pcm: bytes, rate: int) -> Iterator[bytes]:
    """Pieces of 20 ms: what an emulator hears does not depend on how the audio was cut for the way."""
    size = rate // 50 * 2
    return (pcm[at : at + size] for at in range(0, len(pcm), size))


def text(words: list[Word]) -> str:
    return " ".join(word.text for word in words)
