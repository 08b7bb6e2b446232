"""One call's stream on Google's recognitions, of which each ends after five minutes, or five seconds without audio.

A recognition gives its finals at once when no more audio will come: that is how a final is asked for. What the caller
says after it goes to the next one. So does what comes after four minutes, from the first quiet moment on; the old one
finishes beside the new one, and no audio is lost between them. The text of an utterance is that of its recognitions in
their order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from antiphon.audio.pcm import rms_dbfs
from antiphon.errors import Disconnected, ProviderError
from antiphon.providers.google_grpc import from_rpc, is_lost
from antiphon.providers.stt.vendor_stream import VendorStream

if TYPE_CHECKING:
    from antiphon.providers.stt.google import Google

_ROTATE, _LATEST = 240.0, 285.0  # seconds: age of a recognition from which a quiet moment ends it, and any moment
_QUIET = -45.0  # dBFS
_REASON = 0.5  # seconds to find out why a recognition failed
_IDLE = 4.0  # seconds without audio after which a recognition is ended, before they do


class Recognition:
    """One of theirs. `settled` and `open` are what it has understood of the open utterance."""

    def __init__(self, began: float) -> None:
        self.requests: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.began = began  # loop time
        self.samples = 0  # it was sent
        self.parted_at = 0.0  # seconds of its audio that belong to an utterance before
        self.settled: list[str] = []
        self.open = ""
        self.task: asyncio.Task[None] | None = None

    @property
    def text(self) -> str:
        return " ".join(part.strip() for part in (*self.settled, self.open) if part.strip())


class GoogleStream(VendorStream):
    """One call's audio."""

    frame = 0.1
    longest = 0.4  # 12.8 KB: a request holds 15

    def __init__(self, google: Google, recognize: Any, config: Any) -> None:
        super().__init__(google)
        self._recognize = recognize
        self._config = config
        self._metadata = (("x-goog-request-params", f"recognizer={google.recognizer}"),)
        self._running: list[Recognition] = []  # of the open utterance, in order; also those that have ended
        self._current: Recognition | None = None  # takes audio
        self._last = self._loop.time()  # when audio was last sent
        self._idle: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def transmit(self, pcm: bytes) -> None:
        current = self._current or self._start()
        current.requests.put_nowait(pcm)
        current.samples += len(pcm) // 2
        self._last = self._loop.time()
        age = self._last - current.began
        if age > _ROTATE and (age > _LATEST or rms_dbfs(pcm) < _QUIET):
            self._finish()

    def ask(self) -> None:
        self._finish()
        self._answer_if_done()

    def part(self) -> None:
        """One that has understood nothing yet goes on; the others are of no use any more."""
        current = self._current
        for recognition in self._running:
            if (recognition is not current or recognition.text) and recognition.task:
                recognition.task.cancel()
        if current and current.text:
            current = self._current = None
        elif current:
            current.parted_at = current.samples / self.rate
        self._running = [current] if current else []

    def over(self) -> None:
        if self._idle:
            self._idle.cancel()
        for task in self._tasks:
            task.cancel()

    async def aclose(self) -> None:
        await super().aclose()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # --- recognitions ---------------------------------------------------------------------------------------------

    def _start(self) -> Recognition:
        recognition = self._current = Recognition(self._loop.time())
        self._running.append(recognition)
        recognition.task = task = self._loop.create_task(self._run(recognition), name="stt")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._idle is None:
            self._idle = self._loop.call_later(_IDLE, self._end_idle)
        return recognition

    def _finish(self) -> None:
        """The current recognition gets no more audio: it will tell all it knows, and end."""
        if self._current:
            self._current.requests.put_nowait(None)
            self._current = None

    def _end_idle(self) -> None:
        due = self._last + _IDLE
        if due <= self._loop.time():
            self._finish()
            self._idle = None
        else:
            self._idle = self._loop.call_at(due, self._end_idle)

    async def _run(self, recognition: Recognition) -> None:
        import grpc.aio

        call = self._recognize(self._requests(recognition), metadata=self._metadata)
        try:
            while (response := await call.read()) is not grpc.aio.EOF:
                self.lives()
                self._take(recognition, response)
        except grpc.aio.AioRpcError as error:
            self._failed(await self._reason() if is_lost(error) else from_rpc(error), error)
        else:
            recognition.task = None
            self._answer_if_done()
        finally:
            call.cancel()

    async def _reason(self) -> ProviderError:
        """Why a recognition failed, where gRPC has lost it: one without audio is told."""
        import grpc.aio

        recognition = Recognition(self._loop.time())
        recognition.requests.put_nowait(None)
        call = self._recognize(self._requests(recognition), metadata=self._metadata)
        try:
            async with asyncio.timeout(_REASON):
                await call.read()
        except grpc.aio.AioRpcError as error:
            return from_rpc(error)
        except TimeoutError:
            pass
        finally:
            call.cancel()
        return Disconnected("the recognition broke off")

    async def _requests(self, recognition: Recognition) -> AsyncIterator[Any]:
        from google.cloud.speech_v2.types import StreamingRecognizeRequest

        yield self._config
        while (pcm := await recognition.requests.get()) is not None:
            yield StreamingRecognizeRequest(audio=pcm)

    def _take(self, recognition: Recognition, response: Any) -> None:
        results = [
            result
            for result in response.results
            if result.alternatives and result.result_end_offset.ToTimedelta().total_seconds() >= recognition.parted_at
        ]
        if recognition not in self._running or not results:
            return
        recognition.settled += [result.alternatives[0].transcript for result in results if result.is_final]
        # What is not final comes in parts, the surer one first.
        recognition.open = "".join(result.alternatives[0].transcript for result in results if not result.is_final)
        self.draft.open = " ".join(part.text for part in self._running if part.text)
        if not self.draft.asked or self._due():
            self.show()

    def _due(self) -> bool:
        """Something that was sent before the final was asked for is still being recognised."""
        return any(part.task for part in self._running if part is not self._current)

    def _answer_if_done(self) -> None:
        if self.draft.asked and not self._due():
            self.answer()

    def _failed(self, error: ProviderError, cause: BaseException) -> None:
        error.__cause__ = cause
        self.fail(error)
