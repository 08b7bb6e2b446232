"""What a session tells the outside. Protocols turn these into their wire; hooks and tests read them as they are.

The order rules are those of the Voice Agent API (its section on ordering): per turn `SpeechStarted`, deltas,
`SpeechStopped`, `UserTranscript`; per reply `ReplyStarted`, then audio, deltas and tool calls, then
`AgentTranscript` (absent when the reply never had text), then `ReplyDone`, and nothing of the reply after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from antiphon.conversation import barge_in, endpointing
from antiphon.types import Cost


class ReplyStatus(StrEnum):
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller has the floor: at the first sound when the agent is silent, at the decision when it is not."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The caller's turn is over."""


@dataclass(frozen=True, slots=True)
class UserTranscriptDelta:
    item_id: str
    text: str  # cumulative: the whole utterance so far


@dataclass(frozen=True, slots=True)
class UserTranscript:
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Endpointing:
    """A pause in the caller's turn was weighed, at so many ms of received audio. For whoever watches; no client is
    told."""

    item_id: str
    at: int
    decision: endpointing.Decision


@dataclass(frozen=True, slots=True)
class BargeIn:
    """A voice over the agent's was judged, at so many ms of received audio. For whoever watches; no client is told."""

    reply_id: str
    at: int
    decision: barge_in.Decision


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    reply_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    reply_id: str
    data: bytes  # in the session's output format
    audible: bool = True  # False: silence only


@dataclass(frozen=True, slots=True)
class AgentTranscriptDelta:
    """A word of the reply, when its audio begins to be sent. Milliseconds from the start of the reply's audio."""

    reply_id: str
    item_id: str
    delta: str
    start_ms: int | None
    end_ms: int | None


@dataclass(frozen=True, slots=True)
class AgentTranscript:
    """What was heard of the reply: all of it, or the part before the interruption."""

    reply_id: str
    item_id: str
    text: str
    interrupted: bool


@dataclass(frozen=True, slots=True)
class ReplyDone:
    reply_id: str
    status: ReplyStatus


@dataclass(frozen=True, slots=True)
class ToolCalled:
    call_id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of a turn's silence. Spans are contiguous; `estimated` where no clock of the client's says."""

    name: str
    ms: float
    estimated: bool = False
    over_budget: bool = False


@dataclass(frozen=True, slots=True)
class TurnMetrics:
    """Where the silence of one turn went: from the caller's last sound to the reply's first audible sample."""

    reply_id: str
    total_ms: float
    spans: tuple[Span, ...]
    cost: Cost | None = None  # of the session so far


@dataclass(frozen=True, slots=True)
class ReplyCost:
    """Before the reply is done: what it cost, with what the caller said before it and what was prepared in vain. These
    add up; `session` is their sum so far."""

    reply_id: str
    cost: Cost
    session: Cost


@dataclass(frozen=True, slots=True)
class ReplyMade:
    """A reply is all made, or given up, whether or not it was wanted: when each stage did its part, in seconds of the
    monotonic clock; None: it did not come to that. For whoever watches; no client is told."""

    reply_id: str
    asked: float | None  # the model was
    first_token: float | None
    written: float | None  # the model had no more to say
    first_clause: float | None  # went to the TTS
    first_audio: float | None
    ended: float  # nothing more is made
    cost: Cost
    llm: str = ""  # the provider that answered
    error: str = ""  # what failed, as the name of an error; "": nothing did
    failed_stage: str = ""


@dataclass(frozen=True, slots=True)
class ReplyFault:
    """The reply that is being made will lack something, or all of it. Its ending comes as always."""

    reply_id: str
    code: str
    message: str
    retryable: bool
    status: int | None = None  # of HTTP, that a provider answered with


@dataclass(frozen=True, slots=True)
class SessionFault:
    """Something failed that the client should know of; the session lives on."""

    code: str
    message: str
    param: str | None = None


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The last notice of a session."""

    reason: str
    duration: float  # seconds
    cost: Cost = field(default_factory=Cost)  # of the whole session


Notice = (
    SpeechStarted
    | SpeechStopped
    | UserTranscriptDelta
    | UserTranscript
    | Endpointing
    | BargeIn
    | ReplyStarted
    | ReplyAudio
    | AgentTranscriptDelta
    | AgentTranscript
    | ReplyDone
    | ToolCalled
    | TurnMetrics
    | ReplyMade
    | ReplyFault
    | ReplyCost
    | SessionFault
    | SessionEnded
)
