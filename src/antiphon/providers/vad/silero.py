"""Voice activity by Silero: a small recurrent network on onnxruntime, one run per 32 ms window.

The network takes a window of 512 samples at 16 kHz with the 64 samples before it, and a state that belongs to one
stream of audio. Its weights and its session are shared by all streams of a process; `Silero.feed_many` runs the
windows of many streams as one batch, which costs half as much. What is submitted is gathered for that: a batch is run
at most every 8 ms, so the audio of a few streams never waits, and that of many waits 4 ms on average.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from antiphon.providers import models

if TYPE_CHECKING:
    import onnxruntime

Floats = npt.NDArray[np.float32]

WINDOW = 512  # samples, 32 ms
_CONTEXT = 64  # samples of the window before, which the network sees again
_RATE = np.array(16_000, dtype=np.int64)

# Below this level, in steps of 16 bits (-70 dBFS), a window is silence without asking the network.
_SILENCE_RMS = 10.0
# The network still sees this many silent windows (0.26 s), so that the state it is left in is that of silence.
_SETTLE = 8
_BATCH_EVERY = 0.008  # seconds


class SileroStream:
    """One call's detector. Not to be fed from two threads at once."""

    def __init__(self, silero: Silero) -> None:
        self._silero = silero
        self.reset()

    def feed(self, pcm: bytes) -> list[float]:
        """Takes 16-bit mono at 16 kHz; returns the probability of speech of each window completed by it."""
        return self._silero.feed_many([(self, pcm)])[0]

    def submit(self, pcm: bytes, done: Callable[[list[float]], None]) -> None:
        """Like `feed`, together with other streams of the event loop; `done` is called within 8 ms."""
        self._silero.submit(self, pcm, done)

    def completes(self, pcm: bytes) -> bool:
        """Whether a window would be full with this audio."""
        return len(self._pending) + len(pcm) // 2 >= WINDOW

    def reset(self) -> None:
        """Forgets everything heard so far."""
        self._pending = np.zeros(0, dtype=np.int16)  # samples of the window not yet full
        self.context: Floats = np.zeros(_CONTEXT, dtype=np.float32)
        self.state: Floats = np.zeros((2, 1, 128), dtype=np.float32)
        self.silent = 0  # silent windows in a row

    def split(self, pcm: bytes) -> list[npt.NDArray[np.int16]]:
        """Adds audio and takes out the windows that are full."""
        samples = np.frombuffer(pcm, dtype="<i2")
        if len(self._pending):
            samples = np.concatenate((self._pending, samples))
        full = len(samples) // WINDOW
        self._pending = samples[full * WINDOW :].copy()
        return [samples[i * WINDOW : (i + 1) * WINDOW] for i in range(full)]

    def prepare(self, window: npt.NDArray[np.int16]) -> Floats | None:
        """The network's input for one window, shape (576,); None for silence that it need not see."""
        scaled = window.astype(np.float32)
        quiet = float(np.dot(scaled, scaled)) < _SILENCE_RMS * _SILENCE_RMS * WINDOW
        self.silent = self.silent + 1 if quiet else 0
        scaled *= 1 / 32768
        heard = np.concatenate((self.context, scaled))
        self.context = scaled[-_CONTEXT:]
        return None if self.silent > _SETTLE else heard


class Silero:
    """The VAD named "silero". It takes no model and no options."""

    weights = ("silero-vad",)  # what the model store must hold

    def __init__(self, model: str = "") -> None:
        if model:
            raise TypeError(f"silero has no model {model!r}")
        self.name = "silero"
        self._session: onnxruntime.InferenceSession | None = None
        self._loading = threading.Lock()
        self._gathered: dict[SileroStream, tuple[bytes, Callable[[list[float]], None]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None  # in which they were
        self._batched_at = 0.0  # that loop's time

    async def warm(self) -> None:
        """Loads the network and runs it once. Raises ModelStoreError when its weights were not pulled."""
        await asyncio.get_running_loop().run_in_executor(None, self._probe)

    def open(self) -> SileroStream:
        self._load()
        return SileroStream(self)

    def submit(self, stream: SileroStream, pcm: bytes, done: Callable[[list[float]], None]) -> None:
        """As the stream's own `submit`."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._batched_at = loop, 0.0
            self._gathered.clear()
        if waiting := self._gathered.get(stream):
            pcm = waiting[0] + pcm
        elif not stream.completes(pcm):
            done(stream.feed(pcm))
            return
        if not self._gathered:
            loop.call_at(max(loop.time(), self._batched_at + _BATCH_EVERY), self._run_gathered)
        self._gathered[stream] = pcm, done

    def _run_gathered(self) -> None:
        gathered, self._gathered = self._gathered, {}
        self._batched_at = asyncio.get_running_loop().time()
        results = self.feed_many([(stream, pcm) for stream, (pcm, _) in gathered.items()])
        for (_, done), probabilities in zip(gathered.values(), results, strict=True):
            done(probabilities)

    def feed_many(self, fed: Sequence[tuple[SileroStream, bytes]]) -> list[list[float]]:
        """Like `feed` of each stream, but the windows of all streams go through the network together. A stream may
        appear once. The results come in the order given."""
        windows = [stream.split(pcm) for stream, pcm in fed]
        results: list[list[float]] = [[] for _ in fed]
        for turn in range(max(map(len, windows), default=0)):
            batch: list[tuple[int, Floats]] = []
            for at, (stream, _) in enumerate(fed):
                if turn >= len(windows[at]):
                    continue
                if (heard := stream.prepare(windows[at][turn])) is None:
                    results[at].append(0.0)
                else:
                    batch.append((at, heard))
            for (at, _), probability in zip(batch, self._run([fed[at][0] for at, _ in batch], batch), strict=True):
                results[at].append(probability)
        return results

    def _run(self, streams: list[SileroStream], batch: list[tuple[int, Floats]]) -> list[float]:
        if not streams:
            return []
        one = len(streams) == 1
        heard = batch[0][1][None] if one else np.stack([heard for _, heard in batch])
        state = streams[0].state if one else np.concatenate([stream.state for stream in streams], axis=1)
        outputs: list[Any] = self._load().run(None, {"input": heard, "state": state, "sr": _RATE})
        for at, stream in enumerate(streams):
            stream.state = outputs[1] if one else outputs[1][:, at : at + 1]
        return [float(p) for p in outputs[0][:, 0]]

    def _probe(self) -> None:
        stream = SileroStream(self)
        tone = (8000 * np.sin(np.arange(WINDOW) / 5)).astype("<i2")
        stream.feed(tone.tobytes())

    def _load(self) -> onnxruntime.InferenceSession:
        if self._session is None:
            with self._loading:
                self._session = self._session or _session()
        return self._session


def _session() -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # With more threads the slowest runs take eight times as long, for nothing gained on the others.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # the file's unused initialisers are warned about otherwise
    path = str(models.path("silero-vad"))
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
