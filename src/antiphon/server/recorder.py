"""Calls recorded as Ogg/Opus: the caller on the left, the agent on the right. Needs the `recording` extra.

Both sides are laid on one clock, that of the server: what the caller sends ends where it arrives, what the agent says
begins where it is sent, so a silence between them is as long as the ledger of the turn says. A side that sends nothing
is silent meanwhile. Encoding happens on a thread, a second of audio at a time.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from antiphon.audio.g711 import codec
from antiphon.audio.resample import Resampler
from antiphon.errors import MissingDependency
from antiphon.types import AudioFormat

log = logging.getLogger("antiphon.server")

RATE = 24_000  # Hz
CHUNK = RATE  # samples given to the encoder at a time
SETTLE = RATE // 2  # samples, before now, that either side may still be late with
JITTER = RATE // 10  # samples that audio may come late without there being a pause


# The least effort costs a tenth of the default: 0.2 % of a core a call, which bits make up for.
OPUS = {"compression_level": "0", "application": "audio", "b": "48000", "frame_duration": "60"}


def encoder() -> Any:
    """The library that encodes. Raises MissingDependency."""
    try:
        import av
    except ImportError as error:
        raise MissingDependency("recordings need an encoder: pip install 'antiphon[recording]'") from error
    return av


class OpusFile:
    """Two tracks in an Ogg file. Used from one thread."""

    def __init__(self, path: Path) -> None:
        self._av = encoder()
        self._file = self._av.open(str(path), "w", format="ogg")
        self._stream = self._file.add_stream("libopus", rate=RATE, layout="stereo", options=OPUS)
        self._written = 0  # samples

    def write(self, stereo: Any) -> None:
        """int16, of shape (samples, 2)."""
        frame = self._av.AudioFrame.from_ndarray(stereo.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts = RATE, self._written
        self._written += len(stereo)
        self._file.mux(self._stream.encode(frame))

    def close(self) -> None:
        self._file.mux(self._stream.encode(None))
        self._file.close()


class Recorder:
    """One call's recording. `caller` and `agent` never block; what is lost, when the disk is too slow, is counted."""

    MOST_WAITING = 30  # chunks the encoder may be behind

    def __init__(self, path: Path, executor: ThreadPoolExecutor, *, input: AudioFormat, output: AudioFormat) -> None:
        """Raises MissingDependency. Made inside a running loop, when the call begins."""
        self.path = path
        encoder()
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._sides = (_Side(input, heard=True), _Side(output, heard=False))
        self._written = 0  # samples given to the encoder
        self._file: OpusFile | None = None
        self._waiting = 0
        self.chunks = 0
        self.dropped = 0

    def caller(self, data: bytes) -> None:
        """Audio from the caller, in the input format."""
        self._take(self._sides[0], data)

    def agent(self, data: bytes) -> None:
        """Audio to the caller, in the output format."""
        self._take(self._sides[1], data)

    def configure(self, *, input: AudioFormat) -> None:
        """The caller's format from here on."""
        self._sides[0].decode_as(input)

    async def close(self) -> None:
        """Writes the rest. Returns once the file is whole."""
        end = max(self._now(), *(side.end for side in self._sides))
        self._flush(end)
        await self._loop.run_in_executor(self._executor, self._close)

    def _now(self) -> int:
        return int((self._loop.time() - self._began) * RATE)

    def _take(self, side: _Side, data: bytes) -> None:
        now = self._now()
        side.add(data, now=now, after=self._written)
        if now - SETTLE - self._written >= CHUNK:
            self._flush(now - SETTLE)

    def _flush(self, until: int) -> None:
        """Gives the encoder everything up to a sample."""
        count = until - self._written
        if count <= 0:
            return
        stereo = np.stack([side.cut(self._written, until) for side in self._sides], axis=1)
        self._written = until
        self.chunks += 1
        if self._waiting >= self.MOST_WAITING:
            self.dropped += 1
            return
        self._waiting += 1
        self._loop.run_in_executor(self._executor, self._encode, stereo).add_done_callback(self._encoded)

    def _encoded(self, done: asyncio.Future[None]) -> None:
        self._waiting -= 1
        if not done.cancelled() and (error := done.exception()):
            self.dropped += 1
            log.error("%s: %s", self.path.name, error)

    def _encode(self, stereo: Any) -> None:
        if self._file is None:
            self._file = OpusFile(self.path)
        self._file.write(stereo)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()


class _Side:
    """One speaker's audio that the encoder does not have yet."""

    def __init__(self, audio_format: AudioFormat, *, heard: bool) -> None:
        """`heard`: a piece is over when it comes; else it is about to be."""
        self._heard = heard
        self.end = 0  # the sample after its last
        self._pieces: list[tuple[int, np.ndarray[Any, np.dtype[np.int16]]]] = []  # (first sample, samples)
        self.decode_as(audio_format)

    def decode_as(self, audio_format: AudioFormat) -> None:
        self._decode = codec(audio_format).decode
        self._resample = Resampler(audio_format.sample_rate, RATE)

    def add(self, data: bytes, *, now: int, after: int) -> None:
        """Behind what it said before, or now, whichever is later: a burst is played out, a pause is a pause. Never
        before `after`."""
        samples = np.frombuffer(self._resample.process(self._decode(data)), dtype=np.int16)
        begun = now - len(samples) if self._heard else now
        start = max(after, self.end if begun - self.end < JITTER else begun)
        self._pieces.append((start, samples))
        self.end = start + len(samples)

    def cut(self, start: int, end: int) -> np.ndarray[Any, np.dtype[np.int16]]:
        """Its samples from `start` to `end`, silence where it said nothing; they are forgotten."""
        track = np.zeros(end - start, dtype=np.int16)
        kept = []
        for at, samples in self._pieces:
            first, last = max(at, start), min(at + len(samples), end)
            if first < last:
                track[first - start : last - start] = samples[first - at : last - at]
            if at + len(samples) > end:
                kept.append((at, samples))
        self._pieces = kept
        return track
