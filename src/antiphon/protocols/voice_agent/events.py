"""The messages a server sends. The server encodes these; a client decodes the same ones.

Fields that older generations leave out have defaults, so a client can read them too; a server fills in all of them.
`timestamp` is in seconds of the epoch.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from antiphon.types import Cost


class _Event(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    timestamp: float | str = 0.0  # a server of another make may write it as a date
    seq: int | UnsetType = UNSET  # extension "seq"


class SessionUpdated(_Event, frozen=True, kw_only=True, tag="session.updated"):
    config: Any = None  # sent: config.Session; received: a dict


class SessionReady(_Event, frozen=True, kw_only=True, tag="session.ready"):
    session_id: str
    config: Any = None
    expires_at: int = 0  # seconds of the epoch
    resume_token: str | None = None
    replayed: bool | UnsetType = UNSET  # extension "seq", on a resume: all that was missed since `seq` follows


class SessionEnded(_Event, frozen=True, kw_only=True, tag="session.ended"):
    session_duration_seconds: float = 0.0
    audio_duration_seconds: float | None = None
    cost: Cost | UnsetType = UNSET  # extension "metrics"


class SessionError(_Event, frozen=True, kw_only=True, tag="session.error"):
    code: str
    message: str
    param: str | UnsetType | None = UNSET  # left out of errors about a message that could not be read
    session_id: str | UnsetType | None = UNSET


class InputSpeechStarted(_Event, frozen=True, kw_only=True, tag="input.speech.started"):
    pass


class InputSpeechStopped(_Event, frozen=True, kw_only=True, tag="input.speech.stopped"):
    pass


class TranscriptUserDelta(_Event, frozen=True, kw_only=True, tag="transcript.user.delta"):
    item_id: str
    text: str  # cumulative


class TranscriptUser(_Event, frozen=True, kw_only=True, tag="transcript.user"):
    item_id: str
    text: str


class ReplyStarted(_Event, frozen=True, kw_only=True, tag="reply.started"):
    reply_id: str
    item_id: str


class ReplyAudio(_Event, frozen=True, kw_only=True, tag="reply.audio"):
    reply_id: str = ""
    data: bytes  # base64 on the wire


class TranscriptAgentDelta(_Event, frozen=True, kw_only=True, tag="transcript.agent.delta"):
    reply_id: str
    item_id: str
    delta: str  # incremental
    start_ms: int | None = None  # from the start of the reply's audio
    end_ms: int | None = None


class TranscriptAgent(_Event, frozen=True, kw_only=True, tag="transcript.agent"):
    reply_id: str
    item_id: str
    text: str
    interrupted: bool = False


class ReplyDone(_Event, frozen=True, kw_only=True, tag="reply.done"):
    reply_id: str
    status: str = "completed"  # or "interrupted"


class ReplyError(_Event, frozen=True, kw_only=True, tag="reply.error"):
    """The model or the TTS failed: the reply ends as always, and the session goes on."""

    reply_id: str
    code: str
    message: str
    retryable: bool = False
    status_code: int | None = None  # of HTTP, that the provider answered with


class ToolCall(_Event, frozen=True, kw_only=True, tag="tool.call"):
    call_id: str
    name: str
    arguments: Any = None
    args: Any = UNSET  # the first generation's name; sent only to a client of that generation


class MetricsSpan(msgspec.Struct, frozen=True):
    name: str
    ms: float
    estimated: bool = False
    over_budget: bool = False


class TurnMetrics(_Event, frozen=True, kw_only=True, tag="turn.metrics"):
    """Extension "metrics"."""

    reply_id: str
    total_ms: float
    spans: tuple[MetricsSpan, ...] = ()
    cost: Cost | UnsetType = UNSET  # of the session so far


class ReplyCost(_Event, frozen=True, kw_only=True, tag="reply.cost"):
    """Extension "metrics"; before `reply.done`."""

    reply_id: str
    cost: Cost
    session: Cost  # the sum of all so far


Event = (
    ReplyAudio
    | SessionUpdated
    | SessionReady
    | SessionEnded
    | SessionError
    | InputSpeechStarted
    | InputSpeechStopped
    | TranscriptUserDelta
    | TranscriptUser
    | ReplyStarted
    | TranscriptAgentDelta
    | TranscriptAgent
    | ReplyDone
    | ReplyError
    | ToolCall
    | TurnMetrics
    | ReplyCost
)

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(event: Event) -> str:
    """The event as one text message (20 ms of audio: a little over 1 µs, base64 included)."""
    return _ENCODER.encode(event).decode()


def decode(text: str) -> Event:
    """One event of a server's. Raises msgspec.ValidationError for a type this version does not know."""
    return _DECODER.decode(text)
