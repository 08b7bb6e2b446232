"""Scripted stages that answer to the microsecond, for measuring what lies between them.

An event loop's timers are good to a millisecond, and always late. What a vendor sends comes over a socket and has no
such grain, so these stages look at the clock again and again during the last two milliseconds of each wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from antiphon.audio.pcm import SAMPLE_BYTES, silence
from antiphon.lab.scripted.llm import tokens_of
from antiphon.lab.tones import ToneCode
from antiphon.providers.base import (
    LlmCapabilities,
    LlmEvent,
    LlmRequest,
    SpeechChunk,
    TextDelta,
    TtsCapabilities,
    WordTime,
)

_CLOSE = 0.002  # seconds before a moment from which the loop's timers are not trusted


async def until(moment: float) -> None:
    """Waits for a moment of `time.perf_counter`. Others run meanwhile."""
    if (wait := moment - _CLOSE - time.perf_counter()) > 0:
        await asyncio.sleep(wait)
    while time.perf_counter() < moment:  # noqa: ASYNC110  nobody but the clock says when
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, but for the last two."""

    first_token: float = 0.2
    first_audio: float = 0.15
    leading_silence: float = 0.15  # in the audio
    burst: float = 0.3  # of audio
    tokens_a_second: float = 40.0
    speed: float = 3.0  # times real time


class PunctualLlm:
    """Answers everything with the same text, token by token."""

    def __init__(self, reply: str, pace: Pace) -> None:
        self.name = "punctual/llm"
        self.capabilities = LlmCapabilities()
        self._tokens = tokens_of(reply)
        self._pace = pace

    async def warm(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        first = time.perf_counter() + self._pace.first_token
        for n, token in enumerate(self._tokens):
            await until(first + n / self._pace.tokens_a_second)
            yield TextDelta(token)


class PunctualTts:
    """Speaks in tones."""

    def __init__(self, code: ToneCode, pace: Pace, *, rate: int = 24_000) -> None:
        self.name = "punctual/tts"
        self.capabilities = TtsCapabilities(sample_rates=(rate,), word_times=True)
        self.code = code
        self.pace = pace
        self.rate = rate
        self._spoken: dict[str, tuple[bytes, list[WordTime]]] = {}

    async def warm(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    def open(self, *, sample_rate: int, voice: str | None = None) -> PunctualTtsStream:
        return PunctualTtsStream(self)

    def speak(self, text: str) -> tuple[bytes, list[WordTime]]:
        """The audio, made once: what is measured is not how tones are made."""
        if text not in self._spoken:
            pcm, words = self.code.speak(text, self.rate)
            lead = round(self.pace.leading_silence * self.rate)
            self._spoken[text] = silence(lead) + pcm, [WordTime(word.char, word.start + lead) for word in words]
        return self._spoken[text]


class PunctualTtsStream:
    def __init__(self, tts: PunctualTts) -> None:
        self._tts = tts
        self._texts: asyncio.Queue[tuple[float, bytes, list[WordTime]] | None] = asyncio.Queue()

    def send(self, text: str) -> None:
        sent = time.perf_counter()
        self._texts.put_nowait((sent, *self._tts.speak(text)))

    def end(self) -> None:
        self._texts.put_nowait(None)

    async def aclose(self) -> None:
        self.end()

    async def __aiter__(self) -> AsyncIterator[SpeechChunk]:
        pace = self._tts.pace
        burst = round(pace.burst * self._tts.rate) * SAMPLE_BYTES
        while (item := await self._texts.get()) is not None:
            sent, pcm, words = item
            for n, at in enumerate(range(0, len(pcm), burst)):
                await until(sent + pace.first_audio + n * pace.burst / pace.speed)
                yield SpeechChunk(pcm[at : at + burst], tuple(words) if n == 0 else (), last=at + burst >= len(pcm))
