"""What carriers of telephone calls have in common.

A carrier asks a web address what to do with a call, is answered with a document that names a WebSocket, and opens it:
the caller's audio comes in there, the agent's goes out. What it has played of it, it says by sending back *marks*.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from xml.sax.saxutils import escape, quoteattr

from antiphon.audio.dtmf import tones
from antiphon.audio.g711 import codec
from antiphon.conversation import notices
from antiphon.errors import ProtocolError
from antiphon.protocols.doors import CLOSE_MALFORMED, Door, Message
from antiphon.protocols.voice_agent import refusals
from antiphon.protocols.voice_agent.commands import PlayoutPosition
from antiphon.types import AudioFormat

PACKET = 20  # ms of audio in one packet of a telephone call
LONGEST_GAP = 50  # packets made up for; who is away for longer is muted
LATE = 2  # packets that may overtake one

ULAW_SESSION = {
    "input": {"format": {"encoding": "audio/pcmu", "sample_rate": 8000}},
    "output": {"format": {"encoding": "audio/pcmu", "sample_rate": 8000}},
}
FACTS = ("caller_number", "dialed_number", "direction")
NUMBER = re.compile(r"(\+|00)?[0-9]{3,15}|sips?:[^\s<>\"]{3,200}")


@dataclass(frozen=True, slots=True)
class Stream:
    """Where a carrier is to send a call: a WebSocket, and what it is to say there."""

    url: str  # wss://…
    said: Mapping[str, str]  # "ticket" among it


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a carrier's own API. It holds credentials, so it does not print itself."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a carrier asked. `urls` are the addresses it may have asked: a proxy may have changed them on the way."""

    method: str
    urls: Sequence[str]
    headers: Mapping[str, str]  # by names in lower case
    body: bytes
    fields: Sequence[tuple[str, str]]  # of the body's form, or of its JSON


class PhoneDoor(Door, Protocol):
    def keys(self, keys: str) -> Sequence[Message]:
        """The messages that sound these keys on the line. Raises ValueError for what is no key."""


class Carrier(Protocol):
    """One account with a carrier. All of it is arithmetic: who uses it does the asking."""

    @property
    def name(self) -> str: ...

    def door(self) -> PhoneDoor:
        """For one call."""

    def is_genuine(self, incoming: Incoming, *, now: float) -> bool:
        """Whether it was the carrier who asked. `now` in seconds of the epoch."""

    def answer(self, incoming: Incoming, stream: Stream) -> tuple[str, str]:
        """The media type and the document that sends the call to `stream`."""

    def call(self, *, to: str, by: str, stream: Stream, now: float) -> Request:
        """Calls the number `to`, showing the number `by`. Raises ConfigError where a credential is missing."""

    def call_id(self, answer: Mapping[str, object]) -> str:
        """The name of the call that was placed, from the JSON that answered."""

    def transfer(self, call_id: str, *, to: str, now: float) -> Request:
        """Hands the caller over to another number. Raises ConfigError where a credential is missing."""

    def hang_up(self, call_id: str, *, now: float) -> Request | None:
        """Ends the call; None: closing the WebSocket does. Raises ConfigError where a credential is missing."""


class Playback:
    """What a carrier has been sent of the agent's audio, and what it said it has played.

    A mark follows each piece. On a clear the carrier gives all marks back at once that it holds, so those that were out
    by then say nothing any more."""

    def __init__(self) -> None:
        self._names = itertools.count(1)
        self._out: dict[str, PlayoutPosition] = {}
        self._reply_id = ""
        self._samples = 0  # of the reply, sent
        self._is_playing = False  # something of a reply was sent that is not done

    def sent(self, reply_id: str, samples: int, *, held: int = 0) -> str:
        """Counts a piece, of which the last `held` samples are still here; returns the name of the mark that is to
        follow it."""
        if reply_id != self._reply_id:
            self._reply_id, self._samples = reply_id, 0
        self._samples += samples
        self._is_playing = True
        name = str(next(self._names))
        self._out[name] = PlayoutPosition(reply_id, max(self._samples - held, 0))
        return name

    def back(self, name: str) -> tuple[PlayoutPosition, ...]:
        """The carrier gives a mark back."""
        position = self._out.pop(name, None)
        return (position,) if position else ()

    def is_to_be_cleared(self, notice: notices.Notice) -> bool:
        """Whether a notice says that what the carrier holds is not to be played. Nothing is out then any more."""
        if not isinstance(notice, notices.SpeechStarted | notices.ReplyDone):
            return False
        completed = isinstance(notice, notices.ReplyDone) and notice.status is notices.ReplyStatus.COMPLETED
        cleared = self._is_playing and not completed
        self._is_playing = False
        if cleared:
            self._out.clear()
        return cleared


class Uplink:
    """The caller's packets in their order, with silence for those that were lost."""

    def __init__(self, *, silence: bytes, reorders: bool = False) -> None:
        """`silence` is one packet of it. `reorders`: the carrier says that packets may overtake each other."""
        self._silence = silence
        self._per_ms = len(silence) / PACKET
        self._reorders = reorders
        self._due: float | None = None  # ms of the call at which the next packet begins
        self._early: dict[int, bytes] = {}  # packets that overtook one, by when they begin

    def packet(self, data: bytes, *, at: int) -> bytes:
        """Takes a packet that begins `at` ms of the call; returns the audio that is known by now."""
        if self._due is None:
            self._due = at
        if at - self._due < PACKET:
            return self._take(data) + self._catch_up()
        self._early[at] = data
        if self._reorders and len(self._early) <= LATE:
            return b""
        lost = int((min(self._early) - self._due) // PACKET)
        made_up = self._silence * min(lost, LONGEST_GAP)
        self._due += lost * PACKET
        return made_up + self._catch_up()

    def _take(self, data: bytes) -> bytes:
        assert self._due is not None
        self._due += len(data) / self._per_ms
        return data

    def _catch_up(self) -> bytes:
        assert self._due is not None
        data = b""
        while self._early and (first := min(self._early)) - self._due < PACKET:
            data += self._take(self._early.pop(first))
        return data


def facts(caller: str | None, dialled: str | None, *, outbound: bool = False) -> dict[str, str]:
    """What is known of a call, by the names that pre-connect requests have for it."""
    return dict(zip(FACTS, (caller or "", dialled or "", "outbound" if outbound else "inbound"), strict=True))


def sound_of(keys: str, audio_format: AudioFormat) -> bytes:
    """The tones of these keys, as they are sent. Raises ValueError for what is no key."""
    return codec(audio_format).encode(tones(keys, rate=audio_format.sample_rate))


def stream_document(stream: Stream, **attributes: str) -> str:
    """The XML that Twilio and Telnyx both read: connect the call to a WebSocket, and hang up when that is closed."""
    named = "".join(f" {name}={quoteattr(value)}" for name, value in {"url": stream.url, **attributes}.items())
    said = "".join(f"<Parameter name={quoteattr(k)} value={quoteattr(v)}/>" for k, v in stream.said.items())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Response><Connect><Stream{named}>{said}</Stream></Connect></Response>'
    )


def dial_document(number: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response><Dial>{escape(number)}</Dial></Response>'


def malformed(what: str) -> ProtocolError:
    return ProtocolError(what, code=refusals.ErrorCode.INVALID_FORMAT, fatal=True)


def close_code(error: ProtocolError) -> int | None:
    """Carriers have no message for an error of ours: a connection that cannot go on is closed, with the code that
    RFC 6455 has for it."""
    if error.fatal and error.code == refusals.ErrorCode.INVALID_FORMAT:
        return CLOSE_MALFORMED
    return refusals.close_code(error)
