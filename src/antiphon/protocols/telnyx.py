"""Telnyx: media streaming over a WebSocket, and what is asked of its voice API.

    POST /telnyx  ──► TeXML: <Connect><Stream>  ──► WebSocket: connected, start, media…, stop

Audio is µ-law at 8 kHz both ways, as RTP payloads; packets may overtake each other. Marks are Twilio's.
Rules: Telnyx's pages "Media Streaming over WebSockets", "TeXML Stream" and "Webhook signing". A TeXML application sends
the webhook; calls are placed and moved with the call control API.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec

from antiphon.conversation import notices
from antiphon.errors import ConfigError, MissingDependency, ProtocolError
from antiphon.protocols import phone
from antiphon.protocols.doors import Begin, Command, Digit, Message
from antiphon.protocols.phone import Incoming, Playback, Request, Stream, Uplink, malformed
from antiphon.protocols.twilio import SILENCE, Connected, Dtmf, Mark, Media, MediaOf, Stop
from antiphon.protocols.voice_agent.commands import Audio, End
from antiphon.protocols.voice_agent.config import Settings
from antiphon.types import ULAW_8K

API = "https://api.telnyx.com/v2"
TOLERANCE = 300.0  # seconds a signature is good for
BOTH_WAYS = {"bidirectionalMode": "rtp", "bidirectionalCodec": "PCMU"}


# --- the WebSocket --------------------------------------------------------------------------------------------------


class MediaFormat(msgspec.Struct, frozen=True):
    encoding: str
    sample_rate: int
    channels: int = 1


class StartOf(msgspec.Struct, frozen=True, rename={"by": "from"}):
    call_control_id: str
    media_format: MediaFormat
    custom_parameters: dict[str, str] = {}
    client_state: str | None = None  # base64
    by: str = ""
    to: str = ""


class Start(msgspec.Struct, frozen=True, tag_field="event", tag="start"):
    start: StartOf


class ErrorOf(msgspec.Struct, frozen=True):
    code: int | str = ""
    title: str = ""


class Error(msgspec.Struct, frozen=True, tag_field="event", tag="error"):
    """Telnyx could not use what it was sent. The call goes on."""

    payload: ErrorOf = ErrorOf()


_DECODER: msgspec.json.Decoder[Connected | Start | Media | Dtmf | Mark | Stop | Error] = msgspec.json.Decoder(
    Connected | Start | Media | Dtmf | Mark | Stop | Error, strict=False
)


class TelnyxDoor:
    """One call's stream."""

    def __init__(self) -> None:
        self._started = False
        self._uplink = Uplink(silence=SILENCE, reorders=True)
        self._playback = Playback()

    def receive(self, data: Message) -> Sequence[Command]:
        try:
            frame = _DECODER.decode(data)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as failure:
            raise malformed(f"not a frame of media streaming: {failure}") from failure
        if isinstance(frame, Media):
            return self._audio(frame.media)
        match frame:
            case Start(start):
                return (self._begin(start),)
            case Mark(mark):
                return self._playback.back(mark.name)
            case Dtmf(dtmf):
                return (Digit(dtmf.digit),)
            case Stop():
                return (End(),)
        return ()

    def opened(self, settings: Settings) -> Sequence[Message]:
        return ()

    def send(self, notice: notices.Notice) -> Sequence[Message]:
        if isinstance(notice, notices.ReplyAudio):
            mark = self._playback.sent(notice.reply_id, len(notice.data))
            return (_frame("media", media={"payload": notice.data}), _frame("mark", mark={"name": mark}))
        return (_frame("clear"),) if self._playback.is_to_be_cleared(notice) else ()

    def keys(self, keys: str) -> Sequence[Message]:
        return (_frame("media", media={"payload": phone.sound_of(keys, ULAW_8K)}),)

    def error(self, error: ProtocolError) -> Sequence[Message]:
        return ()

    def close_code(self, error: ProtocolError) -> int | None:
        return phone.close_code(error)

    def _begin(self, start: StartOf) -> Begin:
        if self._started:
            raise malformed("a stream starts once")
        given = start.media_format
        if (given.encoding, given.sample_rate, given.channels) != ("PCMU", 8000, 1):
            raise malformed(f"PCMU at 8000 Hz in one channel is understood, not {given}")
        self._started = True
        said = {**phone.facts(start.by, start.to), **_kept(start.client_state), **start.custom_parameters}
        return Begin(
            phone.ULAW_SESSION,
            ticket=said.pop("ticket", ""),
            agent_id=said.pop("agent_id", None),
            call_id=start.call_control_id,
            facts=said,
        )

    def _audio(self, media: MediaOf) -> Sequence[Command]:
        if not self._started:
            raise malformed("media before start")
        if media.track != "inbound" or not media.payload:
            return ()
        data = self._uplink.packet(media.payload, at=media.timestamp)
        return (Audio(data),) if data else ()


def _frame(event: str, **more: Any) -> str:
    return msgspec.json.encode({"event": event, **more}).decode()


def _kept(state: str | None) -> dict[str, str]:
    """What a call that we placed was given along. Raises ProtocolError."""
    try:
        return msgspec.json.decode(base64.b64decode(state or ""), type=dict[str, str]) if state else {}
    except (msgspec.MsgspecError, binascii.Error, RecursionError) as failure:
        raise malformed("a client_state that is not ours") from failure


# --- the API --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Telnyx:
    """An account. `public_key` checks what Telnyx asks; `api_key` opens its API; `connection_id` is the application
    that places calls."""

    public_key: str
    api_key: str = field(default="", repr=False)
    connection_id: str = ""
    api: str = API
    name: str = "telnyx"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self | None:
        public_key = environment.get("TELNYX_PUBLIC_KEY")
        if not public_key:
            return None
        return cls(
            public_key=public_key,
            api_key=environment.get("TELNYX_API_KEY", ""),
            connection_id=environment.get("TELNYX_CONNECTION_ID", ""),
        )

    def door(self) -> TelnyxDoor:
        return TelnyxDoor()

    def is_genuine(self, incoming: Incoming, *, now: float) -> bool:
        """Ed25519 over the time, a bar, and the body. Raises MissingDependency."""
        at, given = (incoming.headers.get(f"telnyx-{name}", "") for name in ("timestamp", "signature-ed25519"))
        if not at.isdecimal() or abs(now - int(at[:12])) > TOLERANCE:
            return False
        return _verified(self.public_key, given, f"{at}|".encode() + incoming.body)

    def answer(self, incoming: Incoming, stream: Stream) -> tuple[str, str]:
        return "text/xml", phone.stream_document(stream, codec="PCMU", **BOTH_WAYS)

    def call(self, *, to: str, by: str, stream: Stream, now: float) -> Request:
        if not self.connection_id:
            raise ConfigError("TELNYX_CONNECTION_ID is not set: give the id of the application that places calls")
        return self._request(
            "/calls",
            connection_id=self.connection_id,
            to=to,
            stream_url=stream.url,
            stream_track="inbound_track",
            stream_codec="PCMU",
            stream_bidirectional_mode="rtp",
            stream_bidirectional_codec="PCMU",
            client_state=base64.b64encode(msgspec.json.encode({"direction": "outbound", **stream.said})).decode(),
            **{"from": by},
        )

    def call_id(self, answer: Mapping[str, object]) -> str:
        data = answer.get("data")
        return str(data.get("call_control_id", "")) if isinstance(data, dict) else ""

    def transfer(self, call_id: str, *, to: str, now: float) -> Request:
        return self._request(f"/calls/{call_id}/actions/transfer", to=to)

    def hang_up(self, call_id: str, *, now: float) -> Request | None:
        return self._request(f"/calls/{call_id}/actions/hangup")

    def _request(self, path: str, **body: str) -> Request:
        if not self.api_key:
            raise ConfigError("TELNYX_API_KEY is not set")
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        return Request("POST", f"{self.api}{path}", headers, msgspec.json.encode(body))


def _verified(public_key: str, given: str, signed: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise MissingDependency('Telnyx signs with Ed25519: install "antiphon[phone]"') from error
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
        key.verify(base64.b64decode(given, validate=True), signed)
    except (InvalidSignature, ValueError):
        return False
    return True
