"""A synthetic voice for virtual time: espeak-ng, spoken to from a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from functools import lru_cache
from types import TracebackType
from typing import Self

from antiphon.audio.pcm import SAMPLE_BYTES, silence
from antiphon.audio.resample import resample
from antiphon.providers.base import WordTime
from antiphon.providers.tts.espeak import SAMPLE_RATE, Espeak

PATIENCE = 20.0  # seconds that a sentence may take


class EspeakVoice:
    """Speaks as a tone code does, so that a scripted TTS can speak with it. Blocks while it speaks: for loops in
    virtual time, and for nothing else. A context manager: its process ends with it."""

    def __init__(self, voice: str = "en-us", *, rate: int = 170) -> None:
        """`rate` in words a minute. Raises MissingDependency or ImportError without the `local` extra."""
        self._espeak = Espeak(voice, rate=rate)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="espeak-voice", daemon=True)
        self._say = lru_cache(maxsize=256)(self._synthesise)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._espeak.aclose(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def speak(
        self, text: str, rate: int, *, lead: float = 0.0, voice: str = "", pace: int = 0
    ) -> tuple[bytes, list[WordTime]]:
        """The text as 16-bit PCM at `rate` Hz, after `lead` seconds of silence, and where its words begin."""
        pcm, words = self._say(text, voice or self._espeak.voice, pace or self._espeak.rate)
        before = round(lead * rate)
        times = [WordTime(word.char, before + round(word.start * rate / SAMPLE_RATE)) for word in words]
        return silence(before) + resample(pcm, SAMPLE_RATE, rate), times

    def _synthesise(self, text: str, voice: str, pace: int) -> tuple[bytes, tuple[WordTime, ...]]:
        return asyncio.run_coroutine_threadsafe(self._speak(text, voice, pace), self._loop).result(PATIENCE)

    async def _speak(self, text: str, voice: str, pace: int) -> tuple[bytes, tuple[WordTime, ...]]:
        self._espeak.rate = pace  # one text is spoken at a time
        stream = self._espeak.open(sample_rate=SAMPLE_RATE, voice=voice)
        stream.send(text)
        stream.end()
        pcm, words = bytearray(), list[WordTime]()
        async for chunk in stream:
            words += [WordTime(word.char, word.start) for word in chunk.words]
            pcm += chunk.pcm
        return bytes(pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES]), tuple(words)
