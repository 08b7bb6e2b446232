"""Facts that reach the core. Times in `at`, `onset` and `last_voice` are milliseconds of received audio."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.conversation.recovery import Recovered
from antiphon.conversation.settings import Settings
from antiphon.types import Role, ToolCall

# --- the caller ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VoiceStarted:
    """The VAD is sure of speech, which began at `onset`."""

    onset: int
    at: int
    level: float | None = None  # dBFS, from the onset on; None: not measured


@dataclass(frozen=True, slots=True)
class VoiceMeasured:
    """The voice goes on, and the last `lasted` ms of it had this level (dBFS)."""

    level: float
    lasted: int
    at: int


@dataclass(frozen=True, slots=True)
class VoiceStopped:
    """The VAD hears no more speech; the last of it was at `last_voice`."""

    last_voice: int
    at: int


@dataclass(frozen=True, slots=True)
class Heard:
    """The STT's transcript of the utterance numbered `utterance`: cumulative, so it replaces what came before it.
    `at` is how much audio had been received when it came; `agent` is what the caller had heard of the agent by then,
    in the last seconds."""

    text: str
    utterance: int
    at: int
    final: bool = False
    agent: str = ""


@dataclass(frozen=True, slots=True)
class TurnJudged:
    """The answer to JudgeTurn: `probability`, 0 to 1, that the turn was over when `silence` ms had followed
    `last_voice`."""

    last_voice: int
    silence: int
    probability: float
    at: int


@dataclass(frozen=True, slots=True)
class EndingRead:
    """The answer to ReadEnding: `probability`, 0 to 1, that a sentence ends where `text` does."""

    text: str
    probability: float
    at: int


@dataclass(frozen=True, slots=True)
class TimerFired:
    name: str


# --- the reply in the making --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReplyText:
    """The model said more."""

    reply_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class ReplyToolCall:
    """The model wants a tool run."""

    reply_id: str
    call: ToolCall


@dataclass(frozen=True, slots=True)
class ReplyWritten:
    """The model has said all it will of this reply."""

    reply_id: str


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    """The model or the TTS failed for good. What was already synthesised still plays to its end."""

    reply_id: str
    stage: str
    message: str
    retryable: bool = False  # the same may go well another time
    status: int | None = None  # of HTTP, that a provider answered with


@dataclass(frozen=True, slots=True)
class PlayoutStarted:
    """The first audible sample was sent, or audio flows again after `PlayoutStarved`."""

    reply_id: str


@dataclass(frozen=True, slots=True)
class PlayoutStarved:
    """All audio there is has been sent, and the reply is not at its end."""

    reply_id: str


@dataclass(frozen=True, slots=True)
class PlayoutFinished:
    """All of the reply has been played to the caller."""

    reply_id: str
    heard: str


@dataclass(frozen=True, slots=True)
class PlayoutStopped:
    """The answer to CancelReply and LosePlayout: no more of the reply will be sent; `heard` of it was played, up to
    `sample`. After LosePlayout `rest` is where in the reply's text the word begins that was cut, or is next."""

    reply_id: str
    sample: int
    heard: str
    rest: int | None = None


# --- tools --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToolReturned:
    call_id: str
    result: str
    is_error: bool = False


# --- the client, or the program that owns the session -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SessionOpened:
    greeting: str | None = None
    consent: str = ""  # a line that comes before it, and that nobody interrupts


@dataclass(frozen=True, slots=True)
class SessionRecovered:
    """The session began in another process, which is gone: the conversation goes on from what was stored of it."""

    found: Recovered


@dataclass(frozen=True, slots=True)
class CallerLeft:
    """The connection is lost. The caller was last known to hear at `at`, in seconds of the monotonic clock."""

    at: float


@dataclass(frozen=True, slots=True)
class CallerReturned:
    """There is a connection again. `replayed`: it was sent all that the last one missed, else only what is still open
    is told again. `unasked` are calls of pending tools that the client is to be asked, for it never was, or may be."""

    replayed: bool = False
    unasked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    settings: Settings


@dataclass(frozen=True, slots=True)
class ReplyRequested:
    """Speak now. `instructions` hold for this one reply."""

    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class SayRequested:
    """Speak this text, word for word."""

    text: str
    interruptible: bool = True


@dataclass(frozen=True, slots=True)
class InterruptRequested:
    """Stop speaking: the reply named, or whichever is live."""

    reply_id: str | None = None


@dataclass(frozen=True, slots=True)
class MessageAdded:
    """Context for the model, which asks for no answer."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class SummaryWritten:
    """A summary of what `Forget` took out of the history."""

    text: str


@dataclass(frozen=True, slots=True)
class EndRequested:
    reason: str


@dataclass(frozen=True, slots=True)
class HangUpRequested:
    """End once the agent's words have been heard, unless the caller has something to add."""

    reason: str


@dataclass(frozen=True, slots=True)
class FarewellRequested:
    """End soon, whatever anyone has to say, with a line that says so: `line`, or the settings'. `patience` is how many
    seconds whoever has the floor may go on; None: the settings'."""

    reason: str
    line: str | None = None
    patience: float | None = None


ReplyEvent = (
    ReplyText
    | ReplyToolCall
    | ReplyWritten
    | ReplyFailed
    | PlayoutStarted
    | PlayoutStarved
    | PlayoutFinished
    | PlayoutStopped
)

Event = (
    ReplyEvent
    | VoiceStarted
    | VoiceMeasured
    | VoiceStopped
    | Heard
    | TurnJudged
    | EndingRead
    | TimerFired
    | ToolReturned
    | SessionOpened
    | SessionRecovered
    | CallerLeft
    | CallerReturned
    | SettingsChanged
    | ReplyRequested
    | SayRequested
    | InterruptRequested
    | MessageAdded
    | SummaryWritten
    | EndRequested
    | HangUpRequested
    | FarewellRequested
)
