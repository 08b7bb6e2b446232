"""A voice over the agent's: hold at the first sound, then decide.

The hold is reversible and invisible outside. `barge_in.py` weighs what is known; what takes the floor stops the reply
for good, and anything else lets the agent go on from the word that was cut. Each judgement is told as it is made.
"""

from __future__ import annotations

import math
from dataclasses import replace

from antiphon.conversation import barge_in, endings, pauses, replies, turns
from antiphon.conversation import notices as out
from antiphon.conversation.actions import HoldPlayout, ResumePlayout
from antiphon.conversation.barge_in import Evidence, Outcome, Overlap
from antiphon.conversation.events import Heard, VoiceMeasured, VoiceStarted, VoiceStopped
from antiphon.conversation.state import Aside, Asked, Floor, Gate, Progress, Reply, Trigger, Turn, Voice
from antiphon.conversation.stepping import Step
from antiphon.conversation.words import Said, asks, classify, normalise

# Timers of this side, on received audio.
DECIDE = "decide"  # the voice has lasted long enough
GIVE_UP = "give_up"  # a hold nobody could justify

_ASKS_FOR_A_SIGN = (Trigger.IDLE, Trigger.GOODBYE)
_NOT_FOR_THE_AGENT = (Said.NOTHING, Said.BACKCHANNEL, Said.ECHO)
_ADAPTS = 0.25  # of the difference that one turn makes to the level the caller is known by
_ECHO_MARGIN = 4.0  # dB by which the agent's echo may be louder than it was


# --- the voice ----------------------------------------------------------------------------------------------------


def begin(s: Step, event: VoiceStarted | Heard) -> None:
    """A voice over the agent's, or words of one that was there before."""
    onset = event.onset if isinstance(event, VoiceStarted) else event.at
    level = event.level if isinstance(event, VoiceStarted) else None
    s.set(turn=Turn(s.new_id("msg"), Floor.OVERLAP, onset, stretch=onset, overlap=_part(s)))
    if not _is_quiet(s, level, barge_in.QUIET_AT_ONSET):
        hold(s, onset)


def hold(s: Step, onset: int) -> None:
    """Hold at the first sound, decide afterwards. The hold is invisible outside."""
    live = s.state.live
    if live is None or live.gate is not Gate.OPEN or not may_be_interrupted(s, live):
        return
    s.set_live(gate=Gate.HELD)
    s.do(HoldPlayout(live.reply_id))
    s.at_audio(GIVE_UP, onset + s.settings.give_up_after)
    _await_enough(s, onset)


def voice_again(s: Step, event: VoiceStarted) -> None:
    """The voice comes back before anything was decided. It is given its time, but no longer or second hold: a noise in
    bursts could hold the agent for good."""
    turn, live = s.set_turn(stretch=event.onset), s.state.live
    if turn.given_up or (live and live.gate is Gate.HELD):
        _await_enough(s, event.onset)
    elif not _is_quiet(s, event.level, barge_in.QUIET_AT_ONSET):
        hold(s, event.onset)


def voice_pauses(s: Step, event: VoiceStopped) -> None:
    """A backchannel is over when its sound is: the agent goes on, though there may be more behind it."""
    turn = s.state.turn
    assert turn is not None
    s.set_turn(voiced=turn.voiced + max(event.last_voice - turn.stretch, 0))
    s.clear(DECIDE)
    if _evidence(s, event.last_voice).said is Said.BACKCHANNEL:
        release(s)


def measured(s: Step, event: VoiceMeasured) -> None:
    """How loud the voice is. One that turns out to be near holds the agent as its first sound would have."""
    turn = s.state.turn
    if turn is None:
        return
    level = event.level if turn.level is None else _mean(turn.level, turn.measured, event.level, event.lasted)
    turn = s.set_turn(level=level, measured=turn.measured + event.lasted)
    if turn.floor is not Floor.OVERLAP:
        return
    if not turn.given_up and not _is_quiet(s, turn.level, barge_in.QUIET):
        hold(s, event.at)
    weigh(s, event.at)


# --- the judgement ------------------------------------------------------------------------------------------------


def weigh(s: Step, at: int) -> None:
    """Something more is known of the voice: does it take the floor?"""
    turn, live = s.state.turn, s.state.live
    assert turn is not None
    evidence = _evidence(s, at)
    if live is None:
        if evidence.final and evidence.said in _NOT_FOR_THE_AGENT:
            go_on(s)
        return
    decision = barge_in.decide(evidence, s.settings)
    if decision.outcome is Outcome.TAKES:
        if may_be_interrupted(s, live):
            s.emit(out.BargeIn(live.reply_id, at, decision))
            take_floor(s)
    elif decision.outcome is Outcome.PASSES:
        if evidence.said not in _NOT_FOR_THE_AGENT and not may_be_interrupted(s, live):
            return  # it is answered when the reply has ended
        s.emit(out.BargeIn(live.reply_id, at, decision))
        if evidence.said is Said.ECHO:
            _note_echo(s, evidence)
        go_on(s)
    elif s.state.voice is Voice.ON:
        _await_enough(s, at)


def decide(s: Step) -> None:
    """The voice has lasted. Also after the hold was given up: it may have begun late in it."""
    turn = s.state.turn
    if turn and turn.floor is Floor.OVERLAP and s.state.voice is Voice.ON and turn.enough_at is not None:
        weigh(s, turn.enough_at)


def give_up(s: Step) -> None:
    """Held too long for nothing: the agent goes on. Words that come later still take the floor."""
    turn, live = s.state.turn, s.state.live
    if turn and turn.floor is Floor.OVERLAP and live and live.gate is Gate.HELD:
        decision = barge_in.decide(_evidence(s, at := turn.onset + s.settings.give_up_after), s.settings)
        s.emit(out.BargeIn(live.reply_id, at, replace(decision, outcome=Outcome.GIVEN_UP)))
        s.set_turn(given_up=True)
        release(s)


def _evidence(s: Step, at: int) -> Evidence:
    """What is known of the voice when `at` milliseconds of audio have been received."""
    turn, live = s.state.turn, s.state.live
    assert turn is not None
    final = turn.asked is Asked.ANSWERED
    voice = max(at - turn.stretch, 0) if s.state.voice is Voice.ON else 0
    trigger = live.plan.trigger if live else None
    said = classify(
        turn.text,
        s.settings.language,
        final=final,
        agent=turn.agent,
        greeted=trigger is Trigger.GREETING,
        asked=trigger in _ASKS_FOR_A_SIGN,
        asked_lately=asks(turn.agent),
    )
    voices, usual = turn.voiced + voice, s.state.usual_level
    return Evidence(said, turn.text, final, voice, voices, turn.level, usual, Overlap(turn.overlap))


def _await_enough(s: Step, at: int) -> None:
    """Look again when the voice will have lasted long enough, if it has by then said nothing new."""
    turn = s.state.turn
    assert turn is not None
    lasting, live = barge_in.enough(_evidence(s, at), s.settings), s.state.live
    due = turn.stretch + lasting if lasting is not None and live and may_be_interrupted(s, live) else None
    s.set_turn(enough_at=due)
    if due is None or due <= at:
        s.clear(DECIDE)
    else:
        s.at_audio(DECIDE, due)


def _part(s: Step) -> Overlap:
    live = s.state.live
    if live is None:
        return Overlap.MIDDLE
    if live.plan.trigger is Trigger.GREETING:
        return Overlap.GREETING
    answers = live.plan.trigger is Trigger.TURN and live.audible_since is not None
    at_once = answers and s.now - (live.audible_since or 0.0) <= s.settings.at_once
    return Overlap.BEGINNING if at_once else Overlap.MIDDLE


# --- how loud -----------------------------------------------------------------------------------------------------


def _is_quiet(s: Step, level: float | None, margin: float) -> bool:
    """Whether a sound is too far below the caller's voice to be it, or no louder than the agent's own echo was."""
    usual, echo = s.state.usual_level, s.state.echo_level
    if level is None:
        return False
    if echo is not None and level <= echo + _ECHO_MARGIN and (usual is None or level < usual - _ECHO_MARGIN):
        return True
    return barge_in.below_usual(level, usual) >= margin


def _note_echo(s: Step, evidence: Evidence) -> None:
    if evidence.level is not None:
        s.set(echo_level=max(evidence.level, s.state.echo_level or evidence.level))


def _mean(one: float, lasted: int, other: float, lasts: int) -> float:
    """The level of two stretches together, each in dBFS and of so many ms."""
    power = (10 ** (one / 10) * lasted + 10 ** (other / 10) * lasts) / max(lasted + lasts, 1)
    return 10 * math.log10(power)


def note_level(s: Step, turn: Turn) -> None:
    """The caller has had a turn: this is how loud the caller is. A few turns decide, and none of them alone."""
    if turn.level is not None:
        usual = turn.level if s.state.usual_level is None else s.state.usual_level
        s.set(usual_level=usual + (turn.level - usual) * _ADAPTS)


# --- the floor ----------------------------------------------------------------------------------------------------


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
    """The live reply has ended: a voice over its last words is the caller's turn, unless it was the agent's own; a
    turn whose end waited for the reply's is closed now."""
    turn = s.state.turn
    assert turn is not None
    if turn.floor is Floor.OVERLAP:
        evidence = _evidence(s, s.state.last_voice)
        if evidence.said is Said.ECHO:
            _note_echo(s, evidence)
            turns.leave(s)
            replies.next_reply(s)
        else:
            open_turn(s)
    elif turn.floor is Floor.CLOSING and turn.asked is Asked.ANSWERED:
        turns.close(s)


def take_up(s: Step, aside: Aside) -> None:
    """A "Yes." over the last words of a question was its answer: as if it had been said after them."""
    s.set(turn=replace(aside.turn, floor=Floor.OPEN, asked=Asked.ANSWERED))
    tell_open(s)
    turns.close(s)
