"""What the core knows. Frozen data, one enum a question.

    Who has the floor?                  Floor, in `Turn.floor`; no Turn at all: nobody on the caller's side
    Is there a voice now?               Voice
    Has the STT said its last word?     Asked
    How far is the reply?               Progress
    May its audio leave?                Gate
    Is it certain?                      Standing
    Is the caller connected?            Presence

"The caller's turn is open" is one thing: a Turn whose floor is OPEN or CLOSING. SpeechStarted goes out when it
becomes so, SpeechStopped when it ceases to be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from antiphon.conversation.actions import Prompt, Script
from antiphon.conversation.endpointing import Evidence, Pace
from antiphon.conversation.history import History
from antiphon.conversation.settings import Settings
from antiphon.types import ToolCall


class Phase(Enum):
    NEW = auto()  # before SessionOpened
    OPEN = auto()
    CLOSING = auto()  # waiting for the live reply to stop
    CLOSED = auto()


class Voice(Enum):
    OFF = auto()
    ON = auto()


class Floor(Enum):
    OVERLAP = auto()  # a voice over the agent's, not yet known to be an interruption; invisible outside
    OPEN = auto()  # the caller's turn
    CLOSING = auto()  # its silence is complete, its final transcript is not here


class Asked(Enum):
    NOT_YET = auto()
    ASKED = auto()
    ANSWERED = auto()  # `Turn.text` is final, unless speech goes on


class Progress(Enum):
    PREPARING = auto()  # nothing audible yet
    AUDIBLE = auto()


class Gate(Enum):
    OPEN = auto()
    HELD = auto()  # reversibly
    STOPPING = auto()  # cancelled; PlayoutStopped is awaited
    LOST = auto()  # cut off with the connection; the same, but its rest may be heard later


class Standing(Enum):
    SPECULATIVE = auto()
    MISSED = auto()  # the caller was cut off before it could be heard
    LIVE = auto()


class Presence(Enum):
    HERE = auto()
    AWAY = auto()  # the connection is lost, and may come back: nobody is spoken to


class Trigger(Enum):
    """Why a reply is made."""

    GREETING = auto()
    TURN = auto()
    TOOL = auto()
    REQUEST = auto()
    SAY = auto()
    IDLE = auto()
    FALLBACK = auto()
    GOODBYE = auto()
    FAREWELL = auto()
    FILLER = auto()


@dataclass(frozen=True, slots=True)
class Turn:
    item_id: str
    floor: Floor
    onset: int  # ms of received audio
    text: str = ""  # the best transcript so far
    asked: Asked = Asked.NOT_YET
    ended_at: float | None = None  # when its silence was complete, in seconds of the monotonic clock
    pause: Evidence | None = (
        None  # what is known of the pause it is in; None: it is in none, or nothing follows from it
    )
    read_since: int | None = None  # ms of received audio at which its words were given to be read; None: nobody reads
    waited: bool = False  # its silence was made longer, for its words are the beginning of something
    level: float | None = None  # dBFS, of all its voice; None: not measured
    measured: int = 0  # ms of voice in it

    # Of an overlap
    overlap: str = "middle"  # in which part of the reply it began: an `Overlap`
    stretch: int = 0  # ms of received audio at which its voice last began
    voiced: int = 0  # ms of voice before that
    agent: str = ""  # what was heard of the agent in the last seconds before its newest words
    enough_at: int | None = None  # ms of received audio at which its voice will have lasted long enough
    given_up: bool = False  # its hold came to nothing: it holds the agent no second time


@dataclass(frozen=True, slots=True)
class Aside:
    """A backchannel over the agent's voice, let pass. It was an answer after all if the reply ends right after it."""

    turn: Turn
    at: float  # when it was let pass, in seconds of the monotonic clock


@dataclass(frozen=True, slots=True)
class Plan:
    """A reply to be made as soon as nobody has the floor."""

    trigger: Trigger
    text: str | None = None  # None: ask the model
    instructions: str | None = None
    interruptible: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    reply_id: str
    item_id: str
    plan: Plan
    source: Prompt | Script
    standing: Standing = Standing.LIVE
    progress: Progress = Progress.PREPARING
    gate: Gate = Gate.OPEN
    audible_since: float | None = None  # seconds of the monotonic clock
    basis: str = ""  # the transcript a speculative reply answers
    text: str = ""  # what the model has written of it
    written: bool = False  # and that is all
    calls: tuple[ToolCall, ...] = ()  # what the model asked for
    waiting: tuple[ToolCall, ...] = ()  # those of them not yet run: it is held, or speculative
    failed: bool = False  # the model or the TTS gave up


@dataclass(frozen=True, slots=True)
class Pending:
    """A tool call that was dispatched and has no result yet."""

    call: ToolCall
    reply_id: str
    hold: bool = False  # nobody speaks while it runs
    filled: bool = False  # the caller was told once that it takes a moment


@dataclass(frozen=True, slots=True)
class Parting:
    """The agent wants to end the call."""

    reason: str
    heard: bool = False  # its goodbye was heard


@dataclass(frozen=True, slots=True)
class Farewell:
    """The session has to end, and will say so first."""

    reason: str
    line: str  # spoken before the end; "": nothing is
    patient: bool = True  # whoever has the floor is heard out


@dataclass(frozen=True, slots=True)
class State:
    settings: Settings = field(default_factory=Settings)
    seed: str = "0" * 24  # 24 hex digits: every id of the session begins with them
    ids: int = 0  # how many ids were given out
    phase: Phase = Phase.NEW
    end_reason: str = ""
    parting: Parting | None = None  # called off by whatever the caller says
    farewell: Farewell | None = None

    presence: Presence = Presence.HERE
    voice: Voice = Voice.OFF
    last_voice: int = 0  # ms of received audio
    turn: Turn | None = None
    utterance: int = 0  # the STT's open utterance; transcripts of others are dropped
    pace: Pace = field(default_factory=Pace)  # of the caller's pauses within a turn
    aside: Aside | None = None  # the last one over the live reply
    usual_level: float | None = None  # dBFS, of the caller's turns so far
    echo_level: float | None = None  # dBFS, of the agent's own voice where it came back; None: it has not

    live: Reply | None = None
    speculative: Reply | None = None
    answered: int = 0  # turns of the caller's that were given a reply
    wasted: int = 0  # replies prepared for such a turn and thrown away
    missed: Reply | None = None  # what was not heard of the reply that a lost connection cut; still being made
    plans: tuple[Plan, ...] = ()  # first in, first out
    rest: Plan | None = None  # of the reply that the open turn cut: spoken should the turn turn out to be mere noise

    pending: tuple[Pending, ...] = ()
    called: frozenset[str] = frozenset()  # the ids of all calls there ever were: each is an idempotency key
    results_unsaid: bool = False  # a tool returned and no reply has yet been made of it
    result_instructions: tuple[str, ...] = ()  # for that reply, from the tools
    withheld: tuple[tuple[str, str], ...] = ()  # (item_id, text) of turns taken while a hold tool ran

    history: History = field(default_factory=History)
    quiet_since: float = 0.0  # when anyone was last heard to say something, in seconds of the monotonic clock
    asks: int = 0  # how often a silent caller has been asked since last heard
    silent_rounds: int = 0  # replies in a row that called tools and said nothing
    last_filler: str = ""
    last_filler_in: int = -1  # the utterance that was open when it was said

    @property
    def turn_is_open(self) -> bool:
        return self.turn is not None and self.turn.floor is not Floor.OVERLAP

    @property
    def on_hold(self) -> bool:
        """A `hold` tool is running: nobody is answered."""
        return any(pending.hold for pending in self.pending)
