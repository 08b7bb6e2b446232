"""The stream of a vendor that is asked for each segment by a request of its own: one after the other, in one task, so
that text which was not yet asked for costs nothing when the reply is interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.errors import ProviderError
from antiphon.providers.base import SpeechChunk

# The audio of one segment as it comes, its end left out. Leaving the generator stops the vendor.
Speak = Callable[[str], AsyncGenerator[SpeechChunk, None]]

_STOP_TIMEOUT = 1.0  # seconds for a request to end that was cancelled


class RequestStream:
    """The speech of one reply. What `speak` raises ends it, after what was spoken before."""

    def __init__(self, speak: Speak) -> None:
        self._speak = speak
        self._texts: asyncio.Queue[str | None] = asyncio.Queue()  # segments not yet asked for; None: there are no more
        self._spoken: asyncio.Queue[SpeechChunk | BaseException | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._ended = False

    def send(self, text: str) -> None:
        if not self._ended:
            self._put(text)

    def end(self) -> None:
        if not self._ended:
            self._ended = True
            self._put(None)

    async def __aiter__(self) -> AsyncIterator[SpeechChunk]:
        while (item := await self._spoken.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    async def aclose(self) -> None:
        self._ended = True
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_STOP_TIMEOUT)
        while not self._spoken.empty():
            self._spoken.get_nowait()
        self._spoken.put_nowait(None)

    def _put(self, text: str | None) -> None:
        self._texts.put_nowait(text)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="tts")
            self._task.add_done_callback(self._done)

    async def _run(self) -> None:
        while (text := await self._texts.get()) is not None:
            if speakable(text):
                async with aclosing(self._speak(text)) as chunks:
                    async for chunk in chunks:
                        self._spoken.put_nowait(chunk)
            self._spoken.put_nowait(SpeechChunk(b"", last=True))

    def _done(self, task: asyncio.Task[None]) -> None:
        """The stream has ended, or failed: also by what is no ProviderError, or whoever listens would wait for ever."""
        self._ended = True
        self._spoken.put_nowait(None if task.cancelled() else task.exception())


class WholeSamples:
    """Makes whole samples of bytes that were cut anywhere."""

    def __init__(self) -> None:
        self._half = b""

    def feed(self, data: bytes) -> bytes:
        data = self._half + data
        whole = len(data) - len(data) % SAMPLE_BYTES
        self._half = data[whole:]
        return data[:whole]


def speakable(text: str) -> bool:
    """Whether there is anything in it to speak: vendors refuse a request that has nothing but signs."""
    return any(character.isalnum() for character in text)


def blame(error: ProviderError, provider: str, *, elapsed: float | None = None) -> ProviderError:
    """The error, saying whose it is."""
    error.stage, error.provider = "tts", provider
    if elapsed is not None:
        error.elapsed = elapsed
    return error
