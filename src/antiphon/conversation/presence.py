"""The connection is lost, and comes back, or does not: what is said to nobody, and what is said again.

While the caller is away no reply begins, nobody is asked whether they are still there, and nobody hangs up; tools that
are under way go on. A turn stays open: audio has stopped coming, and a client that kept what was said will send it.
The live reply ends at what was heard of it. What was not is `missed`: it is made on, and is the first thing said when
the caller is back, unless the caller has something to say.
"""

from __future__ import annotations

from dataclasses import replace

from antiphon.conversation import fillers, overlap, replies, tools, turns
from antiphon.conversation.actions import KeepRest, LosePlayout
from antiphon.conversation.events import CallerLeft, CallerReturned, PlayoutStopped, SessionRecovered
from antiphon.conversation.recovery import OF_ITS_MOMENT
from antiphon.conversation.state import Asked, Floor, Gate, Phase, Presence, Standing, Turn
from antiphon.conversation.stepping import Step

_STOP_TIMEOUT = 1.0  # seconds the shell has to answer a LosePlayout; it answers at once


def left(s: Step, event: CallerLeft) -> None:
    if s.state.phase is not Phase.OPEN or s.state.presence is Presence.AWAY:
        return
    s.set(presence=Presence.AWAY)
    s.clear(replies.IDLE, fillers.FILLER)
    if live := s.state.live:
        s.do(LosePlayout(live.reply_id, event.at))
        s.set_live(gate=Gate.STOPPING if live.gate is Gate.STOPPING else Gate.LOST)
        s.after(replies.STALL, _STOP_TIMEOUT)


def returned(s: Step, event: CallerReturned) -> None:
    if s.state.presence is Presence.HERE:
        return
    s.set(presence=Presence.HERE, quiet_since=s.now, asks=0)
    if not event.replayed and s.state.turn_is_open:
        overlap.tell_open(s)
    tools.ask_again(s, event.unasked)
    if s.state.turn and s.state.turn.floor is Floor.CLOSING and s.state.turn.asked is Asked.ANSWERED:
        turns.close(s)
    else:
        replies.next_reply(s)


def recovered(s: Step, event: SessionRecovered) -> None:
    """The session goes on in another process: nobody is greeted a second time."""
    found = event.found
    if s.state.phase is not Phase.NEW:
        return
    s.set(phase=Phase.OPEN, quiet_since=s.now, history=found.history, called=found.called)
    s.set(results_unsaid=found.unsaid)
    tools.run_again(s, found.again)
    if found.turn:
        item_id, words = found.turn
        s.set(turn=Turn(item_id, Floor.OPEN, onset=0, text=words, asked=Asked.ANSWERED))
        overlap.tell_open(s)
        turns.close(s)
        return
    if found.plan:
        s.set(plans=(found.plan,))
    replies.next_reply(s)


def keep_rest(s: Step, event: PlayoutStopped) -> bool:
    """The live reply was cut off. Whether there is a rest of it to be heard later: that is another reply."""
    live = s.state.live
    if live is None or live.gate is not Gate.LOST or event.rest is None or s.state.phase is not Phase.OPEN:
        return False
    if s.state.farewell:
        return False
    text = live.text[event.rest :]
    if live.failed or live.plan.trigger in OF_ITS_MOMENT or (live.written and not text.strip()):
        return False
    rest = replace(
        live,
        reply_id=s.new_id("resp"),
        item_id=s.new_id("msg"),
        standing=Standing.MISSED,
        gate=Gate.OPEN,
        text=text,
        calls=live.waiting,
    )
    s.set(missed=rest)
    s.set_live(waiting=())
    s.do(KeepRest(live.reply_id, rest.reply_id, rest.item_id))
    return True


def all_heard(s: Step, heard: str) -> bool:
    """The connection was lost when the live reply had been heard, to its end."""
    live = s.state.live
    if live is None or live.gate is not Gate.LOST or live.failed or not live.written:
        return False
    return live.text.strip() == heard.strip()
