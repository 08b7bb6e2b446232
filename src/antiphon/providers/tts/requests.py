"""The stream of a vendor that is asked for each segment by a request of its own: one after the other, in one task, so
that text which was not yet asked for costs nothing when the reply is interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

from antiphon.providers.base import SpeechChunk
from antiphon.providers.tts.speech import NOTHING_SPOKEN, Outlet, speakable

# The audio of one segment as it comes, its end left out. Leaving the generator stops the vendor.
Speak = Callable[[str], AsyncGenerator[SpeechChunk, None]]

_STOP_TIMEOUT = 1.0  # seconds for a request to end that was cancelled


class RequestStream:
    """The speech of one reply. What `speak` raises ends it, after what was spoken before."""

    def __init__(self, speak: Speak) -> None:
        self._speak = speak
        self._texts: asyncio.Queue[str | None] = asyncio.Queue()  # segments not yet asked for; None: there are no more
        self._spoken = Outlet()
        self._task: asyncio.Task[None] | None = None
        self._ended = False

    def send(self, text: str) -> None:
        if not self._ended:
            self._put(text)

    def end(self) -> None:
        if not self._ended:
            self._ended = True
            self._put(None)

    def __aiter__(self) -> AsyncIterator[SpeechChunk]:
        return aiter(self._spoken)

    async def aclose(self) -> None:
        self._ended = True
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_STOP_TIMEOUT)
        self._spoken.close()

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
                        self._spoken.put(chunk)
            self._spoken.put(NOTHING_SPOKEN)

    def _done(self, task: asyncio.Task[None]) -> None:
        """It has ended, or failed: also by what is no ProviderError, or whoever listens would wait for ever."""
        self._ended = True
        self._spoken.finish(None if task.cancelled() else task.exception())
