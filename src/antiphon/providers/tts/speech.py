"""What the streams of all vendors of voices share: the way out of a stream, and whole samples."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.providers.base import SpeechChunk

NOTHING_SPOKEN = SpeechChunk(b"", last=True)  # a segment that has nothing to speak, or the end of one


class Outlet:
    """The chunks of one stream, for whoever iterates over it. Its end and its failure come after what was put before;
    then nothing can be added any more."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[SpeechChunk | BaseException | None] = asyncio.Queue()
        self.over = False  # the end was put

    def put(self, chunk: SpeechChunk) -> None:
        if not self.over:
            self._waiting.put_nowait(chunk)

    def finish(self, error: BaseException | None = None) -> None:
        if not self.over:
            self.over = True
            self._waiting.put_nowait(error)

    def close(self) -> None:
        """The end, at once: what waits is dropped."""
        self.over = True
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[SpeechChunk]:
        while (item := await self._waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item


class WholeSamples:
    """Makes whole samples of bytes that were cut anywhere."""

    def __init__(self) -> None:
        self._half = b""

    def feed(self, data: bytes) -> bytes:
        if self._half:
            data = self._half + data
        whole = len(data) - len(data) % SAMPLE_BYTES
        self._half = data[whole:]
        return data[:whole]


def speakable(text: str) -> bool:
    """Whether there is anything in it to speak: vendors refuse a request that has nothing but signs."""
    return any(character.isalnum() for character in text)
