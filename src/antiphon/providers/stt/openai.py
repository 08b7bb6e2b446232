"""Speech to text behind `/v1/audio/transcriptions`: OpenAI, and every server that speaks it (Groq, vLLM, Speaches,
LocalAI …) through `base_url`.

What the caller says is sent whole, as a WAV file, when a final is asked for; voice activity is judged here. Source: the
OpenAI API reference, "Create transcription". Its models `whisper-1` and `gpt-4o-…transcribe` end on 2027-02-26.
"""

from __future__ import annotations

import asyncio
import io
import os
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import msgspec

from antiphon.audio.pcm import from_float
from antiphon.errors import AuthError, Disconnected, ProviderError, ProviderTimeout
from antiphon.providers.base import SttCapabilities, Vad
from antiphon.providers.http_stream import CONNECT_TIMEOUT, Form, HttpStream
from antiphon.providers.keys import find_key
from antiphon.providers.stt.segmented import Hints, Job, SegmentedStream
from antiphon.providers.stt.utterance import SAMPLE_RATE, Floats, Heard
from antiphon.providers.vad.silero import Silero

OPENAI_URL = "https://api.openai.com/v1"
# Whisper is taken to have made words up from noise when it says so itself. Source: the defaults of its own code.
_NO_SPEECH, _UNSURE = 0.6, -1.0


class Segment(msgspec.Struct):
    """A part of a "verbose_json" answer."""

    no_speech_prob: float = 0.0
    avg_logprob: float = 0.0


class Answer(msgspec.Struct):
    text: str
    segments: list[Segment] = []


@dataclass(frozen=True, slots=True)
class Understood:
    text: str
    plausible: bool = True


class PaidStream(SegmentedStream):
    """Only what is sent to be transcribed is paid for, each time."""

    def __init__(self, transcriber: OpenAI, hints: Hints) -> None:
        super().__init__(transcriber, hints)
        self.seconds = 0.0
        self._billed_as = transcriber.billed_as

    @property
    def used(self) -> dict[str, tuple[int, float]]:
        """As in BilledStream."""
        return {self._billed_as: (0, self.seconds)}


class OpenAI:
    """The STT named "openai/<model>".

    `base_url` ends in "/v1" for most servers. The key is `api_key`; without it $OPENAI_API_KEY, but only for OpenAI
    itself or for the server named by $OPENAI_BASE_URL. `partial_every` is how many seconds of new speech are sent anew
    for a partial: for servers of one's own that are quick; None: there are no partials. `final_timeout` is how long an
    answer may take, in seconds. `extra` is added to the fields of every request: {"response_format": "verbose_json"}
    lets Whisper's own doubts be heeded.
    """

    weights = ("silero-vad",)

    def __init__(
        self,
        model: str = "",
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        partial_every: float | None = None,
        vad: Vad | None = None,
        vad_threshold: float = 0.4,
        connect_timeout: float = CONNECT_TIMEOUT,
        final_timeout: float = 3.0,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self._model = model or "gpt-transcribe"
        self.name = f"openai/{self._model}"
        self.capabilities = SttCapabilities(sample_rate=SAMPLE_RATE, partials=partial_every is not None, keyterms=True)
        url = (base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL).rstrip("/")
        self._official = url == OPENAI_URL
        self.billed_as = self.name if self._official else f"{urlsplit(url).hostname}/{self._model}"
        self._key = api_key if base_url else find_key(api_key, "OPENAI_API_KEY")
        self._extra = dict(extra or {})
        self._http = HttpStream(
            url,
            stage="stt",
            provider=self.name,
            headers=self._headers,
            first_timeout=final_timeout,
            gap_timeout=final_timeout,
            connect_timeout=min(connect_timeout, final_timeout),
        )
        self._final_timeout = final_timeout
        self.vad = vad or Silero()
        self.vad_threshold = vad_threshold
        self.partial_every = partial_every
        self._running: dict[Job, asyncio.Task[None]] = {}
        self._streams: set[SegmentedStream] = set()
        self._warming = asyncio.Lock()
        self._closed = False

    async def warm(self) -> None:
        """Loads the VAD, opens a connection and proves the key, by asking for the list of models."""
        await self.vad.warm()
        async with self._warming:  # one connection will do
            await self._http.probe("/models", forgive=(404, 405))  # not every server has that list

    async def rewarm(self) -> None:
        """Opens a connection where none is idle: an utterance is soon to be sent."""
        await self._http.rewarm("/models")

    async def open(self, *, keyterms: tuple[str, ...] = (), language: str | None = None) -> SegmentedStream:
        if self._closed:
            raise self._http.blame(Disconnected("the provider was closed"))
        self._headers()
        await self.vad.warm()
        stream = PaidStream(self, Hints(keyterms, language))
        self._streams.add(stream)
        return stream

    async def aclose(self) -> None:
        """Ends every stream and closes every connection."""
        self._closed = True
        for stream in list(self._streams):
            stream.failed(Disconnected("the provider was closed"))
            self.drop(stream)
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        await self._http.aclose()

    # --- for the streams ------------------------------------------------------------------------------------------

    def submit(self, job: Job) -> None:
        task = asyncio.get_running_loop().create_task(self._transcribe(job), name="stt")
        self._running[job] = task
        task.add_done_callback(partial(self._done, job))

    def hasten(self, job: Job) -> None:
        """It is under way already."""

    def give_up(self, job: Job) -> None:
        """Closes its connection, which tells the server to stop."""
        job.given_up = True
        if task := self._running.get(job):
            task.cancel()

    def drop(self, stream: SegmentedStream) -> None:
        self._streams.discard(stream)
        for job in list(self._running):
            if job.stream is stream:
                self.give_up(job)

    def _done(self, job: Job, task: asyncio.Task[None]) -> None:
        del self._running[job]
        if not task.cancelled() and (error := task.exception()):
            self._failed(job, self._http.blame(Disconnected(f"the provider failed: {error!r}")))

    async def _transcribe(self, job: Job) -> None:
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._final_timeout):
                pieces = job.snapshot.pieces
                heard = await asyncio.gather(*(self._heard(piece.heard, piece.audio, job) for piece in pieces))
        except TimeoutError:
            late = ProviderTimeout(f"no transcription within {self._final_timeout:g} s")
            self._failed(job, self._http.blame(late, began))
        except ProviderError as error:
            self._failed(job, error)
        else:
            job.stream.heard(job, heard)

    async def _heard(self, before: Heard | None, audio: Floats, job: Job) -> Heard:
        if before:
            return before
        if isinstance(job.stream, PaidStream):
            job.stream.seconds += len(audio) / SAMPLE_RATE
        async with self._http.post("/audio/transcriptions", self._form(audio, job.stream.hints)) as answer:
            body = b"".join([piece async for piece in answer.pieces()])
            try:
                return _understood(msgspec.json.decode(body, type=Answer))
            except msgspec.MsgspecError as error:
                raise Disconnected(f"the server sent what is no transcription: {body[:80]!r}") from error

    def _failed(self, job: Job, error: ProviderError) -> None:
        if job.final:
            job.stream.failed(error)
        else:
            job.stream.missed(job)

    def _form(self, audio: Floats, hints: Hints) -> Form:
        fields: dict[str, str | list[str]] = {"model": self._model, "response_format": "json"}
        if hints.keyterms and self._model.startswith(("gpt-transcribe", "gpt-live")):
            fields["keywords[]"] = list(hints.keyterms)
        elif hints.keyterms:
            fields["prompt"] = ", ".join(hints.keyterms)
        if hints.language:
            fields["language"] = hints.language
        return Form(fields | self._extra, {"file": ("utterance.wav", wav(audio), "audio/wav")})

    def _headers(self) -> dict[str, str]:
        if self._key:
            return {"Authorization": f"Bearer {self._key}"}
        if self._official:
            raise self._http.blame(AuthError("there is no key; set OPENAI_API_KEY or api_key"))
        return {}


def wav(audio: Floats) -> bytes:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(from_float(audio))
    return data.getvalue()


def _understood(answer: Answer) -> Understood:
    doubted = [part.no_speech_prob > _NO_SPEECH and part.avg_logprob < _UNSURE for part in answer.segments]
    return Understood(answer.text.strip(), plausible=not doubted or not all(doubted))
