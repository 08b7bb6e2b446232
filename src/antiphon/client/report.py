"""What a call was like, turn by turn, worked out from what was sent, what came back, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from antiphon.client.events import (
    Event,
    InputSpeechStopped,
    MetricsSpan,
    ReplyCost,
    ReplyDone,
    ReplyError,
    ReplyStarted,
    SessionEnded,
    SessionError,
    ToolCall,
    TranscriptAgent,
    TranscriptUser,
    TurnMetrics,
)
from antiphon.types import Cost


@dataclass(frozen=True, slots=True)
class Timed:
    """An event and when it arrived, in seconds from the beginning of the call."""

    at: float
    event: Event


@dataclass(slots=True)
class Turn:
    """What the caller said, and what the agent made of it. The greeting is a turn in which the caller says nothing."""

    user: str
    agent: str = ""  # as the server reported it: after an interruption, what was heard
    at: float | None = None  # when the caller's last voiced sample was spoken, in seconds of the call
    latency_ms: float | None = None  # from `at` to the first audible sample of a reply; None where one is missing
    interrupted: bool = False
    tools: list[str] = field(default_factory=list)
    server_ms: float | None = None  # the server's own account of the same, where it gives one
    spans: tuple[MetricsSpan, ...] = ()
    cost: Cost | None = None  # of its replies, and what was heard and prepared before them, where the server says
    replies: list[str] = field(default_factory=list)  # ids


@dataclass(frozen=True, slots=True)
class CallReport:
    session_id: str
    turns: tuple[Turn, ...]
    errors: tuple[SessionError | ReplyError, ...]  # that the server reported and the session survived
    duration: float  # seconds
    failure: str | None  # why the call ended early; None for a call that ended as it should
    events: tuple[Timed, ...]  # everything that came back

    @property
    def cost(self) -> Cost | None:
        """Of the call, by the server's account; None where it gives none."""
        cost = None
        for timed in self.events:
            if isinstance(timed.event, ReplyCost):
                cost = timed.event.session
            elif isinstance(timed.event, SessionEnded):
                cost = timed.event.cost if isinstance(timed.event.cost, Cost) else cost
        return cost


def turns(
    events: Iterable[Timed],
    *,
    last_voiced: Callable[[float], float | None],
    first_audible: Callable[[str], float | None],
) -> tuple[Turn, ...]:
    """The turns of a call.

    `last_voiced(t)` is when the caller was last heard before t, `first_audible(reply_id)` when that reply was first
    heard; all times in seconds from the beginning of the call. A turn ends for the server when it says
    input.speech.stopped, so what the caller says after that belongs to the next one.
    """
    made: list[Turn] = []
    stopped: float | None = None
    for timed in events:
        match timed.event:
            case InputSpeechStopped():
                stopped = timed.at
            case TranscriptUser(text=text):
                made.append(Turn(user=text, at=last_voiced(timed.at if stopped is None else stopped)))
                stopped = None
            case ReplyStarted() if not made:
                made.append(Turn(user=""))
        if made:
            _note(made, timed.event)
    for turn in made:
        turn.latency_ms = _latency(turn, first_audible)
    return tuple(made)


def _note(made: list[Turn], event: Event) -> None:
    """Write the event down in the turn it belongs to: what names a reply, in the turn that reply began in."""
    turn = made[-1]
    owner = next((one for one in reversed(made) if getattr(event, "reply_id", None) in one.replies), turn)
    match event:
        case ReplyStarted(reply_id=reply_id):
            turn.replies.append(reply_id)
        case TranscriptAgent(text=text, interrupted=interrupted):
            owner.agent = f"{owner.agent} {text}".strip()
            owner.interrupted = owner.interrupted or interrupted
        case ReplyDone(status=status):
            owner.interrupted = owner.interrupted or status == "interrupted"
        case ToolCall(name=name):
            turn.tools.append(name)
        case TurnMetrics(total_ms=total_ms, spans=spans):
            owner.server_ms, owner.spans = total_ms, spans
        case ReplyCost(cost=cost):
            owner.cost = cost if owner.cost is None else owner.cost + cost


def _latency(turn: Turn, first_audible: Callable[[str], float | None]) -> float | None:
    heard = [at for reply_id in turn.replies if (at := first_audible(reply_id)) is not None]
    if turn.at is None or not heard:
        return None
    return round(1000 * (min(heard) - turn.at), 1)
