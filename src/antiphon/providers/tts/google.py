"""Voices of Google Cloud, over gRPC, streaming: Chirp 3 HD, and Gemini-TTS.

Each segment is a stream of its own on the one channel that stays open: the vendor ends a stream that hears no text for
five seconds, and does not say where the audio of one text ends. Source: the Cloud Text-to-Speech API reference,
"StreamingSynthesize".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from antiphon.errors import Disconnected, ProviderError, ProviderTimeout
from antiphon.providers.base import SpeechChunk, TtsCapabilities
from antiphon.providers.google_grpc import GoogleChannel, from_rpc, is_lost
from antiphon.providers.tts.requests import RequestStream
from antiphon.providers.tts.speech import WholeSamples

ENDPOINT = "texttospeech.googleapis.com"
DEFAULT_VOICE = "en-US-Chirp3-HD-Charon"
DEFAULT_GEMINI_VOICE = "Kore"
RATES = (24_000, 16_000, 8_000)  # Hz; the voices' own is the first
_MESSAGES = "google.cloud.texttospeech_v1"
_SERVICE = "/google.cloud.texttospeech.v1.TextToSpeech/"


class Google:
    """The TTS named "google", or "google/<model>" for a model that is named apart from its voices, as Gemini-TTS is.

    `voice` is the one spoken with when a stream names none, `language` its language, which the names of Chirp voices
    begin with. `prompt` says how to speak, where the model understands it. Credentials are in `credentials_file`, else
    where Google's own tools find them. `endpoint` is a region's ("eu-texttospeech.googleapis.com"). `first_timeout` is
    how long the first audio of a segment may take, `gap_timeout` each piece after it, in seconds.
    """

    weights: tuple[str, ...] = ()

    def __init__(
        self,
        model: str = "",
        *,
        voice: str | None = None,
        language: str | None = None,
        speaking_rate: float | None = None,
        prompt: str | None = None,
        credentials_file: str | None = None,
        endpoint: str = ENDPOINT,
        first_timeout: float = 2.0,
        gap_timeout: float = 2.0,
    ) -> None:
        self.voice = voice or (DEFAULT_GEMINI_VOICE if model else DEFAULT_VOICE)
        self.name = f"google/{model or 'chirp'}"
        self.capabilities = TtsCapabilities(sample_rates=RATES)
        self._model = model
        self._language = language
        self._speaking_rate = speaking_rate
        self._prompt = prompt
        self._first_timeout = first_timeout
        self._gap_timeout = gap_timeout
        self._channel = GoogleChannel(endpoint, messages=_MESSAGES, credentials_file=credentials_file)
        self._proven = False  # the credentials were accepted

    async def warm(self) -> None:
        """Connects, if need be, and proves the credentials, by asking for the voices. Raises ProviderError."""
        await self._channel.load()
        import grpc.aio

        began = asyncio.get_running_loop().time()
        try:
            await self._channel.ready()
            if not self._proven:
                await self._list_voices()
                self._proven = True
        except grpc.aio.AioRpcError as error:
            raise self._blame(from_rpc(error), began) from error
        except ProviderError as error:
            raise self._blame(error, began) from error.__cause__

    async def rewarm(self) -> None:
        """Connects again, if the channel has fallen asleep or was lost. Never raises."""
        await self._channel.rewarm()

    def open(self, *, sample_rate: int, voice: str | None = None) -> RequestStream:
        return RequestStream(lambda text: self._speak(text, voice or self.voice, sample_rate))

    async def aclose(self) -> None:
        """Closes the channel. Replies under way fail with Disconnected."""
        await self._channel.aclose()

    async def _speak(self, text: str, voice: str, rate: int) -> AsyncGenerator[SpeechChunk, None]:
        await self._channel.load()
        import grpc.aio

        loop = asyncio.get_running_loop()
        began = loop.time()
        samples, any_audio, call = WholeSamples(), False, None
        try:
            async with asyncio.timeout(self._first_timeout):
                call = self._call(await self._channel.get(), text, voice, rate)
            deadline = began + self._first_timeout
            while True:
                async with asyncio.timeout_at(deadline):
                    response = await call.read()
                if response is grpc.aio.EOF:
                    break
                if pcm := samples.feed(response.audio_content):
                    any_audio = True
                    yield SpeechChunk(pcm)
                    deadline = loop.time() + self._gap_timeout
            if not any_audio:
                raise Disconnected("the server sent no audio")
        except TimeoutError as error:
            raise self._blame(ProviderTimeout("the server fell silent"), began) from error
        except grpc.aio.AioRpcError as error:
            self._proven = False
            raise self._blame(await self._reason(error), began) from error
        except ProviderError as error:
            raise self._blame(error, began) from error.__cause__
        finally:
            if call is not None:
                call.cancel()  # leaving it would not stop the vendor

    async def _list_voices(self) -> None:
        """Raises AioRpcError."""
        from google.cloud.texttospeech_v1.types import ListVoicesRequest, ListVoicesResponse

        list_voices = (await self._channel.get()).unary_unary(
            f"{_SERVICE}ListVoices",
            request_serializer=ListVoicesRequest.serialize,
            response_deserializer=ListVoicesResponse.deserialize,
        )
        await list_voices(ListVoicesRequest(language_code=self._code(self.voice)), timeout=self._first_timeout)

    async def _reason(self, error: Any) -> ProviderError:
        import grpc.aio

        if is_lost(error):
            try:
                await self._list_voices()
            except grpc.aio.AioRpcError as reason:
                return from_rpc(reason)
        return from_rpc(error)

    def _call(self, channel: Any, text: str, voice: str, rate: int) -> Any:
        from google.cloud.texttospeech_v1.types import StreamingSynthesizeRequest, StreamingSynthesizeResponse

        synthesize = channel.stream_stream(
            f"{_SERVICE}StreamingSynthesize",
            request_serializer=StreamingSynthesizeRequest.serialize,
            response_deserializer=StreamingSynthesizeResponse.pb().FromString,
        )
        return synthesize(self._requests(text, voice, rate))

    async def _requests(self, text: str, voice: str, rate: int) -> AsyncIterator[Any]:
        """The first says how, the second what; then nothing more, which makes the vendor speak to the end."""
        from google.cloud.texttospeech_v1 import types

        selection = types.VoiceSelectionParams(name=voice, language_code=self._code(voice))
        if self._model:  # other voices refuse it
            selection.model_name = self._model
        audio = types.StreamingAudioConfig(audio_encoding=types.AudioEncoding.PCM, sample_rate_hertz=rate)
        if self._speaking_rate:
            audio.speaking_rate = self._speaking_rate
        config = types.StreamingSynthesizeConfig(voice=selection, streaming_audio_config=audio)
        yield types.StreamingSynthesizeRequest(streaming_config=config)
        spoken = types.StreamingSynthesisInput(text=text)
        if self._prompt:
            spoken.prompt = self._prompt
        yield types.StreamingSynthesizeRequest(input=spoken)

    def _code(self, voice: str) -> str:
        """The language of a voice: "en-US" of "en-US-Chirp3-HD-Charon"."""
        if self._language:
            return self._language
        parts = voice.split("-")
        return "-".join(parts[:2]) if len(parts) > 2 else "en-US"

    def _blame(self, error: ProviderError, began: float) -> ProviderError:
        error.stage, error.provider = "tts", self.name
        error.elapsed = asyncio.get_running_loop().time() - began
        return error
