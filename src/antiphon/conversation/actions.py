"""Orders that leave the core. The shell carries them out in the order given, and answers only with events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from antiphon.conversation.notices import Notice
from antiphon.types import Message, ToolCall, ToolSpec


class Clock(Enum):
    AUDIO = auto()  # milliseconds of received audio
    WALL = auto()  # seconds of the monotonic clock


@dataclass(frozen=True, slots=True)
class SetTimer:
    """One timer of each name: setting it again moves it. It fires once, as `TimerFired(name)`."""

    name: str
    clock: Clock
    due: float


@dataclass(frozen=True, slots=True)
class ClearTimer:
    name: str


@dataclass(frozen=True, slots=True)
class Emit:
    notice: Notice


# --- the STT ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finalize:
    """Ask the STT for the final transcript of the open utterance."""


@dataclass(frozen=True, slots=True)
class NextUtterance:
    """The open utterance is over or dropped: what is heard from here on belongs to number `utterance`."""

    utterance: int


@dataclass(frozen=True, slots=True)
class JudgeTurn:
    """Ask the turn detector about the audio from `onset` until now; the last sound in it was at `last_voice`. Both are
    milliseconds of received audio. Answered by TurnJudged, or not at all."""

    onset: int
    last_voice: int


@dataclass(frozen=True, slots=True)
class ReadEnding:
    """Ask the model of language whether a sentence ends where `text` does. Answered by EndingRead, or not at all."""

    text: str


# --- replies ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prompt:
    """Ask the model."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """Speak this, word for word."""

    text: str


@dataclass(frozen=True, slots=True)
class StartReply:
    """Make a reply. A speculative one is written, and where it is `voiced` its first sentence is synthesised, but
    nothing of it is played, and nothing more synthesised, before CommitReply.

    `by`: until when it must be audible, in seconds of the monotonic clock; then it is given up. None: speculative."""

    reply_id: str
    item_id: str
    source: Prompt | Script
    speculative: bool = False
    by: float | None = None
    voiced: bool = True


@dataclass(frozen=True, slots=True)
class CommitReply:
    reply_id: str
    by: float | None = None  # as in StartReply


@dataclass(frozen=True, slots=True)
class HoldPlayout:
    """Send no more audio; reversible, and invisible outside."""

    reply_id: str


@dataclass(frozen=True, slots=True)
class ResumePlayout:
    """Go on from the start of the word that the hold cut."""

    reply_id: str


@dataclass(frozen=True, slots=True)
class CancelReply:
    """Stop everything of the reply for good. For a reply that is live it is answered by PlayoutStopped. `at_word`: the
    word that is being spoken is heard to its end."""

    reply_id: str
    at_word: bool = False


@dataclass(frozen=True, slots=True)
class LosePlayout:
    """The caller is cut off, and was last known to hear at `at` (seconds of the monotonic clock): send no more of the
    reply, but go on making it. Answered by PlayoutStopped, at once."""

    reply_id: str
    at: float


@dataclass(frozen=True, slots=True)
class KeepRest:
    """What was not heard of a reply that was lost is another reply from now on. It is made on, and played by
    CommitReply."""

    reply_id: str
    rest_id: str
    rest_item_id: str


# --- tools, history, the end --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunTool:
    call: ToolCall


@dataclass(frozen=True, slots=True)
class Forget:
    """These messages no longer fit the model's window and were dropped; a summary of them may be given back. It
    replaces `summary`, that of what was dropped before."""

    messages: tuple[Message, ...]
    summary: str = ""


@dataclass(frozen=True, slots=True)
class CloseSession:
    reason: str


Action = (
    SetTimer
    | ClearTimer
    | Emit
    | Finalize
    | NextUtterance
    | JudgeTurn
    | ReadEnding
    | StartReply
    | CommitReply
    | HoldPlayout
    | ResumePlayout
    | CancelReply
    | LosePlayout
    | KeepRest
    | RunTool
    | Forget
    | CloseSession
)
