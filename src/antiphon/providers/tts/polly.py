"""Voices of Amazon Polly, by SynthesizeSpeech: a signed request a segment, whose answer streams.

Polly also has a stream in both directions, for its generative engine. Amazon's client for that needs Python 3.12; this
is the way that works from 3.11 on, with every engine. Source: the Amazon Polly API reference, "SynthesizeSpeech".
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from antiphon.audio.g711 import decode_ulaw
from antiphon.errors import Disconnected, ProviderError
from antiphon.providers import aws
from antiphon.providers.base import SpeechChunk, TtsCapabilities, WordTime
from antiphon.providers.http_stream import HttpStream
from antiphon.providers.tts.requests import RequestStream
from antiphon.providers.tts.speech import WholeSamples

DEFAULT_ENGINE = "neural"
DEFAULT_VOICE = "Joanna"
RATES = (16_000, 8_000)  # Hz: all that Polly has for bare samples
_PATH = "/v1/speech"
_WORDS_WAIT = 0.15  # seconds that audio waits for the times of its words
log = logging.getLogger("antiphon.providers")


class Polly:
    """The TTS named "polly/<engine>": standard, neural, long-form or generative; "neural" where that is empty.

    `voice` is the one spoken with when a stream names none. The keys are `access_key_id` and `secret_access_key`, else
    whatever AWS's own tools would use. `region` may also come from $AWS_REGION or the profile; `endpoint_url` also from
    $AWS_ENDPOINT_URL_POLLY. With `mulaw`, speech at 8000 Hz comes as µ-law, in half the bytes. With `word_times` each
    segment is asked for twice, the second time for its words, and billed twice. `ssml`: what is sent are documents.
    `first_timeout` is how long the first audio of a segment may take, `gap_timeout` each piece after it, in seconds.
    """

    weights: tuple[str, ...] = ()

    def __init__(
        self,
        model: str = "",
        *,
        voice: str = DEFAULT_VOICE,
        region: str | None = None,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        session_token: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        language: str | None = None,
        mulaw: bool = False,
        word_times: bool = False,
        ssml: bool = False,
        first_timeout: float = 2.0,
        gap_timeout: float = 2.0,
    ) -> None:
        import botocore  # noqa: F401 - to be told now when it is not installed

        self._engine = model or DEFAULT_ENGINE
        self.name = f"polly/{self._engine}"
        self.capabilities = TtsCapabilities(sample_rates=RATES, word_times=word_times)
        self.voice = voice
        self._fields = {"Engine": self._engine, "TextType": "ssml" if ssml else "text"}
        if language:
            self._fields["LanguageCode"] = language
        self._mulaw = mulaw
        self._voices = f"/v1/voices?Engine={self._engine}"
        where = aws.region(region)
        self._http = HttpStream(
            endpoint_url or os.environ.get("AWS_ENDPOINT_URL_POLLY") or f"https://polly.{where}.amazonaws.com",
            stage="tts",
            provider=self.name,
            auth=aws.SigV4(
                "polly",
                where,
                access_key_id=access_key_id,
                secret_access_key=secret_access_key,
                session_token=session_token,
                profile=profile,
            ),
            first_timeout=first_timeout,
            gap_timeout=gap_timeout,
        )

    async def warm(self) -> None:
        """Finds the keys, opens a connection and proves the keys, by asking for the voices. Raises ProviderError."""
        await self._http.probe(self._voices)

    async def rewarm(self) -> None:
        """Opens a connection where none is idle: a voice that was cut off has taken its connection with it."""
        await self._http.rewarm(self._voices)

    def open(self, *, sample_rate: int, voice: str | None = None) -> RequestStream:
        return RequestStream(lambda text: self._speak(text, voice or self.voice, sample_rate))

    async def aclose(self) -> None:
        """Closes every connection. Replies under way fail with Disconnected."""
        await self._http.aclose()

    async def _speak(self, text: str, voice: str, rate: int) -> AsyncGenerator[SpeechChunk, None]:
        body = self._fields | {"Text": text, "VoiceId": voice, "SampleRate": str(rate)}
        if not self.capabilities.word_times:
            async with aclosing(self._audio(body, rate)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        marks = asyncio.create_task(self._words(text, body, rate), name="speech marks")
        told = False
        try:
            async with aclosing(self._audio(body, rate)) as chunks:
                async for chunk in chunks:
                    if not told:  # words come before their audio; but audio does not wait for them for long
                        await asyncio.wait([marks], timeout=_WORDS_WAIT)
                        told = True
                        yield SpeechChunk(b"", marks.result() if marks.done() else ())
                    yield chunk
        finally:
            marks.cancel()
            await asyncio.wait([marks])

    async def _audio(self, body: dict[str, Any], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        mulaw, samples, any_audio = self._mulaw and rate == 8_000, WholeSamples(), False
        async with self._http.post(_PATH, body | {"OutputFormat": "mulaw" if mulaw else "pcm"}) as answer:
            if not answer.content_type.startswith("audio/"):
                raise Disconnected(f"the server sent {answer.content_type or 'nothing'} where audio was asked for")
            async with aclosing(answer.pieces()) as pieces:
                async for piece in pieces:
                    any_audio = True
                    yield SpeechChunk(decode_ulaw(piece) if mulaw else samples.feed(piece))
            if not any_audio:
                raise Disconnected("the server sent no audio")

    async def _words(self, text: str, body: dict[str, Any], rate: int) -> tuple[WordTime, ...]:
        """The speech marks of a segment. They count bytes of UTF-8, and milliseconds. Audio without them is still
        audio, so their failure is only told."""
        marks, encoded = bytearray(), text.encode()
        try:
            asking = self._http.post(_PATH, body | {"OutputFormat": "json", "SpeechMarkTypes": ["word"]})
            async with asking as answer, aclosing(answer.pieces()) as pieces:
                async for piece in pieces:
                    marks += piece
            words = [json.loads(line) for line in marks.splitlines() if line]
            return tuple(
                WordTime(len(encoded[: word["start"]].decode()), round(word["time"] * rate / 1000)) for word in words
            )
        except (ProviderError, ValueError, KeyError, TypeError) as error:
            log.warning("no word times: %s", error.brief if isinstance(error, ProviderError) else type(error).__name__)
            log.debug("no word times: %s", error)
            return ()
