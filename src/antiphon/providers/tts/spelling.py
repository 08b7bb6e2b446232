"""Texts in the International Phonetic Alphabet, as espeak-ng would say them: what local models of voices are given.

espeak-ng does it in processes of its own, as when it speaks (see espeak.py for why).
"""

from __future__ import annotations

import asyncio

from antiphon.errors import ProviderError
from antiphon.providers.base import SpeechChunk
from antiphon.providers.tts.espeak_pool import Job, Pool


class Speller:
    """Made with nothing but espeakng-loader installed; raises ImportError without. The process starts when needed."""

    def __init__(self) -> None:
        import espeakng_loader  # only finds the library; the worker loads it

        self._pool = Pool(size=1, library=espeakng_loader.get_library_path(), data=espeakng_loader.get_data_path())

    async def spell(self, text: str, language: str) -> str:
        """`language` is an espeak voice, "en-us". Stress is marked, and the marks that end clauses are kept. Raises
        ProviderError."""
        spelling = _Spelling()
        job = Job(text, language, 0, spelling, spell=True)
        self._pool.submit(job)
        try:
            await spelling.done
        except asyncio.CancelledError:
            self._pool.cancel(job)
            raise
        return job.spelled

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Spelling:
    """Waits for one job."""

    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def spoken(self, chunk: SpeechChunk) -> None:
        if chunk.last and not self.done.done():
            self.done.set_result(None)

    def failed(self, error: ProviderError) -> None:
        if not self.done.done():
            self.done.set_exception(error)
