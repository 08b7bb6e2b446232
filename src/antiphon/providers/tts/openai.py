"""Voices behind `/v1/audio/speech`: OpenAI, and every server that speaks it (Kokoro-FastAPI, LocalAI, Groq …) through
`base_url`.

OpenAI's own models of this kind end on 2027-01-06; after them its voices are those of "openai-realtime".
Source: the OpenAI API reference, "Create speech".
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit

from antiphon.errors import AuthError, BadRequest, ConfigError, Disconnected
from antiphon.providers.base import SpeechChunk, TtsCapabilities
from antiphon.providers.http_stream import HttpAnswer, HttpStream
from antiphon.providers.keys import find_key
from antiphon.providers.tts.requests import RequestStream
from antiphon.providers.tts.speech import WholeSamples

OPENAI_URL = "https://api.openai.com/v1"
SAMPLE_RATE = 24_000  # Hz, of OpenAI's "pcm"
DEFAULT_VOICE = "marin"
# How servers name raw samples; some name nothing.
_RAW = ("audio/pcm", "audio/l16", "application/octet-stream", "")


class OpenAI:
    """The TTS named "openai/<model>". `voice` is the one spoken with when a stream names none.

    `base_url` ends in "/v1" for most servers. The key is `api_key`; without it $OPENAI_API_KEY, but only for OpenAI
    itself or for the server named by $OPENAI_BASE_URL: other servers are not sent a key that is not theirs.
    `sample_rate` is that of the server's "pcm", in Hz. `instructions` say how to speak, where the model understands
    them. `extra` is added to the body of every request; None as a value takes a field out. `first_timeout` is how long
    the first piece of a segment may take, `gap_timeout` each piece after it, in seconds.
    """

    weights: tuple[str, ...] = ()

    def __init__(
        self,
        model: str = "",
        *,
        voice: str = DEFAULT_VOICE,
        base_url: str | None = None,
        api_key: str | None = None,
        sample_rate: int = SAMPLE_RATE,
        instructions: str | None = None,
        first_timeout: float | None = None,
        gap_timeout: float = 2.0,
        extra: dict[str, Any] | None = None,
    ) -> None:
        if not model:
            raise ConfigError("openai: name a model, as in openai/gpt-4o-mini-tts")
        self.name = f"openai/{model}"
        self.capabilities = TtsCapabilities(sample_rates=(sample_rate,))
        self.voice = voice
        self._model = model
        url = (base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL).rstrip("/")
        self._official = url == OPENAI_URL
        self.billed_as = self.name if self._official else f"{urlsplit(url).hostname}/{model}"
        self._key = api_key if api_key or base_url else find_key(None, "OPENAI_API_KEY")
        self._instructions = instructions
        self._extra = extra or {}
        self._http = HttpStream(
            url,
            stage="tts",
            provider=self.name,
            headers=self._headers,
            # A server of one's own may have to load the model first.
            first_timeout=first_timeout or (2.0 if self._official else 10.0),
            gap_timeout=gap_timeout,
        )

    async def warm(self) -> None:
        """Opens a connection and proves the key, by asking for the list of models. Raises ProviderError."""
        await self._http.probe("/models", forgive=(404, 405))  # not every server has that list

    async def rewarm(self) -> None:
        """Opens a connection where none is idle: a voice that was cut off has taken its connection with it."""
        await self._http.rewarm("/models")

    def open(self, *, sample_rate: int, voice: str | None = None) -> RequestStream:
        return RequestStream(lambda text: self._speak(text, voice or self.voice))

    async def aclose(self) -> None:
        """Closes every connection. Replies under way fail with Disconnected."""
        await self._http.aclose()

    async def _speak(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        samples, any_audio = WholeSamples(), False
        async with self._http.post("/audio/speech", self._body(text, voice)) as answer:
            _check(answer)
            async with aclosing(answer.pieces()) as pieces:
                async for piece in pieces:
                    if not any_audio and piece.startswith(b"RIFF"):
                        raise BadRequest("the server sent a WAV file where raw samples (pcm) were asked for")
                    any_audio = True
                    if pcm := samples.feed(piece):
                        yield SpeechChunk(pcm)
            if not any_audio:
                raise Disconnected("the server sent no audio")

    def _headers(self) -> dict[str, str]:
        if self._key:
            return {"Authorization": f"Bearer {self._key}"}
        if self._official:
            raise AuthError("there is no key; set OPENAI_API_KEY or api_key")
        return {}

    def _body(self, text: str, voice: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "voice": voice,
            "input": text,
            "response_format": "pcm",
            "instructions": self._instructions,
        }
        return {name: value for name, value in (body | self._extra).items() if value is not None}


def _check(answer: HttpAnswer) -> None:
    """Raises unless the answer is raw samples: anything else would be heard as noise."""
    if answer.content_type.startswith(("text/", "application/json")):
        raise Disconnected(f"the server sent {answer.content_type} where audio was asked for")
    if answer.content_type not in _RAW:
        raise BadRequest(f"the server sent {answer.content_type} where raw samples (pcm) were asked for")
