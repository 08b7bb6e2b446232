"""A voice over the agent's: hold at the first sound, then decide.

The hold is reversible and invisible outside. Words that are no backchannel take the floor, and so does half a second
of voice; a backchannel, a cough or nothing lets the agent go on from the word that was cut.
"""

from __future__ import annotations

from dataclasses import replace

from antiphon.conversation import endings, pauses, replies, turns
from antiphon.conversation import notices as out
from antiphon.conversation.actions import HoldPlayout, ResumePlayout
from antiphon.conversation.state import Aside, Asked, Floor, Gate, Progress, Reply, Trigger, Turn, Voice
from antiphon.conversation.stepping import Step
from antiphon.conversation.words import is_backchannel, may_become_backchannel, normalise

# Timers of this side, on received audio.
DECIDE = "decide"  # enough voice over the agent, words or not
GIVE_UP = "give_up"  # a hold nobody could justify

_ASKS_FOR_A_SIGN = (Trigger.IDLE, Trigger.GOODBYE)


def begin(s: Step, onset: int) -> None:
    s.set(turn=Turn(s.new_id("msg"), Floor.OVERLAP, onset))
    hold(s, onset)


def hold(s: Step, onset: int) -> None:
    """Hold at the first sound, decide afterwards. The hold is invisible outside."""
    live = s.state.live
    if live is None or live.gate is not Gate.OPEN or not may_be_interrupted(s, live):
        return
    s.set_live(gate=Gate.HELD)
    s.do(HoldPlayout(live.reply_id))
    s.at_audio(DECIDE, onset + s.settings.decide_after)
    s.at_audio(GIVE_UP, onset + s.settings.give_up_after)


def voice_again(s: Step, onset: int) -> None:
    """The voice comes back before anything was decided. It is given its time, but no longer or second hold: a noise in
    bursts could hold the agent for good."""
    turn, live = s.state.turn, s.state.live
    if turn and live and (turn.given_up or live.gate is Gate.HELD):
        s.at_audio(DECIDE, onset + s.settings.decide_after)
    else:
        hold(s, onset)


def weigh(s: Step) -> None:
    """New words over the agent's voice: take the floor on any that is no backchannel."""
    turn, live = s.state.turn, s.state.live
    assert turn is not None
    final = turn.asked is Asked.ANSWERED
    passes = is_backchannel(turn.text) if final else not turn.text or may_become_backchannel(turn.text)
    if live and live.plan.trigger in _ASKS_FOR_A_SIGN and normalise(turn.text):
        passes = False  # "Are you still there?" is answered by any word
    if passes:
        if final:
            go_on(s)
    elif live and may_be_interrupted(s, live):
        take_floor(s)


def decide(s: Step) -> None:
    """Half a second of voice takes the floor, unless it sounds like a backchannel or has stopped by itself. Also after
    the hold was given up: the voice may have begun late in it."""
    turn = s.state.turn
    if turn is None or turn.floor is not Floor.OVERLAP or s.state.voice is Voice.OFF:
        return
    live = s.state.live
    if live and may_be_interrupted(s, live) and not may_become_backchannel(turn.text):
        take_floor(s)


def give_up(s: Step) -> None:
    """Held too long for nothing: the agent goes on. Words that come later still take the floor."""
    live = s.state.live
    if s.state.turn and s.state.turn.floor is Floor.OVERLAP and live and live.gate is Gate.HELD:
        s.set_turn(given_up=True)
        release(s)


def take_floor(s: Step) -> None:
    """A real interruption: the reply stops for good, and the caller's turn is open, from its first sound."""
    open_turn(s)
    endings.cancel(s)


def open_turn(s: Step) -> None:
    """The overlap becomes the caller's turn, with the words it already has."""
    turn = s.state.turn
    assert turn is not None and turn.floor is Floor.OVERLAP
    s.clear(DECIDE, GIVE_UP)
    s.set_turn(floor=Floor.OPEN)
    tell_open(s)
    s.at_audio(turns.WORDLESS, s.state.last_voice + s.settings.wordless_turn)
    if s.state.voice is Voice.OFF:
        pauses.begin(s, s.state.last_voice)


def tell_open(s: Step) -> None:
    """The caller has the floor, and has said so much."""
    turn = s.state.turn
    assert turn is not None
    s.emit(out.SpeechStarted())
    if turn.text:
        s.emit(out.UserTranscriptDelta(turn.item_id, turn.text))


def go_on(s: Step) -> None:
    """A false alarm: the agent goes on from the word that was cut, and nobody outside hears of it."""
    turn = s.state.turn
    if turn and normalise(turn.text):
        s.set(aside=Aside(turn, s.now))
    turns.leave(s)
    release(s)


def release(s: Step) -> None:
    live = s.state.live
    if live and live.gate is Gate.HELD:
        s.set_live(gate=Gate.OPEN)
        s.do(ResumePlayout(live.reply_id))
        replies.run_waiting(s)


def agent_is_audible(s: Step) -> bool:
    live = s.state.live
    return live is not None and live.progress is Progress.AUDIBLE and live.gate is not Gate.STOPPING


def may_be_interrupted(s: Step, live: Reply) -> bool:
    return s.settings.interruptible and live.plan.interruptible


def agent_fell_silent(s: Step) -> None:
    """The live reply has ended: a voice over its last words is the caller's turn; a turn whose end waited for the
    reply's is closed now."""
    turn = s.state.turn
    assert turn is not None
    if turn.floor is Floor.OVERLAP:
        open_turn(s)
    elif turn.floor is Floor.CLOSING and turn.asked is Asked.ANSWERED:
        turns.close(s)


def take_up(s: Step, aside: Aside) -> None:
    """A "Yes." over the last words of a question was its answer: as if it had been said after them."""
    s.set(turn=replace(aside.turn, floor=Floor.OPEN, asked=Asked.ANSWERED))
    tell_open(s)
    turns.close(s)
