"""Voices of Cartesia, over their WebSocket: one socket stays open, each reply is a context on it, its sentences in one
breath, with the time of every word.

Source: the Cartesia API reference, "Text to Speech (WebSocket)", "Contexts" and "Context Flushing and Flush IDs".
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections import deque
from collections.abc import Iterator
from typing import Any

from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.errors import AuthError, Disconnected
from antiphon.providers.base import SpeechChunk, TtsCapabilities, WordTime
from antiphon.providers.http_errors import from_error
from antiphon.providers.keys import find_key
from antiphon.providers.sockets import Socket
from antiphon.providers.tts.alignment import WordAlignment
from antiphon.providers.tts.contexts import ContextStream
from antiphon.providers.tts.lines import Lines, Send, new_id
from antiphon.providers.tts.speech import NOTHING_SPOKEN, WholeSamples

URL = "wss://api.cartesia.ai"
API_VERSION = "2026-08-14"
DEFAULT_MODEL = "sonic-3.5"
DEFAULT_VOICE = "6ccbfb76-1fc6-48f7-b71d-91ac6298247b"
RATES = (24_000, 16_000, 8_000, 22_050, 44_100, 48_000)  # Hz
_MOST = 16  # contexts at once on a socket; the vendor has no limit but the plan's
_IDLE = 240.0  # seconds that a socket without contexts is kept; the vendor ends it after 300
_EXPIRY = 0.5  # seconds without text, or audio, after which a context is not used again; the vendor ends it after 1


class Cartesia:
    """The TTS named "cartesia/<model>", "sonic-3.5" where that is empty.

    `voice` is the id of the voice spoken with when a stream names none. The key is `api_key`, else $CARTESIA_API_KEY.
    `extra` is added to every request: generation_config, pronunciation_dict_id and so on. `first_timeout` is how long
    the first audio of a segment may take, `gap_timeout` each piece after it, in seconds.
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
        extra: dict[str, Any] | None = None,
        first_timeout: float = 2.0,
        gap_timeout: float = 2.0,
    ) -> None:
        self._model = model or DEFAULT_MODEL
        self.name = f"cartesia/{self._model}"
        self.capabilities = TtsCapabilities(sample_rates=RATES, word_times=True)
        self.voice = voice
        self._key = find_key(api_key, "CARTESIA_API_KEY")
        self._url = base_url.rstrip("/").replace("http", "ws", 1)
        self._extra = ({"language": language} if language else {}) | (extra or {})
        self._first_timeout = first_timeout
        self._gap_timeout = gap_timeout
        self._lines = Lines(self._connect, provider=self.name, address=_address, most=_MOST, idle=_IDLE)

    async def warm(self) -> None:
        """Opens a socket, unless one is open, and proves the key. Raises ProviderError."""
        await self._lines.warm(None)

    async def rewarm(self) -> None:
        """Opens a socket, where the one there was has been idle for too long, or is full. Never raises."""
        await self._lines.rewarm(None)

    def open(self, *, sample_rate: int, voice: str | None = None) -> ContextStream:
        fields = {
            "model_id": self._model,
            "voice": {"mode": "id", "id": voice or self.voice},
            "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": sample_rate},
            "add_timestamps": True,
            "max_buffer_delay_ms": 0,  # what is sent are whole clauses: there is nothing to wait for
        }
        return ContextStream(
            self._lines,
            None,
            lambda send: _Context(send, rate=sample_rate, fields=fields | self._extra),
            provider=self.name,
            first_timeout=self._first_timeout,
            gap_timeout=self._gap_timeout,
        )

    async def aclose(self) -> None:
        """Closes every socket. Replies under way fail with Disconnected."""
        await self._lines.aclose()

    def _connect(self, key: None) -> Socket:
        if not self._key:
            raise AuthError("there is no key; set CARTESIA_API_KEY or api_key")
        headers = {"Authorization": f"Bearer {self._key}", "cartesia-version": API_VERSION}
        return Socket(f"{self._url}/tts/websocket", headers=headers)


class _Context:
    """All its messages must be alike but for the transcript. A flush after each segment makes the vendor tell where its
    audio ends."""

    def __init__(self, send: Send, *, rate: int, fields: dict[str, Any]) -> None:
        self.id = new_id()
        self._send = send
        self._rate = rate
        self._fields = fields | {"context_id": self.id}
        self._samples = WholeSamples()
        self._segments: deque[WordAlignment] = deque()  # those that have not ended
        self._flush = 0  # of the audio that came last, in the vendor's count
        self._flushed = 0  # the last one that the vendor has said to be done
        self._heard = 0  # samples of the context so far
        self._origin = 0  # of those, where the open segment begins
        self._done = False
        self._loop = asyncio.get_running_loop()
        self._used = self._loop.time()  # when text was last sent, or audio came

    @property
    def over(self) -> bool:
        return self._done or (not self._segments and self._loop.time() - self._used > _EXPIRY)

    def speak(self, text: str) -> None:
        self._used = self._loop.time()
        self._segments.append(WordAlignment(text))
        self._send(self._fields | {"transcript": text.rstrip() + " ", "continue": True})
        self._send(self._fields | {"transcript": "", "continue": True, "flush": True})

    def end(self) -> None:
        if not self.over:
            self._send(self._fields | {"transcript": "", "continue": False})

    def cancel(self) -> None:
        self._done = True  # what may still come is not waited for
        self._send({"context_id": self.id, "cancel": True})

    def keep_alive(self) -> None:
        """The vendor has nothing for that; a new context is as good."""

    def read(self, message: dict[str, Any]) -> Iterator[SpeechChunk]:
        kind, flush = message.get("type"), message.get("flush_id") or 0
        if kind == "error":
            said = " ".join(str(message[name]) for name in ("title", "message") if message.get(name))
            code = {"message": said or str(message.get("error")), "code": message.get("error_code")}
            raise from_error(code, status=message.get("status_code") or 0)
        if kind in ("chunk", "timestamps") and flush > self._flushed:
            if self._flush and flush > self._flush:
                yield from self._end_segment()  # though the vendor has not said so
            self._flush = flush
        if kind == "chunk":
            yield SpeechChunk(self._audio(message))
        elif kind == "timestamps":
            yield SpeechChunk(b"", self._words(message.get("word_timestamps") or {}))
        elif kind == "flush_done":
            self._flush, self._flushed = 0, flush
            yield from self._end_segment()
        elif kind == "done":
            self._done = True
            while self._segments:
                yield from self._end_segment()

    def quiet(self) -> Iterator[SpeechChunk]:
        return iter(())

    def _audio(self, message: dict[str, Any]) -> bytes:
        try:
            pcm = self._samples.feed(base64.b64decode(message["data"], validate=True))
        except (binascii.Error, TypeError, KeyError) as error:
            raise Disconnected("the server sent what is no audio") from error
        self._used = self._loop.time()
        self._heard += len(pcm) // SAMPLE_BYTES
        return pcm

    def _words(self, times: dict[str, Any]) -> tuple[WordTime, ...]:
        """The vendor counts seconds from the beginning of the context."""
        words = []
        for word, start in zip(times.get("words") or (), times.get("start") or (), strict=False):
            if self._segments and (char := self._segments[0].find(word)) is not None:
                words.append(WordTime(char, max(round(start * self._rate) - self._origin, 0)))
        return tuple(words)

    def _end_segment(self) -> Iterator[SpeechChunk]:
        if self._segments:
            self._segments.popleft()
            self._origin = self._heard
            yield NOTHING_SPOKEN


def _address(message: dict[str, Any]) -> str | None:
    return message.get("context_id")
