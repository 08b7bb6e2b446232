"""STTs whose model runs here: threads that transcribe the utterances of all streams, finals before partials."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

from antiphon.errors import ConfigError, Disconnected
from antiphon.providers.base import SttCapabilities, Vad
from antiphon.providers.stt.segmented import Hints, Job, SegmentedStream
from antiphon.providers.stt.utterance import SAMPLE_RATE, Floats, Heard

ModelT = TypeVar("ModelT")


class ThreadedStt(Generic[ModelT]):
    """`threads` is how many transcriptions run at once. A subclass knows its model."""

    weights: tuple[str, ...] = ()

    def __init__(
        self, name: str, *, vad: Vad, vad_threshold: float, partial_every: float | None, threads: int = 1
    ) -> None:
        if threads < 1:
            raise ConfigError(f"{name}: threads must be at least 1, not {threads}")
        self.name = name
        self.capabilities = SttCapabilities(sample_rate=SAMPLE_RATE, partials=partial_every is not None)
        self.vad = vad
        self.vad_threshold = vad_threshold
        self.partial_every = partial_every
        self._model: ModelT | None = None
        self._loading = threading.Lock()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name.partition("/")[0])
        self._free = threads
        self._waiting: deque[Job] = deque()
        self._streams: set[SegmentedStream] = set()
        self._closed = False

    def load(self) -> ModelT:
        """The model, ready to transcribe. Runs in a thread, once."""
        raise NotImplementedError

    def transcribe(self, model: ModelT, audio: Floats, job: Job) -> Heard:
        """Runs in a thread. `audio` is mono at 16 kHz, -1 to 1. May stop in the middle when the job was given up."""
        raise NotImplementedError

    def probe(self, model: ModelT) -> None:
        """Runs the model once, for what it does only the first time."""

    async def warm(self) -> None:
        """Loads the models and runs them once. Raises ModelStoreError when weights were not pulled, MissingDependency
        when a package is not installed."""
        await self.vad.warm()
        await asyncio.get_running_loop().run_in_executor(self._threads, lambda: self.probe(self._loaded()))

    async def open(self, *, keyterms: tuple[str, ...] = (), language: str | None = None) -> SegmentedStream:
        if self._closed:
            raise Disconnected("the provider was closed", stage="stt", provider=self.name)
        if self._model is None:
            await self.warm()
        stream = SegmentedStream(self, Hints(keyterms, language))
        self._streams.add(stream)
        return stream

    async def aclose(self) -> None:
        """Ends every stream and lets go of the model."""
        self._closed = True
        for stream in list(self._streams):
            stream.failed(Disconnected("the provider was closed"))
            self.drop(stream)
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)
        self._model = None

    def submit(self, job: Job) -> None:
        """Queues a transcription: finals before partials, else in the order of their coming. A stream has one partial
        here at most, so that none keeps the others waiting."""
        if job.final:
            at = next((i for i, other in enumerate(self._waiting) if not other.final), len(self._waiting))
            self._waiting.insert(at, job)
        else:
            self._waiting.append(job)
        self._serve()

    def hasten(self, job: Job) -> None:
        """A partial has become a final: if it still waits, it goes before the partials."""
        if job in self._waiting:
            self._waiting.remove(job)
            self.submit(job)

    def give_up(self, job: Job) -> None:
        job.given_up = True

    def drop(self, stream: SegmentedStream) -> None:
        """Forgets a stream that was closed, and all it waits for."""
        self._streams.discard(stream)
        self._waiting = deque(job for job in self._waiting if job.stream is not stream)

    def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while self._free and self._waiting and not self._closed:
            job = self._waiting.popleft()
            if job.given_up:
                continue
            self._free -= 1
            running = loop.run_in_executor(self._threads, self._transcribe, job)
            running.add_done_callback(partial(self._done, job))

    def _done(self, job: Job, future: asyncio.Future[Sequence[Heard]]) -> None:
        self._free += 1
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            job.stream.heard(job, future.result())
        else:
            job.stream.failed(Disconnected(f"the model failed: {error}"))
        self._serve()

    def _transcribe(self, job: Job) -> Sequence[Heard]:
        """Runs in a thread: transcribes the pieces that were not transcribed before."""
        model = self._loaded()
        return [piece.heard or self.transcribe(model, piece.audio, job) for piece in job.snapshot.pieces]

    def _loaded(self) -> ModelT:
        with self._loading:
            if self._model is None:
                self._model = self.load()
            return self._model
