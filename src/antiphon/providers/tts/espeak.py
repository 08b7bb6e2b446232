"""Text to speech by espeak-ng: small, instant, with word times, in a hundred languages, and plainly synthetic.

It speaks in processes of its own (espeak_worker.py): its library is one global state, and it is under the GPL, which
is why it comes with the `local` extra and is never loaded into this process.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from antiphon.errors import ConfigError, ProviderError
from antiphon.providers.base import SpeechChunk, TtsCapabilities
from antiphon.providers.tts.espeak_pool import Job, Pool
from antiphon.providers.tts.espeak_worker import DEFAULT_VOICE

SAMPLE_RATE = 22_050  # Hz, the only one espeak-ng has
_RATES = range(80, 451)  # words a minute


class Espeak:
    """The TTS named "espeak". `model` is the voice spoken with when a stream names none, "en-us" where it is empty.

    `rate` is in words a minute, `workers` the number of processes: each speaks one segment at a time, at more than a
    hundred times the speed of speech. A voice espeak does not know is spoken with the default one. With `phonemes`,
    what stands in [[double brackets]] is spoken as espeak-ng's phonemes: for sounds that have no spelling.
    """

    weights: tuple[str, ...] = ()  # the voices come with the package

    def __init__(self, model: str = "", *, rate: int = 170, workers: int = 1, phonemes: bool = False) -> None:
        import espeakng_loader  # only finds the library; the worker loads it

        if rate not in _RATES:
            raise ConfigError(f"espeak: rate must be {_RATES.start} to {_RATES.stop - 1} words a minute, not {rate}")
        if workers < 1:
            raise ConfigError(f"espeak: workers must be at least 1, not {workers}")
        self.voice = model or DEFAULT_VOICE
        self.name = f"espeak/{self.voice}"
        self.capabilities = TtsCapabilities(sample_rates=(SAMPLE_RATE,), word_times=True)
        self.rate = rate
        self.phonemes = phonemes
        self.pool = Pool(size=workers, library=espeakng_loader.get_library_path(), data=espeakng_loader.get_data_path())

    async def warm(self) -> None:
        """Starts a process and has it speak a word. Raises Disconnected when that fails."""
        stream = self.open(sample_rate=SAMPLE_RATE)
        stream.send("ready")
        stream.end()
        async for _ in stream:
            pass

    def open(self, *, sample_rate: int, voice: str | None = None) -> EspeakStream:
        return EspeakStream(self, voice or self.voice)

    async def aclose(self) -> None:
        """Ends the processes. Streams still open fail with Disconnected."""
        await self.pool.aclose()


class EspeakStream:
    """The speech of one reply. One segment of it is in the pool's queue at a time, so that long replies do not keep
    others waiting."""

    def __init__(self, espeak: Espeak, voice: str) -> None:
        self._espeak = espeak
        self._voice = voice
        self._texts: deque[str] = deque()  # segments not yet given to the pool
        self._job: Job | None = None  # the segment being spoken, or waiting for a process
        self._began = 0.0  # loop time, seconds, when `_job` was submitted
        self._ended = False
        self._closed = False
        self._spoken: asyncio.Queue[SpeechChunk | ProviderError | None] = asyncio.Queue()

    def send(self, text: str) -> None:
        if not self._ended:
            self._texts.append(text)
            self._advance()

    def end(self) -> None:
        self._ended = True
        self._advance()

    async def __aiter__(self) -> AsyncIterator[SpeechChunk]:
        while (item := await self._spoken.get()) is not None:
            if isinstance(item, ProviderError):
                raise item
            yield item

    async def aclose(self) -> None:
        self._closed = self._ended = True
        self._texts.clear()
        if self._job is not None:
            self._espeak.pool.cancel(self._job)
            self._job = None
        while not self._spoken.empty():
            self._spoken.get_nowait()
        self._spoken.put_nowait(None)

    def _advance(self) -> None:
        """Gives the pool the next segment, or ends the stream after the last."""
        if self._job is not None or self._closed:
            return
        if self._texts:
            text, espeak = self._texts.popleft(), self._espeak
            self._job = Job(text, self._voice, espeak.rate, self, phonemes=espeak.phonemes)
            self._began = asyncio.get_running_loop().time()
            self._espeak.pool.submit(self._job)
        elif self._ended:
            self._spoken.put_nowait(None)

    def spoken(self, chunk: SpeechChunk) -> None:
        """From the pool: a piece of the present segment."""
        self._spoken.put_nowait(chunk)
        if chunk.last:
            self._job = None
            self._advance()

    def failed(self, error: ProviderError) -> None:
        """From the pool: the present segment will not be spoken. It ends the stream."""
        error.stage, error.provider = "tts", self._espeak.name
        error.elapsed = asyncio.get_running_loop().time() - self._began
        self._closed, self._job = True, None
        self._spoken.put_nowait(error)
