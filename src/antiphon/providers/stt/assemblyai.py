"""Speech to text by AssemblyAI's streaming API, version 3: the Universal-3 Pro family and Universal-Streaming.

A turn of theirs is a piece of an utterance of ours: it is forced to end when a final is asked for, and often ends by
itself before. They bill the time a connection is open, so every session says `Terminate`. Audio goes out in frames of
50 ms; shorter ones, and longer than a second, are refused. Source: their streaming reference, messages and codes of
API version 2025-05-12.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from antiphon.audio.speech import speech_extent
from antiphon.errors import AuthError, BadRequest, Disconnected, Overloaded, ProviderError, QuotaError, RateLimited
from antiphon.providers.base import SttCapabilities
from antiphon.providers.sockets import CONNECT_TIMEOUT, Socket
from antiphon.providers.stt.socket_stt import SocketStt, SocketSttStream
from antiphon.providers.stt.vendor_stream import FINAL_TIMEOUT

_URL = "wss://streaming.assemblyai.com"
_VERSION = "2025-05-12"
_RATE = 16_000  # Hz
_MOST_KEYTERMS, _LONGEST_KEYTERM = 100, 50  # more terms end the session
_TAIL = 2.0  # seconds of audio in which the last voice is looked for
_EARLY = 0.1  # seconds by which a word may be said to end before it is last heard
_LATE = 0.25  # seconds by which a word is said to end too late


class Word(msgspec.Struct):
    end: float = 0.0  # ms of the session's audio


class Message(msgspec.Struct):
    """Any message of theirs: the fields that are used of each."""

    type: str = ""
    turn_order: int = 0
    turn_is_formatted: bool = False
    end_of_turn: bool = False
    transcript: str = ""
    words: list[Word] = []
    error_code: int = 0
    error: str = ""


class AssemblyAI(SocketStt["AssemblyAIStream"]):
    """The STT named "assemblyai/<model>".

    The key is `api_key`, else $ASSEMBLYAI_API_KEY. `base_url` names a region ("wss://streaming.eu.assemblyai.com") or
    a server of one's own. `mode` is for the Universal-3 family: "min_latency", "balanced" or "max_accuracy". `extra` is
    added to the query of every session, for what is not named here: {"prompt": "A pharmacy's hotline."}.
    """

    def __init__(
        self,
        model: str = "",
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        mode: str | None = "min_latency",
        connect_timeout: float = CONNECT_TIMEOUT,
        final_timeout: float = FINAL_TIMEOUT,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self._model = model or "universal-3-6-pro"
        self._mode = mode
        self._extra = dict(extra or {})
        super().__init__(
            f"assemblyai/{self._model}",
            SttCapabilities(sample_rate=_RATE, partials=True, end_of_turn=True, keyterms=True),
            official_url=_URL,
            base_url=base_url,
            api_key=api_key,
            key_names=("ASSEMBLYAI_API_KEY",),
            connect_timeout=connect_timeout,
            final_timeout=final_timeout,
        )

    def make(self, keyterms: tuple[str, ...], language: str | None) -> AssemblyAIStream:
        query = self._query(keyterms, language)
        socket = self.connect(f"{self.base_url}/v3/ws?{urlencode(query)}")
        return AssemblyAIStream(self, socket, formats=query.get("format_turns") == "true")

    def headers(self, key: str) -> dict[str, str]:
        return {"Authorization": key, "AssemblyAI-Version": _VERSION}  # the bare key: with "Bearer" it is refused

    def why(self, code: int, reason: str) -> ProviderError | None:
        return from_code(code, reason)

    def _query(self, keyterms: tuple[str, ...], language: str | None) -> dict[str, str]:
        fields: dict[str, Any] = {"sample_rate": _RATE, "encoding": "pcm_s16le", "speech_model": self._model}
        if terms := fitting(keyterms):
            fields["keyterms_prompt"] = terms
        if self._model.startswith(("universal-3", "u3-")):
            # Silence is acknowledged so that one who hears nothing can be told from one who has fallen silent.
            fields |= {"mode": self._mode, "acknowledge_silence": True}
            if language:
                fields["language_codes"] = [language]
        fields |= self._extra
        return {name: _written(value) for name, value in fields.items() if value is not None}


class AssemblyAIStream(SocketSttStream[Message]):
    """One session of theirs."""

    message = Message
    farewell = '{"type":"Terminate"}'

    def __init__(self, stt: AssemblyAI, socket: Socket, *, formats: bool) -> None:
        super().__init__(stt, socket)
        self._formats = formats  # a turn's final comes twice, and the second time is meant
        self._turn = -1  # the newest of their turns
        self._ours = True  # it belongs to the open utterance
        self._ended = True  # it is over
        self._parted_at = 0.0  # seconds of audio at the last reset
        self._heard_to = 0.0  # seconds of audio up to the end of the last word that is settled
        self._voiced_to = 0.0  # the same, of the last voice before the final was asked for
        self._tail = bytearray()  # the newest audio

    def update(self, **settings: Any) -> None:
        """Changes the session while it runs: `keyterms_prompt`, `agent_context`, `min_turn_silence` and others."""
        self.say({"type": "UpdateConfiguration", **settings})

    def greeted(self, message: Message) -> bool:
        if message.type == "Error":
            raise _reported(message)
        return message.type == "Begin"

    def transmit(self, pcm: bytes) -> None:
        self._tail += pcm
        del self._tail[: -int(_TAIL * _RATE) * 2]
        super().transmit(pcm)

    def take(self, message: Message) -> None:
        match message.type:
            case "Turn":
                self._take_turn(message)
            case "Error":
                raise _reported(message)
            case "Termination":
                raise Disconnected("the server ended the session")

    def ask(self) -> None:
        """A turn that ended by itself is the final, if there has been no voice since."""
        self._voiced_to = self._last_voice()
        if self._ended and self._all_heard():
            self.answer()
        else:
            self.say({"type": "ForceEndpoint"})

    def part(self) -> None:
        self._parted_at = self.sent_seconds
        if not self._ended:
            self.say({"type": "ForceEndpoint"})
            self._ours = False

    def _take_turn(self, turn: Message) -> None:
        if turn.turn_order != self._turn:
            if not turn.transcript and not turn.words:
                return
            self._turn, self._ended = turn.turn_order, False
            self._ours = _end(turn) - _LATE > self._parted_at or not turn.words
        over = turn.end_of_turn and (turn.turn_is_formatted or not self._formats)
        repeated = self._ended  # the same, formatted though nobody asked for it
        self._ended = self._ended or over
        if not self._ours or repeated:
            return
        if not over:
            # Universal-Streaming leaves out of the transcript what it is not sure of yet.
            self.draft.open = turn.transcript or self.draft.open
            self.show()
            return
        self.draft.settle(turn.transcript)
        self._heard_to = max(self._heard_to, _end(turn))
        if self.draft.asked and self._all_heard():
            self.answer()
        else:
            self.show(end_of_turn=True)

    def _all_heard(self) -> bool:
        """The last voice before the final was asked for is in what is settled: this is the turn that was forced to
        end, not one before it."""
        return self._voiced_to <= max(self._heard_to + _EARLY, self._parted_at)

    def _last_voice(self) -> float:
        """Seconds of audio up to the end of the last voice in the newest of it."""
        extent = speech_extent(bytes(self._tail), _RATE)
        return self.sent_seconds - (len(self._tail) // 2 - extent[1]) / _RATE if extent else 0.0


def fitting(keyterms: tuple[str, ...]) -> list[str]:
    """As many terms as a session takes; a longer one than it takes is left out."""
    return [term for term in keyterms if len(term) <= _LONGEST_KEYTERM][:_MOST_KEYTERMS]


def from_code(code: int, reason: str) -> ProviderError | None:
    """The error for a code of theirs, which stands in an Error message and in the close after it alike."""
    message = f"{code}: {reason[:300]}"
    match code:
        case 1008 if any(word in reason.lower() for word in ("balance", "fund", "billing", "payment")):
            return QuotaError(message)
        case 1008 if "too many" in reason.lower():
            return RateLimited(message)
        case 1008:
            return AuthError(message)
        case 3005:
            return Overloaded(message)
        case 3006 | 3007:
            return BadRequest(message)
        case 3008:
            return Disconnected(f"the session had reached its age limit ({message})")
        case 3009:
            return RateLimited(message)
    return None


def _reported(message: Message) -> ProviderError:
    return from_code(message.error_code, message.error) or Disconnected(f"{message.error_code}: {message.error[:300]}")


def _end(turn: Message) -> float:
    """Seconds of audio up to the end of its last word."""
    return turn.words[-1].end / 1000 if turn.words else 0.0


def _written(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
