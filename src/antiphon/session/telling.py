"""What a session tells: the peer first, then whoever watches through hooks. And why a turn was slow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

from antiphon.conversation import notices as out
from antiphon.conversation.ledger import Marks, turn_metrics
from antiphon.errors import without_words
from antiphon.session.makings import Hooks
from antiphon.session.peer import Peer

log = logging.getLogger("antiphon.session")

T = TypeVar("T")
R = TypeVar("R")


def call_hook(hook: Callable[[T], R] | None, argument: T) -> R | None:
    """What the hook returns; None without one. A hook that fails is its author's mistake: it is logged, and the call
    goes on."""
    if hook is None:
        return None
    try:
        return hook(argument)
    except Exception as error:
        log.error("a hook failed: %s", without_words(error))
        log.debug("a hook failed", exc_info=error)
        return None


class Teller:
    """Passes notices on, in order."""

    def __init__(self, peer: Peer, hooks: Hooks) -> None:
        self._peer = peer
        self._hooks = hooks

    def tell(self, notice: out.Notice) -> None:
        self._peer.send(notice)
        self.tell_hooks(notice)

    def tell_hooks(self, notice: out.Notice) -> None:
        """What concerns this side only."""
        hooks = self._hooks
        call_hook(hooks.on_notice, notice)
        if isinstance(notice, out.UserTranscript):
            call_hook(hooks.on_turn, notice)
        elif isinstance(notice, out.AgentTranscript):
            call_hook(hooks.on_reply, notice)
        elif isinstance(notice, out.TurnMetrics):
            call_hook(hooks.on_metrics, notice)
        elif isinstance(notice, out.ReplyCost):
            call_hook(hooks.on_cost, notice)


class TurnClock:
    """When things happened between the caller's last sound and the reply's first. Times are the event loop's."""

    def __init__(self, budgets: Mapping[str, float]) -> None:
        self.one_way: float | None = None  # seconds to the client, where somebody has measured it
        self._budgets = budgets
        self._endpointed: float | None = None  # when the newest turn's silence was complete
        self._turn: Marks | None = None  # of the turn closed in this step of the core, for the reply made in it
        self._last_voice: Callable[[], float | None] | None = None  # finds it for the newest turn

    def step(self) -> None:
        """The core takes another step: a reply made in it answers no turn that was closed before."""
        self._turn = None

    def endpointed(self, at: float) -> None:
        self._endpointed = at

    def turn_closed(self, *, last_voice: Callable[[], float | None], at: float) -> None:
        """`last_voice` is called when the reply can be heard, not before: finding it takes its time."""
        self._turn, self._last_voice = Marks(None, self._endpointed, at), last_voice

    def reply_committed(self, marks: Marks) -> None:
        """The reply that has these marks is for certain; it may have been begun long before."""
        if self._turn:
            marks.endpointing, marks.stt = self._turn.endpointing, self._turn.stt

    def first_audible(self, reply_id: str, marks: Marks, *, at: float) -> out.TurnMetrics | None:
        """The ledger of the turn that the reply answers, if it answers one."""
        marks.playout = at
        if marks.stt is not None and self._last_voice:
            marks.last_voice = self._last_voice()
        return turn_metrics(reply_id, marks, one_way=self.one_way, budgets=self._budgets)
