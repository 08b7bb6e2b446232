"""What a server tells its client, one type an event. Fields that older servers leave out have defaults.

`Unknown` stands for an event this version does not know, or cannot read: it is passed on, never an error.
"""

from __future__ import annotations

from typing import Any

import msgspec

from antiphon.protocols.voice_agent import events as wire
from antiphon.protocols.voice_agent.events import (
    InputSpeechStarted,
    InputSpeechStopped,
    MetricsSpan,
    ReplyAudio,
    ReplyCost,
    ReplyDone,
    ReplyError,
    ReplyStarted,
    SessionEnded,
    SessionError,
    SessionReady,
    SessionUpdated,
    ToolCall,
    TranscriptAgent,
    TranscriptAgentDelta,
    TranscriptUser,
    TranscriptUserDelta,
    TurnMetrics,
)


class Unknown(msgspec.Struct, frozen=True):
    type: str
    fields: dict[str, Any]


Event = wire.Event | Unknown


def decode(text: str | bytes) -> Event:
    """One message of a server's; never raises."""
    if isinstance(text, bytes):
        return Unknown("binary", {"size": len(text)})
    try:
        return wire.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return _unknown(text)


def _unknown(text: str) -> Unknown:
    try:
        fields = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        fields = None
    if not isinstance(fields, dict):
        return Unknown("", {"text": text})
    return Unknown(str(fields.get("type", "")), fields)


__all__ = [
    "Event",
    "InputSpeechStarted",
    "InputSpeechStopped",
    "MetricsSpan",
    "ReplyAudio",
    "ReplyCost",
    "ReplyDone",
    "ReplyError",
    "ReplyStarted",
    "SessionEnded",
    "SessionError",
    "SessionReady",
    "SessionUpdated",
    "ToolCall",
    "TranscriptAgent",
    "TranscriptAgentDelta",
    "TranscriptUser",
    "TranscriptUserDelta",
    "TurnMetrics",
    "Unknown",
    "decode",
]
