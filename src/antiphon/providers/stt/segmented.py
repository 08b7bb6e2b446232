"""A stream for models that transcribe a whole utterance at a time: voice activity tells what is worth transcribing, and
the open utterance is transcribed anew while the caller speaks, where the model is quick enough for that.

When `finalize` comes after a short pause, the last partial has heard all there is, and is the final: it costs nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from antiphon.errors import ProviderError
from antiphon.providers.base import Transcript, Vad
from antiphon.providers.stt.utterance import SAMPLE_RATE, WINDOW, Heard, Piece, Snapshot, Utterance

_AT_ONCE = 2 * SAMPLE_RATE // 2  # bytes: half a second of audio, which keeps the event loop busy for 3 ms


@dataclass(frozen=True, slots=True)
class Hints:
    """What the caller may say, and in which language; of use to the models that take hints."""

    keyterms: tuple[str, ...] = ()
    language: str | None = None


@dataclass(eq=False, slots=True)
class Job:
    """One transcription. `given_up` may be read in a worker's thread: nobody waits for the result any more."""

    stream: SegmentedStream
    utterance: int
    snapshot: Snapshot
    final: bool
    given_up: bool = False


class Transcriber(Protocol):
    """What runs the transcriptions of all streams. Each job ends in a call of its stream's `heard` or `failed`."""

    name: str
    vad: Vad
    vad_threshold: float  # the probability from which a window counts as speech
    partial_every: float | None  # seconds of new speech between two partials; None: no partials

    def submit(self, job: Job) -> None: ...

    def hasten(self, job: Job) -> None:
        """A partial has become a final."""

    def give_up(self, job: Job) -> None:
        """Nobody waits for it any more: sets its `given_up`."""

    def drop(self, stream: SegmentedStream) -> None:
        """The stream was closed: nothing it waits for is wanted."""


class SegmentedStream:
    """One call's audio."""

    def __init__(self, transcriber: Transcriber, hints: Hints) -> None:
        self.hints = hints
        self._transcriber = transcriber
        self._vad = transcriber.vad.open()
        every = transcriber.partial_every
        self._every = None if every is None else int(every * SAMPLE_RATE)  # samples
        self._pending = b""  # audio of the window not yet full
        self._backlog: deque[Callable[[], None]] = deque()  # what much audio at once has put off
        self._utterance = Utterance(0, transcriber.vad_threshold)
        self._partial: Job | None = None  # waiting or running
        self._since = 0  # samples of audio since the speech began or the last partial was asked for
        self._last: tuple[Snapshot, str] | None = None  # the newest snapshot of the open utterance that was transcribed
        self._transcripts: asyncio.Queue[Transcript | ProviderError | None] = asyncio.Queue()
        self._closed = False

    def send(self, pcm: bytes) -> None:
        if self._closed:
            return
        if len(pcm) <= _AT_ONCE and not self._backlog:
            self._listen(pcm)
            return
        for at in range(0, len(pcm), _AT_ONCE):
            self._later(partial(self._listen, pcm[at : at + _AT_ONCE]))

    def finalize(self) -> None:
        if self._backlog:
            self._later(self._finalize)
        elif not self._closed:
            self._finalize()

    def reset(self) -> None:
        self._backlog.clear()
        self._give_up_partial()
        self._utterance = Utterance(self._utterance.number + 1, self._transcriber.vad_threshold)
        self._last, self._since = None, 0

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        while not (self._closed and self._transcripts.empty()):
            item = await self._transcripts.get()
            if isinstance(item, ProviderError):
                raise item
            if item:
                yield item

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._transcriber.drop(self)
            self._transcripts.put_nowait(None)
        self._give_up_partial()

    def _later(self, step: Callable[[], None]) -> None:
        """Does it after what is in the backlog, and gives the event loop's others a turn before it."""
        if not self._backlog:
            asyncio.get_running_loop().call_soon(self._work)
        self._backlog.append(step)

    def _work(self) -> None:
        if self._backlog and not self._closed:
            self._backlog.popleft()()
        if self._backlog and not self._closed:
            asyncio.get_running_loop().call_soon(self._work)

    def _listen(self, pcm: bytes) -> None:
        self._pending += pcm
        size = 2 * WINDOW
        whole = len(self._pending) // size * size
        windows, self._pending = self._pending[:whole], self._pending[whole:]
        for at, probability in enumerate(self._vad.feed(windows)):
            self._utterance.add(np.frombuffer(windows, "<i2", WINDOW, at * size), probability)
            self._since = self._since + WINDOW if self._utterance.begun else 0
        if windows:
            self._ask_partial()

    def _finalize(self) -> None:
        snapshot = self._utterance.snapshot()
        if not self._utterance.begun:
            self._emit("", self._utterance.number, final=True)
        elif self._covers(self._last and self._last[0], snapshot):
            self._emit(self._last[1] if self._last else "", self._utterance.number, final=True)
        elif self._partial is not None and self._covers(self._partial.snapshot, snapshot):
            self._promote(self._partial)
        else:
            self._give_up_partial()
            self._transcriber.submit(Job(self, self._utterance.number, snapshot, final=True))

    def _ask_partial(self) -> None:
        """Asks for a partial if there is speech that no partial has heard, or has heard the end of."""
        utterance = self._utterance
        if self._partial is not None or not utterance.begun or self._every is None:
            return
        last = self._last[0] if self._last else None
        new = last is None or last.speech < utterance.speech
        ended = utterance.settled and last is not None and not last.settled
        if (new and (self._since >= self._every or utterance.settled)) or ended:
            self._since = 0
            self._partial = Job(self, utterance.number, utterance.snapshot(), final=False)
            self._transcriber.submit(self._partial)

    def _give_up_partial(self) -> None:
        if self._partial is not None:
            self._transcriber.give_up(self._partial)
            self._partial = None

    def _promote(self, job: Job) -> None:
        """The partial under way will do as the final."""
        job.final = True
        self._partial = None
        self._transcriber.hasten(job)

    @staticmethod
    def _covers(earlier: Snapshot | None, now: Snapshot) -> bool:
        return earlier is not None and earlier.speech == now.speech and (earlier.settled or not now.settled)

    def heard(self, job: Job, heard: Sequence[Heard]) -> None:
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

    def missed(self, job: Job) -> None:
        """From the provider: a partial has failed; the final will tell whether that matters."""
        if job is self._partial:
            self._partial = None

    def failed(self, error: ProviderError) -> None:
        """From the provider: nothing more will come."""
        self._give_up_partial()
        if not self._closed:
            self._closed = True
            error.stage, error.provider = "stt", self._transcriber.name
            self._transcripts.put_nowait(error)

    def _emit(self, text: str, utterance: int, *, final: bool) -> None:
        self._transcripts.put_nowait(Transcript(text, utterance, final=final))


def _keep(pieces: tuple[Piece, ...], heard: Sequence[Heard]) -> None:
    for piece, text in zip(pieces, heard, strict=True):
        if piece.closed:
            piece.heard = text
            piece.audio = piece.audio[:0]
