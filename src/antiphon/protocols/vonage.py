"""Vonage: the WebSocket endpoint of its voice API.

    /vonage  ──► NCCO: connect to a websocket  ──► WebSocket: websocket:connected, then binary audio

Audio is 16-bit PCM in binary messages of 20 ms; its rate is told when the WebSocket is connected. What Twilio calls a
mark is a *notify* here: it comes back when what was sent before it has been played.
Rules: Vonage's pages "WebSockets in the Voice API", "NCCO reference" and "Signed webhooks".
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message as Header
from typing import Any, Self

import jwt
import msgspec

from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.audio.resample import Resampler
from antiphon.conversation import notices
from antiphon.errors import ConfigError, ProtocolError
from antiphon.protocols import phone
from antiphon.protocols.doors import Begin, Command, Digit, Message
from antiphon.protocols.phone import PACKET, Incoming, Playback, Request, Stream, malformed
from antiphon.protocols.voice_agent.commands import Audio
from antiphon.protocols.voice_agent.config import Settings
from antiphon.types import PCM_24K, AudioFormat

API = "https://api.nexmo.com"
RATE = 16_000  # Hz, that is asked for
RATES = (8_000, 16_000, 24_000)
TOKEN_LASTS = 60.0  # seconds


# --- the WebSocket --------------------------------------------------------------------------------------------------


class VonageDoor:
    """One call's WebSocket. The session's audio is at 24 kHz, as PCM is on the wire of the Voice Agent API."""

    def __init__(self) -> None:
        self._rate = 0  # Hz, once it is connected
        self._playback = Playback()
        self._unsent = b""  # less than a packet
        self._held = 0.0  # samples, at 24 kHz, that are in the resampler

    def receive(self, data: Message) -> Sequence[Command]:
        if isinstance(data, bytes):
            return self._audio(data)
        try:
            said = msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as failure:
            raise malformed("text messages hold a JSON object") from failure
        match said:
            case {"event": "websocket:connected"}:
                return (self._begin(said),)
            case {"event": "websocket:dtmf", "digit": str(digit)}:
                return (Digit(digit),)
            case {"event": "websocket:notify", "payload": {"mark": str(name)}}:
                return self._playback.back(name)
            case {"event": str()}:
                return ()
        raise malformed("there is no event in it")

    def opened(self, settings: Settings) -> Sequence[Message]:
        return ()

    def send(self, notice: notices.Notice) -> Sequence[Message]:
        if isinstance(notice, notices.ReplyAudio):
            return self._play(notice)
        if self._playback.is_to_be_cleared(notice):
            self._unsent = b""
            return (_action("clear"),)
        return self._packets(b"", last=True) if isinstance(notice, notices.ReplyDone) else ()

    def keys(self, keys: str) -> Sequence[Message]:
        return self._packets(phone.sound_of(keys, AudioFormat(sample_rate=self._rate or RATE)), last=True)

    def error(self, error: ProtocolError) -> Sequence[Message]:
        return ()

    def close_code(self, error: ProtocolError) -> int | None:
        return phone.close_code(error)

    def _begin(self, said: dict[str, Any]) -> Begin:
        if self._rate:
            raise malformed("a WebSocket is connected once")
        self._rate = _rate(said.get("content-type"))
        self._up = Resampler(self._rate, PCM_24K.sample_rate)
        self._down = Resampler(PCM_24K.sample_rate, self._rate)
        facts = {name: str(said[name]) for name in phone.FACTS if name in said}
        given = {name: str(said[name]) for name in ("ticket", "agent_id", "uuid") if name in said}
        pcm = {"format": {"encoding": "audio/pcm", "sample_rate": PCM_24K.sample_rate}}
        return Begin(
            {"input": pcm, "output": pcm},
            ticket=given.get("ticket", ""),
            agent_id=given.get("agent_id"),
            call_id=given.get("uuid", ""),
            facts=facts,
        )

    def _audio(self, data: bytes) -> Sequence[Command]:
        if not self._rate:
            raise malformed("audio before websocket:connected")
        if len(data) % SAMPLE_BYTES:
            raise malformed(f"16-bit samples need an even number of bytes, not {len(data)}")
        pcm = self._up.process(data)
        return (Audio(pcm),) if pcm else ()

    def _play(self, notice: notices.ReplyAudio) -> Sequence[Message]:
        pcm = self._down.process(notice.data)
        packets = self._packets(pcm)
        self._held += len(notice.data) / SAMPLE_BYTES - len(pcm) / SAMPLE_BYTES * PCM_24K.sample_rate / self._rate
        unsent = len(self._unsent) / SAMPLE_BYTES * PCM_24K.sample_rate / self._rate
        mark = self._playback.sent(
            notice.reply_id, len(notice.data) // SAMPLE_BYTES, held=math.ceil(self._held + unsent)
        )
        return (*packets, _action("notify", payload={"mark": mark}))

    def _packets(self, pcm: bytes, *, last: bool = False) -> Sequence[Message]:
        """Whole packets; what is left of one waits for more, or is filled up."""
        size = self._rate * PACKET // 1000 * SAMPLE_BYTES
        waiting = self._unsent + pcm
        if last and len(waiting) % size:
            waiting += bytes(size - len(waiting) % size)
        whole = len(waiting) - len(waiting) % size
        self._unsent = waiting[whole:]
        return tuple(waiting[at : at + size] for at in range(0, whole, size))


def _action(action: str, **more: Any) -> str:
    return msgspec.json.encode({"action": action, **more}).decode()


def _rate(content_type: object) -> int:
    """Of `audio/l16;rate=16000`. Raises ProtocolError."""
    header = Header()
    header["content-type"] = str(content_type)
    rate = str(header.get_param("rate", ""))
    if header.get_content_type() != "audio/l16" or rate not in map(str, RATES):
        raise malformed(f"audio/l16 at one of {RATES} Hz is understood, not {content_type!r}")
    return int(rate)


# --- the API --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Vonage:
    """An application. `signature_secret` checks what Vonage asks; `private_key` (PEM) opens its API."""

    signature_secret: str = field(repr=False)
    application_id: str = ""
    private_key: str = field(default="", repr=False)
    api: str = API
    name: str = "vonage"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self | None:
        secret = environment.get("VONAGE_SIGNATURE_SECRET")
        if not secret:
            return None
        return cls(
            signature_secret=secret,
            application_id=environment.get("VONAGE_APPLICATION_ID", ""),
            private_key=environment.get("VONAGE_PRIVATE_KEY", "").replace("\\n", "\n"),
        )

    def door(self) -> VonageDoor:
        return VonageDoor()

    def is_genuine(self, incoming: Incoming, *, now: float) -> bool:
        """A JSON Web Token, with the hash of the body in it where there is one."""
        scheme, _, token = incoming.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        try:
            claims = jwt.decode(token, self.signature_secret, algorithms=["HS256"], options={"verify_iat": False})
        except jwt.InvalidTokenError:
            return False
        digest = hashlib.sha256(incoming.body).hexdigest()
        fresh = isinstance(issued := claims.get("iat"), int | float) and abs(now - issued) < 5 * TOKEN_LASTS
        return fresh and (not incoming.body or secrets.compare_digest(str(claims.get("payload_hash")), digest))

    def answer(self, incoming: Incoming, stream: Stream) -> tuple[str, str]:
        asked = dict(incoming.fields)
        said = {**phone.facts(asked.get("from"), asked.get("to")), "uuid": asked.get("uuid", "")}
        return "application/json", msgspec.json.encode(_ncco(stream, said)).decode()

    def call(self, *, to: str, by: str, stream: Stream, now: float) -> Request:
        return self._request(
            "POST",
            "",
            now,
            to=[{"type": "phone", "number": to.lstrip("+")}],
            ncco=_ncco(stream, phone.facts(by, to, outbound=True)),
            **{"from": {"type": "phone", "number": by.lstrip("+")}},
        )

    def call_id(self, answer: Mapping[str, object]) -> str:
        return str(answer.get("uuid", ""))

    def transfer(self, call_id: str, *, to: str, now: float) -> Request:
        ncco = [{"action": "connect", "endpoint": [{"type": "phone", "number": to.lstrip("+")}]}]
        return self._request("PUT", f"/{call_id}", now, action="transfer", destination={"type": "ncco", "ncco": ncco})

    def hang_up(self, call_id: str, *, now: float) -> Request | None:
        return self._request("PUT", f"/{call_id}", now, action="hangup") if call_id else None

    def _request(self, method: str, path: str, now: float, **body: Any) -> Request:
        if not (self.application_id and self.private_key):
            raise ConfigError("VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY are not both set")
        claims = {
            "application_id": self.application_id,
            "iat": int(now),
            "exp": int(now + TOKEN_LASTS),
            "jti": secrets.token_hex(16),
        }
        try:
            token = jwt.encode(claims, self.private_key, algorithm="RS256")
        except (NotImplementedError, jwt.PyJWTError, ValueError, TypeError) as error:
            raise ConfigError('VONAGE_PRIVATE_KEY is no RSA key in PEM, or "antiphon[phone]" is missing') from error
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return Request(method, f"{self.api}/v1/calls{path}", headers, msgspec.json.encode(body))


def _ncco(stream: Stream, facts: Mapping[str, str]) -> list[dict[str, Any]]:
    endpoint = {
        "type": "websocket",
        "uri": stream.url,
        "content-type": f"audio/l16;rate={RATE}",
        "headers": {**facts, **stream.said},
    }
    return [{"action": "connect", "endpoint": [endpoint]}]
