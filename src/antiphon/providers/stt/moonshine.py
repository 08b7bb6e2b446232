"""Speech to text by Moonshine tiny (English), on one CPU thread: partials while the caller speaks, a final on demand.

A stream keeps the open utterance and transcribes it anew every 0.2 s while there is speech in it. When `finalize` comes
after a short pause, the last partial has heard all there is, and is the final: it costs nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from antiphon.errors import ConfigError, Disconnected, ProviderError
from antiphon.providers import models
from antiphon.providers.base import SttCapabilities, Transcript
from antiphon.providers.stt.moonshine_model import SAMPLE_RATE, Heard, MoonshineModel
from antiphon.providers.stt.utterance import Piece, Snapshot, Utterance
from antiphon.providers.vad.silero import WINDOW, Silero

_PARTIAL_EVERY = int(0.2 * SAMPLE_RATE)  # samples of new audio between two partials
_MODELS = {"": "moonshine-tiny-en", "tiny": "moonshine-tiny-en", "tiny-en": "moonshine-tiny-en"}


@dataclass(eq=False, slots=True)
class _Job:
    """One transcription. `given_up` is read in the worker's thread between two tokens."""

    stream: MoonshineStream
    utterance: int
    snapshot: Snapshot
    final: bool
    given_up: bool = False


class Moonshine:
    """The STT named "moonshine": `model` is "tiny" or empty.

    `threads` is how many transcriptions run at once, one thread each. `vad_threshold` is the probability from which a
    window counts as speech for it: what is below is never transcribed.
    """

    weights = ("moonshine-tiny-en", "silero-vad")

    def __init__(self, model: str = "", *, threads: int = 1, vad_threshold: float = 0.4) -> None:
        if model not in _MODELS:
            raise ConfigError(f"moonshine has no model {model!r}; there is: tiny")
        if threads < 1:
            raise ConfigError(f"moonshine: threads must be at least 1, not {threads}")
        models.path(_MODELS[model])  # what is not installed is missed here rather than in the middle of a call
        self.name = "moonshine/tiny"
        self.capabilities = SttCapabilities(sample_rate=SAMPLE_RATE, partials=True)
        self.vad_threshold = vad_threshold
        self.vad = Silero()
        self._weights = _MODELS[model]
        self._model: MoonshineModel | None = None
        self._loading = threading.Lock()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="moonshine")
        self._free = threads
        self._waiting: deque[_Job] = deque()
        self._streams: set[MoonshineStream] = set()
        self._closed = False

    async def warm(self) -> None:
        """Loads the models and runs them once. Raises ModelStoreError when the VAD's weights were not pulled,
        MissingDependency when the package that carries the model is not installed."""
        await self.vad.warm()
        probe = np.zeros(SAMPLE_RATE // 2, dtype=np.float32)
        await asyncio.get_running_loop().run_in_executor(self._threads, lambda: self._load().transcribe(probe))

    async def open(self, *, keyterms: tuple[str, ...] = (), language: str | None = None) -> MoonshineStream:
        """`keyterms` and `language` are not used: the model knows English only and takes no hints."""
        if self._model is None:
            await self.warm()
        stream = MoonshineStream(self)
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

    def submit(self, job: _Job) -> None:
        """Queues a transcription: finals before partials, else in the order of their coming. A stream has one partial
        here at most, so that none keeps the others waiting."""
        if job.final:
            at = next((i for i, other in enumerate(self._waiting) if not other.final), len(self._waiting))
            self._waiting.insert(at, job)
        else:
            self._waiting.append(job)
        self._serve()

    def hasten(self, job: _Job) -> None:
        """A partial has become a final: if it still waits, it goes before the partials."""
        if job in self._waiting:
            self._waiting.remove(job)
            self.submit(job)

    def drop(self, stream: MoonshineStream) -> None:
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

    def _done(self, job: _Job, future: asyncio.Future[list[Heard]]) -> None:
        self._free += 1
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            job.stream.heard(job, future.result())
        else:
            job.stream.failed(Disconnected(f"the model failed: {error}"))
        self._serve()

    def _transcribe(self, job: _Job) -> list[Heard]:
        """Runs in a thread: transcribes the pieces that were not transcribed before."""
        model = self._load()
        return [piece.heard or model.transcribe(piece.audio, lambda: job.given_up) for piece in job.snapshot.pieces]

    def _load(self) -> MoonshineModel:
        with self._loading:
            if self._model is None:
                self._model = MoonshineModel(models.path(self._weights))
            return self._model


class MoonshineStream:
    """One call's audio."""

    def __init__(self, moonshine: Moonshine) -> None:
        self._moonshine = moonshine
        self._vad = moonshine.vad.open()
        self._pending = b""  # audio of the window not yet full
        self._utterance = Utterance(0, moonshine.vad_threshold)
        self._partial: _Job | None = None  # waiting or running
        self._since = 0  # samples of audio since the speech began or the last partial was asked for
        self._last: tuple[Snapshot, str] | None = None  # the newest snapshot of the open utterance that was transcribed
        self._transcripts: asyncio.Queue[Transcript | ProviderError | None] = asyncio.Queue()
        self._closed = False

    def send(self, pcm: bytes) -> None:
        if self._closed:
            return
        self._pending += pcm
        size = 2 * WINDOW
        whole = len(self._pending) // size * size
        windows, self._pending = self._pending[:whole], self._pending[whole:]
        for at, probability in enumerate(self._vad.feed(windows)):
            self._utterance.add(np.frombuffer(windows, "<i2", WINDOW, at * size), probability)
            self._since = self._since + WINDOW if self._utterance.begun else 0
        if windows:
            self._ask_partial()

    def finalize(self) -> None:
        if self._closed:
            return
        snapshot = self._utterance.snapshot()
        if not self._utterance.begun:
            self._emit("", self._utterance.number, final=True)
        elif self._covers(self._last and self._last[0], snapshot):
            self._emit(self._last[1] if self._last else "", self._utterance.number, final=True)
        elif self._partial is not None and self._covers(self._partial.snapshot, snapshot):
            self._promote(self._partial)
        else:
            if self._partial is not None:
                self._partial.given_up = True
                self._partial = None
            self._moonshine.submit(_Job(self, self._utterance.number, snapshot, final=True))

    def reset(self) -> None:
        if self._partial is not None:
            self._partial.given_up = True
            self._partial = None
        self._utterance = Utterance(self._utterance.number + 1, self._moonshine.vad_threshold)
        self._last, self._since = None, 0

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        while (item := await self._transcripts.get()) is not None:
            if isinstance(item, ProviderError):
                raise item
            yield item

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._moonshine.drop(self)
            self._transcripts.put_nowait(None)
        if self._partial is not None:
            self._partial.given_up = True

    def _ask_partial(self) -> None:
        """Asks for a partial if there is speech that no partial has heard, or has heard the end of."""
        utterance = self._utterance
        if self._partial is not None or not utterance.begun:
            return
        last = self._last[0] if self._last else None
        new = last is None or last.speech < utterance.speech
        ended = utterance.settled and last is not None and not last.settled
        if (new and (self._since >= _PARTIAL_EVERY or utterance.settled)) or ended:
            self._since = 0
            self._partial = _Job(self, utterance.number, utterance.snapshot(), final=False)
            self._moonshine.submit(self._partial)

    def _promote(self, job: _Job) -> None:
        """The partial under way will do as the final."""
        job.final = True
        self._partial = None
        self._moonshine.hasten(job)

    @staticmethod
    def _covers(earlier: Snapshot | None, now: Snapshot) -> bool:
        return earlier is not None and earlier.speech == now.speech and (earlier.settled or not now.settled)

    def heard(self, job: _Job, heard: list[Heard]) -> None:
        """From the provider: a transcription has ended."""
        if job is self._partial:
            self._partial = None
        if self._closed or job.given_up:
            return
        _keep(job.snapshot.pieces, heard)
        text = " ".join(part.text for part in heard if part.plausible and part.text)
        current = job.utterance == self._utterance.number
        changed = not (current and self._last and self._last[1] == text)
        if current:
            self._last = (job.snapshot, text)
        if job.final or (text and changed):
            self._emit(text, job.utterance, final=job.final)
        if current:
            self._ask_partial()

    def failed(self, error: ProviderError) -> None:
        """From the provider: nothing more will come."""
        if self._partial is not None:
            self._partial.given_up = True
        if not self._closed:
            self._closed = True
            error.stage, error.provider = "stt", self._moonshine.name
            self._transcripts.put_nowait(error)

    def _emit(self, text: str, utterance: int, *, final: bool) -> None:
        self._transcripts.put_nowait(Transcript(text, utterance, final=final))


def _keep(pieces: tuple[Piece, ...], heard: list[Heard]) -> None:
    for piece, text in zip(pieces, heard, strict=True):
        if piece.closed:
            piece.heard = text
            piece.audio = piece.audio[:0]
