"""Processes that speak, and the queue before them. Each speaks one segment at a time; whoever waits gets the next one.

Frames of a worker are handed on by plain calls as they arrive: no task for a stream or a job. A worker that dies or
hangs fails the one job it had, and another is started for the next.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import struct
import subprocess
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

from antiphon.errors import AtCapacity, Disconnected, ProviderError, ProviderTimeout
from antiphon.providers.base import SpeechChunk, WordTime
from antiphon.providers.tts.espeak_worker import AUDIO, CANCEL, DONE, HEADER, READY, SAY, SPELL, SPELLED, WORDS

log = logging.getLogger(__name__)

_START_TIMEOUT = 10.0  # seconds until a new process must have said that it is ready
_PROGRESS_TIMEOUT = 5.0  # seconds without a frame after which a speaking process is taken to hang
_QUEUE_LIMIT = 32  # segments that may wait; each takes some 10 ms, so this is well under a second


class Listener(Protocol):
    """Who asked for a job. Neither method may raise; nothing comes after a `last` chunk or a failure."""

    def spoken(self, chunk: SpeechChunk) -> None: ...

    def failed(self, error: ProviderError) -> None: ...


@dataclass(eq=False, slots=True)
class Job:
    """One segment to speak, or only to spell: then its last chunk has no audio. `rate` is in words a minute."""

    text: str
    voice: str
    rate: int
    listener: Listener
    phonemes: bool = False  # [[…]] is spoken as phonemes
    spell: bool = False  # it is to be written in the International Phonetic Alphabet, and not spoken
    spelled: str = ""  # that
    number: int = 0  # given by the pool, rising
    words: list[WordTime] = field(default_factory=list)  # come before the audio they belong to
    cancelled: bool = False

    def order(self) -> bytes:
        voice = self.voice.replace("\0", "").encode("utf-8", "replace")
        text = self.text.replace("\0", " ").encode("utf-8", "replace")
        how = b"" if self.spell else struct.pack("<H?", self.rate, self.phonemes)
        return how + voice + b"\0" + text


class Pool:
    """At most `size` processes, started when first needed."""

    def __init__(self, *, size: int, library: str, data: str) -> None:
        self._command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("espeak_worker.py")), library, data]
        self._size = size
        self._waiting: deque[Job] = deque()
        self._workers: set[Worker] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Future[int]] = set()
        self._numbers = itertools.count(1)
        self._closed = False
        self.unknown_voices: set[str] = set()
        self.sample_rate = 0  # known once a worker is ready

    @property
    def pids(self) -> list[int]:
        """The processes that are running now."""
        return [worker.process.pid for worker in self._workers if worker.process]

    def submit(self, job: Job) -> None:
        """Speaks `job` when its turn comes; what becomes of it is told to its listener."""
        job.number = next(self._numbers)
        if self._closed:
            job.listener.failed(Disconnected("the speech processes have been stopped"))
        elif len(self._waiting) >= _QUEUE_LIMIT:
            job.listener.failed(AtCapacity(f"{_QUEUE_LIMIT} segments wait for {self._size} speech processes already"))
        else:
            self._waiting.append(job)
            self._serve()

    def cancel(self, job: Job) -> None:
        """Stops `job` at once, or takes it out of the queue. Its listener hears no more of it."""
        job.cancelled = True
        if job in self._waiting:
            self._waiting.remove(job)
        for worker in self._workers:
            if worker.job is job:
                worker.stop(job)

    async def aclose(self) -> None:
        """Ends every process and waits until it is gone. Those that are just starting are waited for first."""
        self._closed = True
        await asyncio.gather(*self._starting)
        workers = list(self._workers)
        for worker in workers:
            worker.close()
        await asyncio.gather(*(worker.gone for worker in workers))
        await asyncio.gather(*self._ending)

    def voice_unknown(self, voice: str) -> None:
        if voice not in self.unknown_voices:
            self.unknown_voices.add(voice)
            log.debug("espeak has no voice %r; the default one speaks instead", voice)

    def _serve(self) -> None:
        if self._closed:
            return self._refuse_all()
        for worker in self._workers:
            if worker.job is None and self._waiting:
                worker.begin(self._waiting.popleft())
        wanted = min(len(self._waiting), self._size - len(self._workers))
        for _ in range(wanted - len(self._starting)):
            task = asyncio.get_running_loop().create_task(self._start())
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        worker = Worker(self)
        ours, theirs = socket.socketpair()
        try:
            worker.process = await loop.run_in_executor(None, _spawn, self._command, theirs)
            theirs.close()
            await loop.create_connection(lambda: worker, sock=ours)
            await asyncio.wait_for(worker.ready, _START_TIMEOUT)
        except (OSError, TimeoutError, ProviderError) as error:
            theirs.close()
            worker.close(ours)
            self._refuse(Disconnected(f"a speech process did not start: {error}"))
        else:
            self._workers.add(worker)
        self._serve()

    def _refuse(self, error: ProviderError) -> None:
        if self._waiting:
            self._waiting.popleft().listener.failed(error)

    def _refuse_all(self) -> None:
        while self._waiting:
            self._refuse(Disconnected("the speech processes have been stopped"))

    def job_over(self) -> None:
        self._serve()

    def worker_gone(self, worker: Worker) -> None:
        self._workers.discard(worker)
        if worker.process is None:
            return
        ending = asyncio.get_running_loop().run_in_executor(None, _reap, worker.process)
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        self._serve()


class Worker(asyncio.Protocol):
    """Our end of one process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.process: subprocess.Popen[bytes] | None = None  # until it is spawned
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._watchdog: asyncio.TimerHandle | None = None
        self._progress = False  # a frame came since the watchdog last looked
        self._hung = False
        self.job: Job | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def begin(self, job: Job) -> None:
        self.job = job
        self._write(SPELL if job.spell else SAY, job.number, job.order())
        self._watchdog = asyncio.get_running_loop().call_later(_PROGRESS_TIMEOUT, self._check)

    def stop(self, job: Job) -> None:
        self._write(CANCEL, job.number)  # the process answers DONE, and is free again

    def close(self, link: socket.socket | None = None) -> None:
        """Cuts the connection, which ends the process. `link` is the socket while there is no connection over it."""
        if self._transport is not None:
            self._transport.abort()
        elif link is not None:
            link.close()
            self._pool.worker_gone(self)

    def _write(self, kind: int, job: int, rest: bytes = b"") -> None:
        if self._transport is not None:
            self._transport.write(HEADER.pack(kind, job, len(rest)) + rest)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._progress = True
        at = 0
        while len(self._received) - at >= HEADER.size:
            kind, _job, length = HEADER.unpack_from(self._received, at)
            end = at + HEADER.size + length
            if len(self._received) < end:
                break
            self._frame(kind, bytes(self._received[at + HEADER.size : end]))
            at = end
        del self._received[:at]

    def _frame(self, kind: int, rest: bytes) -> None:
        job = self.job
        if kind == READY:
            self._pool.sample_rate = int.from_bytes(rest, "little")
            if not self.ready.done():
                self.ready.set_result(None)
        elif job is None:
            return
        elif kind == WORDS:
            job.words += [WordTime(char, start) for char, start in struct.iter_unpack("<II", rest)]
        elif kind == AUDIO:
            self._tell(job, SpeechChunk(rest, tuple(job.words)))
            job.words.clear()
        elif kind == SPELLED:
            job.spelled = rest.decode()
        elif kind == DONE:
            self._done(job, unknown_voice=rest == b"\1")

    def _done(self, job: Job, *, unknown_voice: bool) -> None:
        self._free()
        if unknown_voice:
            self._pool.voice_unknown(job.voice)
        self._tell(job, SpeechChunk(b"", tuple(job.words), last=True))
        self._pool.job_over()

    def _tell(self, job: Job, chunk: SpeechChunk) -> None:
        if not job.cancelled:
            job.listener.spoken(chunk)

    def _check(self) -> None:
        if self._progress:
            self._progress = False
            self._watchdog = asyncio.get_running_loop().call_later(_PROGRESS_TIMEOUT, self._check)
        else:
            self._hung = True
            self.close()

    def _free(self) -> None:
        self.job = None
        self._progress = False
        if self._watchdog is not None:
            self._watchdog.cancel()

    def connection_lost(self, error: Exception | None) -> None:
        job = self.job
        self._free()
        if not self.ready.done():
            self.ready.set_exception(Disconnected("it ended at once"))
        if job is not None and not job.cancelled:
            job.listener.failed(
                ProviderTimeout(f"a speech process was silent for {_PROGRESS_TIMEOUT:g} s and was stopped")
                if self._hung
                else Disconnected("the speech process ended while it spoke")
            )
        self._pool.worker_gone(self)
        self.gone.set_result(None)


def _spawn(command: list[str], link: socket.socket) -> subprocess.Popen[bytes]:
    # In a session of its own a Ctrl-C of the terminal does not reach it; it ends with its socket.
    return subprocess.Popen(command, stdin=link.fileno(), stdout=subprocess.DEVNULL, start_new_session=True)


def _reap(process: subprocess.Popen[bytes]) -> int:
    process.kill()
    return process.wait()
