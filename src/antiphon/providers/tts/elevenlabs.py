"""Voices of ElevenLabs, over their multi-context WebSockets: one socket stays open, each reply is a context on it.

There are two wires. The Flash, Turbo and Multilingual models have the one under `/v1/text-to-speech`, the v3 and v4
models the one under `/v1/text-to-dialogue`. On both, closing a context does not stop what the vendor has already taken
on; what still comes is dropped. Source: the ElevenLabs API reference, "Multi-Context WebSocket" and "Text to Dialogue".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from antiphon.errors import AuthError, Disconnected, Overloaded, ProviderError, QuotaError, RateLimited
from antiphon.providers.base import SpeechChunk, TtsCapabilities
from antiphon.providers.http_errors import from_error
from antiphon.providers.keys import find_key
from antiphon.providers.sockets import Socket, from_close
from antiphon.providers.tts.alignment import CharacterAlignment
from antiphon.providers.tts.contexts import ContextStream
from antiphon.providers.tts.lines import Lines, Send, new_id
from antiphon.providers.tts.speech import WholeSamples

URL = "wss://api.elevenlabs.io"
DEFAULT_MODEL = "eleven_flash_v2_5"
DEFAULT_VOICE = "JBFqnCBsd6RMkjVDRZzb"
RATES = (24_000, 16_000, 8_000, 22_050, 44_100, 48_000)  # Hz; 44100 and more need a larger plan
_MOST = 5  # contexts at once on a socket, those that are being closed included
_CONTEXT_TIMEOUT = 180  # seconds without a message before the vendor closes a context: the most that can be asked for
_IDLE = 150.0  # seconds that a socket without contexts is kept, shorter than that


class ElevenLabs:
    """The TTS named "elevenlabs/<model>", "eleven_flash_v2_5" where that is empty.

    `voice` is the id of the voice spoken with when a stream names none. The key is `api_key`, else
    $ELEVENLABS_API_KEY. `base_url` is a region's ("wss://api.eu.residency.elevenlabs.io"). `voice_settings` has
    stability, similarity_boost, speed and so on; `query` is added to the address. `first_timeout` is how long the first
    audio of a segment may take, `gap_timeout` each piece after it, in seconds.
    """

    weights: tuple[str, ...] = ()

    def __init__(
        self,
        model: str = "",
        *,
        voice: str = DEFAULT_VOICE,
        api_key: str | None = None,
        base_url: str = URL,
        language: str | None = None,
        voice_settings: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
        first_timeout: float = 2.0,
        gap_timeout: float = 2.0,
    ) -> None:
        self._model = model or DEFAULT_MODEL
        self.name = f"elevenlabs/{self._model}"
        self.capabilities = TtsCapabilities(sample_rates=RATES, word_times=True)
        self.voice = voice
        self._dialogue = self._model.startswith(("eleven_v3", "eleven_v4"))
        self._key = find_key(api_key, "ELEVENLABS_API_KEY")
        self._url = base_url.rstrip("/").replace("http", "ws", 1)
        self._language = language
        self._settings = voice_settings
        self._query = query or {}
        self._first_timeout = first_timeout
        self._gap_timeout = gap_timeout
        self._lines = Lines(self._connect, provider=self.name, address=_address, most=_MOST, idle=_IDLE)

    async def warm(self) -> None:
        """Opens a socket, unless one is open, for the voice and rate that were asked for last. Raises ProviderError."""
        await self._lines.warm((self.voice, RATES[0]))

    async def rewarm(self) -> None:
        """Opens a socket, where the one there was has been idle for too long, or is full. Never raises."""
        await self._lines.rewarm((self.voice, RATES[0]))

    def open(self, *, sample_rate: int, voice: str | None = None) -> ContextStream:
        voice = voice or self.voice

        def new_context(send: Send) -> _Context:
            kind = _DialogueContext if self._dialogue else _Context
            return kind(send, rate=sample_rate, voice=voice, settings=self._settings)

        return ContextStream(
            self._lines,
            (voice, sample_rate),
            new_context,
            provider=self.name,
            first_timeout=self._first_timeout,
            gap_timeout=self._gap_timeout,
        )

    async def aclose(self) -> None:
        """Closes every socket. Replies under way fail with Disconnected."""
        await self._lines.aclose()

    def _connect(self, key: tuple[str, int]) -> Socket:
        if not self._key:
            raise AuthError("there is no key; set ELEVENLABS_API_KEY or api_key")
        voice, rate = key
        query = {"model_id": self._model, "output_format": f"pcm_{rate}", "sync_alignment": "true"}
        path = "/v1/text-to-dialogue/multi-stream-input"
        if not self._dialogue:
            path = f"/v1/text-to-speech/{quote(voice, safe='')}/multi-stream-input"
            query |= {"auto_mode": "true", "inactivity_timeout": str(_CONTEXT_TIMEOUT)}
        if self._language:
            query["language_code"] = self._language
        url = f"{self._url}{path}?{urlencode(query | self._query)}"
        return Socket(url, headers={"xi-api-key": self._key}, closing=_closing)


class _Context:
    def __init__(self, send: Send, *, rate: int, voice: str, settings: dict[str, Any] | None) -> None:
        self.id = new_id()
        self.over = False
        self._send = send
        self._voice = voice
        self._samples = WholeSamples()
        self._alignment = CharacterAlignment(rate)
        self._begin(settings)

    def speak(self, text: str) -> None:
        self._alignment.add(text)
        self._send_text(text.rstrip() + " ")  # the vendor's rule: text ends with a space

    def end(self) -> None:
        self.cancel()  # it speaks what it was sent before it closes

    def cancel(self) -> None:
        self._send({"context_id": self.id, "close_context": True})

    def read(self, message: dict[str, Any]) -> Iterator[SpeechChunk]:
        if "error" in message:
            raise _error(message)
        if audio := message.get("audio"):
            try:
                pcm = self._samples.feed(base64.b64decode(audio, validate=True))
            except (binascii.Error, TypeError) as error:
                raise Disconnected("the server sent what is no audio") from error
            alignment = message.get("alignment") or message.get("normalizedAlignment") or {}
            times = [next((alignment[name] for name in names if alignment.get(name)), ()) for names in _TIMES]
            yield from self._alignment.read(pcm, alignment.get("chars") or (), *times)
        if message.get("isFinal") or message.get("is_final"):
            self.over = True
            yield from self._alignment.finish()

    def quiet(self) -> Iterator[SpeechChunk]:
        return self._alignment.quiet()

    def keep_alive(self) -> None:
        self._send({"text": "", "context_id": self.id})

    def _begin(self, settings: dict[str, Any] | None) -> None:
        self._send({"text": " ", "context_id": self.id} | ({"voice_settings": settings} if settings else {}))

    def _send_text(self, text: str) -> None:
        self._send({"text": text, "context_id": self.id, "flush": True})


class _DialogueContext(_Context):
    def keep_alive(self) -> None:
        self._send({"context_id": self.id, "keep_alive": True})

    def _begin(self, settings: dict[str, Any] | None) -> None:
        self._send(
            {"context_id": self.id, "voices": [self._voice]} | ({"voice_settings": settings} if settings else {})
        )

    def _send_text(self, text: str) -> None:
        line = {"text": text, "voice_id": self._voice, "new_turn": True}
        self._send({"context_id": self.id, "inputs": [line], "flush": True})


# What starts and durations are called in the versions of the wire.
_TIMES = (
    ("charStartTimesMs", "charsStartTimesMs", "char_start_times_ms"),
    ("charDurationsMs", "charsDurationsMs", "char_durations_ms"),
)


def _address(message: dict[str, Any]) -> str | None:
    return message.get("contextId") or message.get("context_id")


def _error(message: dict[str, Any]) -> ProviderError:
    said = f"{message.get('error')}: {message.get('message') or message.get('reason') or ''}".rstrip(": ")
    return _by_words(said) or from_error({"message": said, "code": message.get("code")})


def _closing(code: int, reason: str) -> ProviderError | None:
    return _by_words(f"the server ended the connection ({code}: {reason})") or from_close(code, reason)


def _by_words(said: str) -> ProviderError | None:
    """The vendor closes for every reason with 1008, "policy violation"; the words make the difference."""
    lower = said.lower()
    if "quota" in lower or "credits" in lower:
        return QuotaError(said)
    if any(word in lower for word in ("api_key", "api key", "unauthorized", "authenticat", "permission")):
        return AuthError(said)
    if "max_active" in lower or "concurrent" in lower or "rate_limit" in lower:
        return RateLimited(said)
    if "system_busy" in lower or "overloaded" in lower:
        return Overloaded(said)
    return None
