"""The session has to end: its time or its budget is spent, or its caller is gone. It says so, and ends in good order.

From then on no model is asked. What the agent is saying is heard out, and so is the caller, but not for longer than
the patience there is: then the reply ends with the word it is at, or the caller's turn ends as it stands. The line is
spoken word for word, nobody interrupts it, and the session ends with it, also where it could not be spoken.
"""

from __future__ import annotations

from dataclasses import replace

from antiphon.conversation import endings, fillers, replies, speculation, turns
from antiphon.conversation.events import FarewellRequested
from antiphon.conversation.state import Farewell, Phase, Plan, Presence, Reply, Trigger
from antiphon.conversation.stepping import Step

FAREWELL = "farewell"  # a timer, on the wall clock: there is no more patience


def requested(s: Step, event: FarewellRequested) -> None:
    if s.state.farewell or s.state.phase is not Phase.OPEN:
        return
    line = s.settings.farewell_line if event.line is None else event.line
    s.set(farewell=Farewell(event.reason, line), plans=(), rest=None)
    speculation.drop(s)
    replies.drop_missed(s)
    s.clear(replies.IDLE, fillers.FILLER)
    s.after(FAREWELL, s.settings.farewell_patience if event.patience is None else event.patience)
    replies.next_reply(s)


def say(s: Step) -> None:
    """Nobody has the floor."""
    farewell = s.state.farewell
    assert farewell
    if farewell.line:
        s.clear(FAREWELL)
        replies.start(s, Plan(Trigger.FAREWELL, farewell.line, interruptible=False))
    else:
        endings.end(s, farewell.reason)


def due(s: Step) -> None:
    """Whoever has the floor has had it for long enough."""
    farewell, live = s.state.farewell, s.state.live
    if farewell is None or (live and live.plan.trigger is Trigger.FAREWELL):
        return
    if s.state.presence is Presence.AWAY:
        endings.end(s, farewell.reason)
        return
    s.set(farewell=replace(farewell, patient=False))
    if live:
        endings.cancel(s, at_word=True)
    else:
        _take_floor(s)


def reply_ended(s: Step, reply: Reply) -> bool:
    """Whether that is all there is to do."""
    farewell = s.state.farewell
    if farewell is None:
        return False
    if reply.plan.trigger is Trigger.FAREWELL:
        endings.end(s, farewell.reason)
    elif farewell.patient or s.state.presence is Presence.AWAY:
        return False
    else:
        _take_floor(s)
    return True


def _take_floor(s: Step) -> None:
    if turn := s.state.turn:
        if s.state.turn_is_open:
            turns.cut_short(s, turn)
        turns.leave(s)
    say(s)
