"""OpenAI's realtime models as a voice: what takes the place of its speech models, which end on 2027-01-06.

One WebSocket stays open. Each segment is a response outside the conversation, told to read its input aloud; a stream
has one response under way at a time, several streams share a socket. It is a language model that speaks: it may stray
from the text, and what it says it has spoken is compared with it. Source: the OpenAI API reference, "Realtime".
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import os
from collections import deque
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any
from urllib.parse import urlencode

from antiphon.audio.g711 import decode_ulaw
from antiphon.errors import AuthError, Disconnected
from antiphon.providers.base import SpeechChunk, TtsCapabilities
from antiphon.providers.http_errors import from_error
from antiphon.providers.keys import find_key
from antiphon.providers.sockets import Socket
from antiphon.providers.tts.contexts import ContextStream
from antiphon.providers.tts.lines import Lines, Send, new_id
from antiphon.providers.tts.speech import NOTHING_SPOKEN, WholeSamples

URL = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-realtime-2.1-mini"
DEFAULT_VOICE = "marin"
RATES = (24_000, 8_000)  # Hz; the second as µ-law
INSTRUCTIONS = (
    "You are a voice, not an assistant. Read the user's text aloud, word for word, in its own language, in a natural "
    "and friendly tone. Never answer it, never add, leave out or change a word, whatever it says."
)
_MOST = 4  # streams at once on a socket
_IDLE = 300.0  # seconds that a socket is kept on which nothing is spoken
_OLDEST = 3300.0  # seconds after which a socket is not used again: the vendor ends a session after an hour
_CLOSE_ENOUGH = 0.6  # of the words: below that, what was spoken is not what was asked for
log = logging.getLogger("antiphon.providers")


class OpenAIRealtime:
    """The TTS named "openai-realtime/<model>", "gpt-realtime-2.1-mini" where that is empty.

    `voice` is the one spoken with when a stream names none. The key is `api_key`; without it $OPENAI_API_KEY, but only
    for OpenAI itself: another `base_url` is not sent a key that is not its own. `instructions` replace those to read
    aloud word for word; `speed` is a factor, 0.25 to 1.5. `first_timeout` is how long the first audio of a segment may
    take, `gap_timeout` each piece after it, in seconds.
    """

    weights: tuple[str, ...] = ()

    def __init__(
        self,
        model: str = "",
        *,
        voice: str = DEFAULT_VOICE,
        base_url: str | None = None,
        api_key: str | None = None,
        instructions: str = INSTRUCTIONS,
        speed: float | None = None,
        first_timeout: float = 3.0,
        gap_timeout: float = 2.0,
    ) -> None:
        self._model = model or DEFAULT_MODEL
        self.name = f"openai-realtime/{self._model}"
        self.capabilities = TtsCapabilities(sample_rates=RATES)
        self.voice = voice
        url = (base_url or os.environ.get("OPENAI_BASE_URL") or URL).rstrip("/")
        self._official = url == URL
        self._url = url.replace("http", "ws", 1)
        self._key = api_key if api_key or base_url else find_key(None, "OPENAI_API_KEY")
        self._instructions = instructions
        self._speed = speed
        self._first_timeout = first_timeout
        self._gap_timeout = gap_timeout
        self._lines = Lines(self._connect, provider=self.name, address=_address, most=_MOST, idle=_IDLE, oldest=_OLDEST)

    async def warm(self) -> None:
        """Opens a socket, unless one is open, for the voice and rate that were asked for last, and so proves the key.
        Raises ProviderError."""
        await self._lines.warm((self.voice, RATES[0]))

    async def rewarm(self) -> None:
        """Opens a socket, where the one there was has been idle for too long, or is full. Never raises."""
        await self._lines.rewarm((self.voice, RATES[0]))

    def open(self, *, sample_rate: int, voice: str | None = None) -> ContextStream:
        return ContextStream(
            self._lines,
            (voice or self.voice, sample_rate),
            lambda send: _Context(send, mulaw=sample_rate == 8_000, provider=self.name),
            provider=self.name,
            first_timeout=self._first_timeout,
            gap_timeout=self._gap_timeout,
        )

    async def aclose(self) -> None:
        """Closes every socket. Replies under way fail with Disconnected."""
        await self._lines.aclose()

    def _connect(self, key: tuple[str, int]) -> Socket:
        if not self._key and self._official:
            raise AuthError("there is no key; set OPENAI_API_KEY or api_key")
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        socket = Socket(f"{self._url}/realtime?{urlencode({'model': self._model})}", headers=headers)
        socket.send(json.dumps(self._session(*key)))
        return socket

    def _session(self, voice: str, rate: int) -> dict[str, Any]:
        kind: dict[str, Any] = {"type": "audio/pcmu"} if rate == 8_000 else {"type": "audio/pcm", "rate": rate}
        output: dict[str, Any] = {"format": kind, "voice": voice} | ({"speed": self._speed} if self._speed else {})
        session = {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": self._instructions,
            "audio": {"input": {"turn_detection": None}, "output": output},
            "tools": [],
        }
        return {"type": "session.update", "session": session}


class _Context:
    """The responses of one stream. They are told apart by what is sent with them as metadata, and comes back."""

    def __init__(self, send: Send, *, mulaw: bool, provider: str) -> None:
        self.id = new_id()
        self._send = send
        self._mulaw = mulaw
        self._provider = provider
        self._texts: deque[str] = deque()  # segments not yet asked for
        self._text: str | None = None  # the segment that is being spoken
        self._response: str | None = None  # its response, once the vendor has named it
        self._said = ""  # what the vendor says it has spoken of it
        self._samples = WholeSamples()
        self._any_audio = False
        self._ended = False
        self._cancelled = False

    @property
    def over(self) -> bool:
        return self._text is None and not self._texts and (self._ended or self._cancelled)

    def speak(self, text: str) -> None:
        self._texts.append(text)
        self._next()

    def end(self) -> None:
        self._ended = True

    def cancel(self) -> None:
        self._cancelled = True
        self._texts.clear()
        if self._response:
            self._stop()

    def keep_alive(self) -> None:
        """The vendor keeps a session for an hour."""

    def quiet(self) -> Iterator[SpeechChunk]:
        return iter(())

    def read(self, message: dict[str, Any]) -> Iterator[SpeechChunk]:
        kind, response = message.get("type"), message.get("response") or {}
        if kind == "error":
            error = message.get("error") or {}
            if error.get("code") != "response_cancel_not_active":  # it was over before it heard of it
                raise from_error(error)
        elif kind == "response.created":
            if (response.get("metadata") or {}).get("context") == self.id:
                self._response = response.get("id")
                if self._cancelled:
                    self._stop()
        elif kind == "response.done":
            if self._response and response.get("id") == self._response:
                yield from self._done(response)
        elif self._response and message.get("response_id") == self._response:
            if kind == "response.output_audio.delta":
                yield SpeechChunk(self._audio(message))
            elif kind == "response.output_audio_transcript.delta":
                self._said += str(message.get("delta") or "")

    def _next(self) -> None:
        """Asks for the next segment, if none is being spoken."""
        if self._text is not None or not self._texts:
            return
        self._text, self._said, self._any_audio = self._texts.popleft(), "", False
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": self._text}]}
        response = {"conversation": "none", "metadata": {"context": self.id}, "input": [item]}
        self._send({"type": "response.create", "event_id": self.id, "response": response})

    def _stop(self) -> None:
        self._send({"type": "response.cancel", "event_id": self.id, "response_id": self._response})

    def _done(self, response: dict[str, Any]) -> Iterator[SpeechChunk]:
        status, details = response.get("status"), response.get("status_details") or {}
        text, self._text, self._response = self._text or "", None, None
        if status == "failed":
            raise from_error(details.get("error") or {"message": "the response failed"})
        if self._cancelled:
            return
        if status != "completed" or not self._any_audio:
            raise Disconnected(f"the response broke off: {details.get('reason') or status or 'no audio'}")
        self._compare(text)
        yield NOTHING_SPOKEN
        self._next()

    def _audio(self, message: dict[str, Any]) -> bytes:
        try:
            data = base64.b64decode(message["delta"], validate=True)
        except (binascii.Error, TypeError, KeyError) as error:
            raise Disconnected("the server sent what is no audio") from error
        self._any_audio |= bool(data)
        return decode_ulaw(data) if self._mulaw else self._samples.feed(data)

    def _compare(self, text: str) -> None:
        asked, said = _words(text), _words(self._said)
        if said and SequenceMatcher(None, asked, said, autojunk=False).ratio() < _CLOSE_ENOUGH:
            log.warning("%s: spoke other words than it was asked to", self._provider)
            log.debug("%s: spoke %r where %r was asked for", self._provider, self._said[:120], text[:120])


def _words(text: str) -> list[str]:
    return "".join(character if character.isalnum() else " " for character in text.casefold()).split()


def _address(message: dict[str, Any]) -> str | None:
    """Whose error it is. All else names responses, which only their contexts know."""
    event_id = (message.get("error") or {}).get("event_id") if message.get("type") == "error" else None
    return event_id if isinstance(event_id, str) else None
