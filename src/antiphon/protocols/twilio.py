"""Twilio: Media Streams, and what is asked of its voice API.

    POST /twilio  ──► TwiML: <Connect><Stream>  ──► WebSocket: connected, start, media…, stop

Audio is µ-law at 8 kHz both ways. A `mark` comes back when what was sent before it has been played; after a `clear`
all come back at once. When the WebSocket is closed the call ends, for the TwiML says nothing more.
Rules: Twilio's pages "Media Streams: WebSocket messages" and "Webhooks security".
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import msgspec

from antiphon.audio.g711 import codec
from antiphon.audio.pcm import silence
from antiphon.conversation import notices
from antiphon.errors import ConfigError, ProtocolError
from antiphon.protocols import phone
from antiphon.protocols.doors import Begin, Command, Digit, Message
from antiphon.protocols.phone import PACKET, Incoming, Playback, Request, Stream, Uplink, malformed
from antiphon.protocols.voice_agent.commands import Audio, End
from antiphon.protocols.voice_agent.config import Settings
from antiphon.types import ULAW_8K

API = "https://api.twilio.com"
SILENCE = codec(ULAW_8K).encode(silence(PACKET * ULAW_8K.sample_rate // 1000))


# --- the WebSocket --------------------------------------------------------------------------------------------------


class _Frame(msgspec.Struct, frozen=True, tag_field="event", rename="camel"):
    """What else a frame says is ignored."""


class Connected(_Frame, frozen=True, tag="connected"):
    pass


class MediaFormat(msgspec.Struct, frozen=True, rename="camel"):
    encoding: str
    sample_rate: int
    channels: int = 1


class StartOf(msgspec.Struct, frozen=True, rename="camel"):
    call_sid: str
    media_format: MediaFormat
    custom_parameters: dict[str, str] = {}


class Start(_Frame, frozen=True, tag="start", rename="camel"):
    stream_sid: str
    start: StartOf


class MediaOf(msgspec.Struct, frozen=True):
    payload: bytes  # base64 on the wire
    timestamp: int  # ms since the stream began; a string on the wire
    track: str = "inbound"


class Media(_Frame, frozen=True, tag="media"):
    media: MediaOf


class DtmfOf(msgspec.Struct, frozen=True):
    digit: str


class Dtmf(_Frame, frozen=True, tag="dtmf"):
    dtmf: DtmfOf


class MarkOf(msgspec.Struct, frozen=True):
    name: str


class Mark(_Frame, frozen=True, tag="mark"):
    mark: MarkOf


class Stop(_Frame, frozen=True, tag="stop"):
    pass


_DECODER: msgspec.json.Decoder[Connected | Start | Media | Dtmf | Mark | Stop] = msgspec.json.Decoder(
    Connected | Start | Media | Dtmf | Mark | Stop, strict=False
)


class TwilioDoor:
    """One call's stream."""

    def __init__(self) -> None:
        self._sid = ""  # of the stream, once it has started
        self._uplink = Uplink(silence=SILENCE)
        self._playback = Playback()

    def receive(self, data: Message) -> Sequence[Command]:
        try:
            frame = _DECODER.decode(data)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as failure:
            raise malformed(f"not a frame of Media Streams: {failure}") from failure
        if isinstance(frame, Media):  # first: fifty a second
            return self._audio(frame.media)
        match frame:
            case Start():
                return (self._begin(frame),)
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
            return (self._media(notice.data), self._frame("mark", mark={"name": mark}))
        return (self._frame("clear"),) if self._playback.is_to_be_cleared(notice) else ()

    def keys(self, keys: str) -> Sequence[Message]:
        return (self._media(phone.sound_of(keys, ULAW_8K)),)

    def error(self, error: ProtocolError) -> Sequence[Message]:
        return ()

    def close_code(self, error: ProtocolError) -> int | None:
        return phone.close_code(error)

    def _begin(self, frame: Start) -> Begin:
        if self._sid:
            raise malformed("a stream starts once")
        given = frame.start.media_format
        if (given.encoding, given.sample_rate, given.channels) != ("audio/x-mulaw", 8000, 1):
            raise malformed(f"audio/x-mulaw at 8000 Hz in one channel is understood, not {given}")
        self._sid = frame.stream_sid
        said = dict(frame.start.custom_parameters)
        return Begin(
            phone.ULAW_SESSION,
            ticket=said.pop("ticket", ""),
            agent_id=said.pop("agent_id", None),
            call_id=frame.start.call_sid,
            facts=said,
        )

    def _audio(self, media: MediaOf) -> Sequence[Command]:
        if not self._sid:
            raise malformed("media before start")
        if media.track != "inbound" or not media.payload:
            return ()
        data = self._uplink.packet(media.payload, at=media.timestamp)
        return (Audio(data),) if data else ()

    def _media(self, data: bytes) -> Message:
        return self._frame("media", media={"payload": data})

    def _frame(self, event: str, **more: Any) -> str:
        return msgspec.json.encode({"event": event, "streamSid": self._sid, **more}).decode()


# --- the API --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Twilio:
    """An account. `auth_token` signs what Twilio asks, and opens its API."""

    auth_token: str = field(repr=False)
    account_sid: str = ""
    api: str = API
    name: str = "twilio"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self | None:
        token = environment.get("TWILIO_AUTH_TOKEN")
        return cls(auth_token=token, account_sid=environment.get("TWILIO_ACCOUNT_SID", "")) if token else None

    def door(self) -> TwilioDoor:
        return TwilioDoor()

    def is_genuine(self, incoming: Incoming, *, now: float) -> bool:
        given = incoming.headers.get("x-twilio-signature", "")
        fields = incoming.fields if incoming.method == "POST" else ()
        return any(
            hmac.compare_digest(signature(self.auth_token, variant, fields).encode(), given.encode())
            for url in incoming.urls
            for variant in _with_and_without_port(url)
        )

    def answer(self, incoming: Incoming, stream: Stream) -> tuple[str, str]:
        asked = dict(incoming.fields)
        said = phone.facts(asked.get("From"), asked.get("To"))
        return "text/xml", phone.stream_document(Stream(stream.url, {**said, **stream.said}))

    def call(self, *, to: str, by: str, stream: Stream, now: float) -> Request:
        said = {**phone.facts(by, to, outbound=True), **stream.said}
        return self._request("Calls.json", To=to, From=by, Twiml=phone.stream_document(Stream(stream.url, said)))

    def call_id(self, answer: Mapping[str, object]) -> str:
        return str(answer.get("sid", ""))

    def transfer(self, call_id: str, *, to: str, now: float) -> Request:
        return self._request(f"Calls/{call_id}.json", Twiml=phone.dial_document(to))

    def hang_up(self, call_id: str, *, now: float) -> Request | None:
        return None

    def _request(self, path: str, **form: str) -> Request:
        if not self.account_sid:
            raise ConfigError("TWILIO_ACCOUNT_SID is not set: give it, beside TWILIO_AUTH_TOKEN")
        login = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        return Request(
            "POST",
            f"{self.api}/2010-04-01/Accounts/{self.account_sid}/{path}",
            {"Authorization": f"Basic {login}", "Content-Type": "application/x-www-form-urlencoded"},
            urlencode(form).encode(),
        )


def signature(auth_token: str, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """`X-Twilio-Signature`: HMAC-SHA1 of the address, and each field of the form by its name, in base64."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.digest(auth_token.encode(), signed.encode(), "sha1")).decode()


def _with_and_without_port(url: str) -> list[str]:
    """Twilio signs some addresses with their usual port, and some without it."""
    parts = urlsplit(url)
    port = {"https": 443, "http": 80}.get(parts.scheme, 443)
    host = parts.hostname or ""
    if parts.port is None:
        return [url, parts._replace(netloc=f"{host}:{port}").geturl()]
    return [url, parts._replace(netloc=host).geturl()]
