"""Speech to text by Google Cloud Speech, version 2, streaming over gRPC.

One channel stays open; on it, recognitions of a few minutes at most follow one another (see `google_stream`). Source:
the Cloud Speech-to-Text v2 reference, "StreamingRecognize", and its quotas.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from antiphon.errors import ConfigError, Disconnected, ProviderError
from antiphon.providers.base import SttCapabilities
from antiphon.providers.google_grpc import GoogleChannel
from antiphon.providers.sockets import CONNECT_TIMEOUT
from antiphon.providers.stt.google_stream import GoogleStream

_RATE = 16_000  # Hz
_MESSAGES = "google.cloud.speech_v2"
_METHOD = "/google.cloud.speech.v2.Speech/StreamingRecognize"
_PROJECT = "GOOGLE_CLOUD_PROJECT"
_BOOST = 10.0  # of keyterms; theirs goes from 0 to 20


class Google:
    """The STT named "google/<model>".

    Credentials are in `credentials_file`, else where Google's own tools find them. `project` is theirs, unless it is
    named or in $GOOGLE_CLOUD_PROJECT. `location` is where the model runs, which decides the endpoint; `endpoint` names
    another. `language` is for sessions that name none, as in "en-US". `extra` is merged into the recognition config.
    """

    weights: tuple[str, ...] = ()

    def __init__(
        self,
        model: str = "",
        *,
        project: str | None = None,
        location: str = "us",
        language: str = "en-US",
        credentials_file: str | None = None,
        endpoint: str | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        final_timeout: float = 2.5,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self._model = model or "chirp_3"
        self.name = f"google/{self._model}"
        self.capabilities = SttCapabilities(sample_rate=_RATE, partials=True, keyterms=True)
        self.final_timeout = final_timeout
        host = "speech.googleapis.com" if location == "global" else f"{location}-speech.googleapis.com"
        self._channel = GoogleChannel(
            endpoint or host, messages=_MESSAGES, credentials_file=credentials_file, connect_timeout=connect_timeout
        )
        self.recognizer = f"projects/{_project(project, credentials_file)}/locations/{location}/recognizers/_"
        self._language = language
        self._extra = extra or {}
        self._streams: set[GoogleStream] = set()
        self._warming = asyncio.Lock()
        self._proven = False
        self._closed = False

    async def warm(self) -> None:
        """Connects and proves the credentials, by having a tenth of a second of silence recognised."""
        async with self._warming:
            if self._proven:
                return
            stream = await self.open()
            stream.send(bytes(_RATE // 5))
            stream.finalize()
            await anext(aiter(stream))
            await stream.aclose()
            self._proven = True

    async def open(self, *, keyterms: tuple[str, ...] = (), language: str | None = None) -> GoogleStream:
        """Returns when there is a connection. Raises ProviderError."""
        began = asyncio.get_running_loop().time()
        try:
            channel = await self._channel.ready()
        except ProviderError as error:
            raise self.blame(error, began) from error.__cause__
        from google.cloud.speech_v2.types import StreamingRecognizeRequest, StreamingRecognizeResponse

        recognize = channel.stream_stream(
            _METHOD,
            request_serializer=StreamingRecognizeRequest.serialize,
            response_deserializer=StreamingRecognizeResponse.pb().FromString,
        )
        stream = GoogleStream(self, recognize, self._config(keyterms, language))
        self._streams.add(stream)
        return stream

    async def aclose(self) -> None:
        """Ends every stream and closes the channel."""
        self._closed = True
        for stream in list(self._streams):
            stream.fail(Disconnected("the provider was closed"))
        await self._channel.aclose()

    def dropped(self, stream: GoogleStream) -> None:
        self._streams.discard(stream)

    def blame(self, error: ProviderError, began: float | None = None) -> ProviderError:
        error.stage, error.provider = "stt", self.name
        if began is not None:
            error.elapsed = asyncio.get_running_loop().time() - began
        return error

    def _config(self, keyterms: tuple[str, ...], language: str | None) -> Any:
        """The first request of each recognition."""
        from google.cloud.speech_v2 import types

        config = types.RecognitionConfig(
            explicit_decoding_config=types.ExplicitDecodingConfig(
                encoding=types.ExplicitDecodingConfig.AudioEncoding.LINEAR16,
                sample_rate_hertz=_RATE,
                audio_channel_count=1,
            ),
            model=self._model,
            language_codes=[self._code(language)],
            features=types.RecognitionFeatures(enable_automatic_punctuation=True),
        )
        if keyterms:
            phrases = types.PhraseSet(phrases=[{"value": term, "boost": _BOOST} for term in keyterms])
            config.adaptation = types.SpeechAdaptation(phrase_sets=[{"inline_phrase_set": phrases}])
        for field, value in self._extra.items():
            setattr(config, field, value)
        streaming = types.StreamingRecognitionFeatures(interim_results=True)
        return types.StreamingRecognizeRequest(
            recognizer=self.recognizer,
            streaming_config=types.StreamingRecognitionConfig(config=config, streaming_features=streaming),
        )

    def _code(self, language: str | None) -> str:
        """Theirs has a region; where a caller's has none, it is the default's, if that is the same language."""
        if not language or self._language.partition("-")[0] == language:
            return self._language
        return language


def _project(given: str | None, file: str | None) -> str:
    if project := given or os.environ.get(_PROJECT):
        return project
    if file := file or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        try:
            with open(file, encoding="utf-8") as opened:
                if project := json.load(opened).get("project_id"):
                    return str(project)
        except (OSError, ValueError, AttributeError):
            pass  # whether the file is any good is told when it is used
    raise ConfigError(f"google: no project is known; name it with `project`, or set {_PROJECT}")
