"""Lines that must be heard even when no voice can be reached: spoken into memory before they are needed.

They belong to the process. Each is spoken by the TTS of the agent, or by whatever voice there is on this machine if
that one cannot; in the voice of the session where there was time to.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from antiphon.audio.resample import Resampler
from antiphon.errors import AntiphonError, ProviderError
from antiphon.providers.base import SpeechChunk, Tts, WordTime
from antiphon.providers.tts.speech import NOTHING_SPOKEN, Outlet

log = logging.getLogger("antiphon.session")

RENDER_TIMEOUT = 20.0  # seconds one voice has to speak a line
KEPT = 32  # lines, each in one voice; the one used longest ago is forgotten


@dataclass(frozen=True, slots=True)
class _Line:
    rate: int  # Hz
    segments: tuple[SpeechChunk, ...]  # the whole audio of each, with its word times


class Lines:
    """What has been spoken into memory."""

    def __init__(self, tts: Tts, *, spare: Callable[[], Tts | None] = lambda: None) -> None:
        """`spare` makes the voice to be used if `tts` fails; None: there is none."""
        self._tts = tts
        self._make_spare = spare
        self._lines: OrderedDict[tuple[str, str | None], _Line] = OrderedDict()  # by text and voice
        self._lock = asyncio.Lock()  # one line at a time

    async def prepare(self, text: str, segments: Sequence[str], *, rate: int, voice: str | None) -> None:
        """Speaks a line, cut into `segments` and put into words as it will be sent, at `rate` Hz. Never raises."""
        async with self._lock:
            known = self._lines.get((text, voice))
            if known and known.rate == rate:
                return
            if line := await self._spoken(segments, rate=rate, voice=voice, spare=self.find(text, voice) is None):
                self._lines[text, voice] = line
                if len(self._lines) > KEPT:
                    self._lines.popitem(last=False)

    def find(self, text: str, voice: str | None) -> _Line | None:
        """The line in that voice, or in another."""
        if (text, voice) in self._lines:
            self._lines.move_to_end((text, voice))
            return self._lines[text, voice]
        return next((line for (known, _), line in self._lines.items() if known == text), None)

    def open(self, text: str, *, rate: int, voice: str | None) -> RenderedStream | None:
        """The speech of a line at `rate` Hz, if there is any."""
        line = self.find(text, voice)
        return RenderedStream(line, rate) if line else None

    async def _spoken(self, segments: Sequence[str], *, rate: int, voice: str | None, spare: bool) -> _Line | None:
        try:
            return await _speak(self._tts, segments, rate=rate, voice=voice)
        except ProviderError as error:
            log.warning("a line could not be prepared: %s", error)
        if not spare:
            return None
        try:
            if (other := self._make_spare()) is None:
                return None
            try:
                return await _speak(other, segments, rate=rate, voice=None)
            finally:
                await other.aclose()
        except AntiphonError as error:
            log.warning("no voice of this machine can speak a line either: %s", error)
            return None


class RenderedStream:
    """A TTS stream whose speech is there already: each `send` is answered by the next segment of the line."""

    def __init__(self, line: _Line, rate: int) -> None:
        self._waiting = list(line.segments)
        self._resample = Resampler(line.rate, rate)
        self._scale = rate / line.rate
        self._outlet = Outlet()

    def send(self, text: str) -> None:
        chunk = self._waiting.pop(0) if self._waiting else NOTHING_SPOKEN
        pcm = self._resample.process(chunk.pcm) + self._resample.flush()
        words = tuple(WordTime(word.char, int(word.start * self._scale)) for word in chunk.words)
        self._outlet.put(SpeechChunk(pcm, words, last=True))

    @property
    def used(self) -> dict[str, tuple[int, float]]:
        """As in BilledStream: nobody's voice is used again."""
        return {}

    def end(self) -> None:
        self._outlet.finish()

    def __aiter__(self) -> AsyncIterator[SpeechChunk]:
        return aiter(self._outlet)

    async def aclose(self) -> None:
        self._outlet.close()


async def _speak(tts: Tts, segments: Sequence[str], *, rate: int, voice: str | None) -> _Line:
    """Raises ProviderError, also if there is no sound in it."""
    rates = tts.capabilities.sample_rates
    rate = rate if rate in rates else rates[0]
    spoken = []
    try:
        async with asyncio.timeout(RENDER_TIMEOUT):
            for segment in segments:
                spoken.append(await _speak_one(tts, segment, rate=rate, voice=voice))
    except TimeoutError:
        raise ProviderError("no voice in time", stage="tts", provider=tts.name) from None
    if not any(chunk.pcm for chunk in spoken):
        raise ProviderError("nothing was spoken", stage="tts", provider=tts.name)
    return _Line(rate, tuple(spoken))


async def _speak_one(tts: Tts, text: str, *, rate: int, voice: str | None) -> SpeechChunk:
    stream = tts.open(sample_rate=rate, voice=voice)
    try:
        stream.send(text)
        stream.end()
        chunks = [chunk async for chunk in stream]
    finally:
        with suppress(ProviderError):
            await stream.aclose()
    pcm = b"".join(chunk.pcm for chunk in chunks)
    return SpeechChunk(pcm, tuple(word for chunk in chunks for word in chunk.words), last=True)
