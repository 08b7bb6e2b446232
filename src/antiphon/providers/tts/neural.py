"""Voices that are models run here, by ONNX Runtime, in threads beside the event loop: from phonemes to samples."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from antiphon.audio.pcm import Float32, from_float
from antiphon.errors import AntiphonError, AtCapacity, BadRequest, ConfigError, Disconnected, ProviderError
from antiphon.providers.base import SpeechChunk, TtsCapabilities
from antiphon.providers.tts.requests import RequestStream
from antiphon.providers.tts.speech import speakable
from antiphon.providers.tts.spelling import Speller

if TYPE_CHECKING:
    import onnxruntime

_QUEUE_LIMIT = 16  # sentences that may wait for a thread: more would be late by seconds
_AUDIBLE = 0.01  # of full scale: what is quieter at either end is silence
_HEAD, _TAIL = 0.01, 0.15  # seconds of it that are kept, so that sentences do not run into each other
_SENTENCE_ENDS = re.compile(r"(?<=[.!?…])\s+")


class NeuralVoice:
    """`workers` is how many sentences are spoken at once, `threads` how many threads each of them uses. A subclass
    knows its model."""

    weights: tuple[str, ...] = ()
    voice: str

    def __init__(self, name: str, *, sample_rate: int, voices: tuple[str, ...], workers: int, threads: int) -> None:
        for option, given in (("workers", workers), ("threads", threads)):
            if given < 1:
                raise ConfigError(f"{name}: {option} must be at least 1, not {given}")
        self.name = name
        self.capabilities = TtsCapabilities(sample_rates=(sample_rate,), voices=voices)
        self._speller = Speller()
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix=name.partition("/")[0])
        self._threads = threads
        self._waiting = 0
        self._loading = threading.Lock()
        self._session: Any = None
        self._closed = False

    # --- what a model knows ---------------------------------------------------------------------------------------

    def load(self) -> onnxruntime.InferenceSession:
        """The model. Runs in a thread, once. Raises ModelStoreError when its weights were not pulled."""
        raise NotImplementedError

    def language(self, voice: str) -> str:
        """The language that espeak-ng spells in for a voice."""
        raise NotImplementedError

    def inputs(self, phonemes: str, voice: str) -> Mapping[str, Any] | None:
        """What the model is given for one sentence; None: nothing of it can be spoken. Runs in a thread."""
        raise NotImplementedError

    # --- the contract ---------------------------------------------------------------------------------------------

    async def warm(self) -> None:
        """Loads the model and speaks a word. Raises ModelStoreError when weights were not pulled, ProviderError."""
        await asyncio.get_running_loop().run_in_executor(self._workers, self._loaded)
        async for _ in self._speak("ready", self.voice):
            pass

    def open(self, *, sample_rate: int, voice: str | None = None) -> RequestStream:
        return RequestStream(lambda text: self._speak(text, voice or self.voice))

    async def aclose(self) -> None:
        """Lets go of the model. Streams still open fail with Disconnected."""
        self._closed = True
        await self._speller.aclose()
        await asyncio.get_running_loop().run_in_executor(None, self._workers.shutdown)
        self._session = None

    async def _speak(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        began = asyncio.get_running_loop().time()
        try:
            if self._session is None:
                await self._in_thread(self._loaded)
            phonemes = await self._speller.spell(text, self.language(voice))
            for sentence in sentences(phonemes):
                yield SpeechChunk(from_float(await self._run(sentence, voice)))
        except ProviderError as error:
            error.stage, error.provider = "tts", self.name
            error.elapsed = asyncio.get_running_loop().time() - began
            raise

    async def _run(self, phonemes: str, voice: str) -> Float32:
        """A sentence, spoken in a thread. Cancelling it stops the model between two of its layers."""
        import onnxruntime

        options = onnxruntime.RunOptions()
        try:
            audio: Float32 = await self._in_thread(self._synthesise, phonemes, voice, options)
        except asyncio.CancelledError:
            options.terminate = True
            raise
        return audio

    async def _in_thread(self, work: Callable[..., Any], *given: Any) -> Any:
        """Raises ProviderError, whatever the work raises."""
        if self._closed:
            raise Disconnected("the provider was closed")
        if self._waiting >= _QUEUE_LIMIT:
            raise AtCapacity(f"{_QUEUE_LIMIT} sentences wait to be spoken already")
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._workers, work, *given)
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            future.cancel()
            raise
        finally:
            self._waiting -= 1
        error = future.exception()
        if isinstance(error, AntiphonError):
            raise error if isinstance(error, ProviderError) else BadRequest(str(error)) from error
        if error is not None:  # ONNX Runtime's have no common root
            raise Disconnected(f"the model failed: {error}") from error
        return future.result()

    def _synthesise(self, phonemes: str, voice: str, options: onnxruntime.RunOptions) -> Float32:
        """Runs in a thread."""
        session = self._loaded()
        inputs = self.inputs(phonemes, voice)
        if inputs is None:
            return np.zeros(0, np.float32)
        audio: Float32 = np.asarray(session.run(None, inputs, options)[0], np.float32).ravel()
        return _trimmed(audio / max(float(np.abs(audio).max(initial=0.0)), 1.0), self.capabilities.sample_rates[0])

    def _loaded(self) -> Any:
        with self._loading:
            if self._session is None:
                self._session = self.load()
            return self._session

    def _open(self, path: str) -> onnxruntime.InferenceSession:
        """A session on the model in a file."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _trimmed(audio: Float32, rate: int) -> Float32:
    """Without the silence before the first sound, and with only a little after the last."""
    loud = np.flatnonzero(np.abs(audio) > _AUDIBLE)
    if not len(loud):
        return audio[:0]
    return audio[max(loud[0] - int(_HEAD * rate), 0) : loud[-1] + int(_TAIL * rate)]


def sentences(phonemes: str) -> Iterator[str]:
    """The sentences of a spelled text: each is spoken on its own, so that a long text can be stopped in between."""
    for sentence in _SENTENCE_ENDS.split(phonemes.strip()):
        if speakable(sentence):
            yield sentence
