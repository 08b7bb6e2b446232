"""The caller's side: when a turn begins, when it ends, and whether a voice over the agent's takes the floor.

nobody ──voice, agent silent──────────────▶ OPEN ──silence and final transcript──▶ closed: answered
   │                                        ▲  │
   │                                        │  └─silence, no transcript yet──▶ CLOSING ──▶ closed
   └──voice, agent audible──▶ OVERLAP ──words, or half a second of voice──┘
                              (held)  └─backchannel, cough, nothing: the agent goes on──▶ nobody
"""

from __future__ import annotations

from dataclasses import replace

from antiphon.conversation import notices as out
from antiphon.conversation import replies
from antiphon.conversation.actions import Finalize, HoldPlayout, NextUtterance, ResumePlayout
from antiphon.conversation.events import Heard, VoiceStarted, VoiceStopped
from antiphon.conversation.settings import Mode
from antiphon.conversation.state import Aside, Asked, Floor, Gate, Progress, Reply, Trigger, Turn, Voice
from antiphon.conversation.stepping import Step
from antiphon.conversation.words import is_backchannel, may_become_backchannel, normalise
from antiphon.types import Role

# Timers of this side. All but TRANSCRIPT run on received audio.
EARLY_FINAL = "early_final"  # ask the STT for its final before the turn is over
ENDPOINT = "endpoint"  # the turn's silence is complete
MAX_SILENCE = "max_silence"  # stop waiting for the transcript
TRANSCRIPT = "transcript"  # the same, should audio stop coming as well
WORDLESS = "wordless"  # an open turn in which nothing is understood
DECIDE = "decide"  # enough voice over the agent, words or not
GIVE_UP = "give_up"  # a hold nobody could justify
_ALL = (EARLY_FINAL, ENDPOINT, MAX_SILENCE, TRANSCRIPT, WORDLESS, DECIDE, GIVE_UP)

_ASKS_FOR_A_SIGN = (Trigger.IDLE, Trigger.GOODBYE)


# --- voice --------------------------------------------------------------------------------------------------------


def voice_started(s: Step, event: VoiceStarted) -> None:
    s.set(voice=Voice.ON, last_voice=event.at)
    if s.state.turn:
        _voice_goes_on(s)
        if s.state.turn.floor is Floor.OVERLAP:
            _hold(s, event.onset)
    elif _agent_is_audible(s):
        _overlap(s, event.onset)
    else:
        _open(s, event.onset, event.at)


def voice_stopped(s: Step, event: VoiceStopped) -> None:
    s.set(voice=Voice.OFF, last_voice=event.last_voice)
    turn = s.state.turn
    if turn is None:
        return
    if s.settings.mode is Mode.STREAMING or turn.floor is Floor.OVERLAP:
        s.at_audio(EARLY_FINAL, event.last_voice + s.settings.early_final)
    if turn.floor is Floor.OVERLAP:
        s.at_audio(MAX_SILENCE, event.last_voice + s.settings.max_silence)
    else:
        s.at_audio(ENDPOINT, event.last_voice + s.settings.min_silence)


def _voice_goes_on(s: Step) -> None:
    """The caller speaks on after a pause: what was concluded from the pause no longer holds."""
    s.clear(EARLY_FINAL, ENDPOINT, MAX_SILENCE, TRANSCRIPT)
    turn = s.set_turn(asked=Asked.NOT_YET)
    if turn.floor is Floor.CLOSING:
        s.set_turn(floor=Floor.OPEN)
        s.at_audio(WORDLESS, s.state.last_voice + s.settings.wordless_turn)
    replies.drop_speculation(s)


# --- transcripts --------------------------------------------------------------------------------------------------


def heard(s: Step, event: Heard) -> None:
    if s.state.turn is None:
        if not event.text or s.state.voice is Voice.OFF:
            return
        # Words without a turn: a voice that goes on after its turn was closed for saying nothing.
        if _agent_is_audible(s):
            _overlap(s, event.at)
        else:
            _open(s, event.at, event.at)
    turn = s.state.turn
    assert turn is not None
    # A final asked for in a pause that has since ended says no more than a partial.
    answers = event.final and turn.asked is Asked.ASKED and s.state.voice is Voice.OFF
    changed = event.text != turn.text
    s.set_turn(text=event.text, asked=Asked.ANSWERED if answers else turn.asked)
    if turn.floor is Floor.OVERLAP:
        _weigh_overlap(s)
        return
    if changed and event.text:
        s.emit(out.UserTranscriptDelta(turn.item_id, event.text))
        if turn.floor is Floor.CLOSING and s.state.voice is Voice.ON:
            _voice_goes_on(s)  # it was being closed for saying nothing
        s.at_audio(WORDLESS, event.at + s.settings.wordless_turn)
        _words_in_turn(s)
    if answers:
        _final_in_turn(s)


def _final_in_turn(s: Step) -> None:
    assert s.state.turn
    if s.state.turn.floor is Floor.CLOSING:
        close(s)
    else:
        replies.speculate(s, s.state.turn.text)


def _words_in_turn(s: Step) -> None:
    """The caller goes on before the reply to what was said so far is audible: that reply is no longer wanted."""
    live, turn = s.state.live, s.state.turn
    if live and turn and live.gate is Gate.HELD and not is_backchannel(turn.text):
        replies.cancel(s)


# --- the pause, step by step --------------------------------------------------------------------------------------


def early_final(s: Step) -> None:
    if s.state.turn and s.state.voice is Voice.OFF and s.state.turn.asked is Asked.NOT_YET:
        _ask(s)


def endpoint(s: Step) -> None:
    """The pause is as long as the end of a turn. It closes now if the STT has answered, else when it does."""
    turn = s.state.turn
    if turn is None or turn.floor is not Floor.OPEN or s.state.voice is Voice.ON:
        return
    if turn.asked is Asked.ANSWERED:
        close(s)
        return
    s.set_turn(floor=Floor.CLOSING)
    s.at_audio(MAX_SILENCE, s.state.last_voice + s.settings.max_silence)
    s.after(TRANSCRIPT, s.settings.max_silence / 1000)
    if turn.asked is Asked.NOT_YET:
        _ask(s)


def give_up_on_transcript(s: Step) -> None:
    """The STT does not answer: what it said so far must do."""
    turn = s.state.turn
    if turn and turn.floor is Floor.CLOSING:
        close(s)
    elif turn and turn.floor is Floor.OVERLAP and s.state.voice is Voice.OFF and is_backchannel(turn.text):
        _go_on(s)


def wordless(s: Step) -> None:
    """A turn is open and nothing new is understood: noise, or an STT that fell silent."""
    turn = s.state.turn
    if turn is None or turn.floor is not Floor.OPEN:
        return
    if turn.asked is Asked.ANSWERED:
        close(s)
        return
    s.set_turn(floor=Floor.CLOSING)
    s.after(TRANSCRIPT, s.settings.max_silence / 1000)
    if turn.asked is Asked.NOT_YET:
        _ask(s)


def _ask(s: Step) -> None:
    s.set_turn(asked=Asked.ASKED)
    s.do(Finalize())


# --- opening and closing ------------------------------------------------------------------------------------------


def _open(s: Step, onset: int, at: int) -> None:
    """The caller takes the floor while the agent is silent. A reply still being prepared waits for what is said."""
    s.set(turn=Turn(s.new_id("msg"), Floor.OPEN, onset))
    s.clear(replies.IDLE)
    s.at_audio(WORDLESS, at + s.settings.wordless_turn)
    s.emit(out.SpeechStarted())
    if s.state.live and s.state.live.gate is Gate.OPEN and _may_be_interrupted(s, s.state.live):
        s.set_live(gate=Gate.HELD)
        s.do(HoldPlayout(s.state.live.reply_id))


def close(s: Step) -> None:
    """The turn is over: it is answered, unless nothing was said."""
    turn, live = s.state.turn, s.state.live
    assert turn is not None
    if live and (live.gate is Gate.STOPPING or (turn.text and live.gate is Gate.OPEN)):
        # History takes the reply's part first, be it stopping or one that may not be interrupted: its end closes.
        s.set_turn(floor=Floor.CLOSING, asked=Asked.ANSWERED)
        return
    _leave(s)
    s.emit(out.SpeechStopped())
    if not turn.text:
        replies.drop_speculation(s)
        _release(s)
        replies.next_reply(s)
        return
    s.set(history=s.state.history.said(Role.USER, turn.text), quiet_since=s.now, asks=0, silent_rounds=0)
    if s.state.on_hold:
        s.set(withheld=(*s.state.withheld, (turn.item_id, turn.text)))
        _release(s)
        replies.next_reply(s)
        return
    s.emit(out.UserTranscript(turn.item_id, turn.text))
    if live is None:
        replies.answer(s, turn.text)
    else:
        _release(s)  # a backchannel before the reply was audible is no objection to it


def cut_short(s: Step, turn: Turn) -> None:
    """The session ends in the caller's turn."""
    s.emit(out.SpeechStopped())
    if turn.text:
        s.set(history=s.state.history.said(Role.USER, turn.text))
        s.emit(out.UserTranscript(turn.item_id, turn.text))


def _leave(s: Step) -> None:
    """No turn any more; the STT begins another utterance."""
    s.clear(*_ALL)
    s.set(turn=None, utterance=s.state.utterance + 1)
    s.do(NextUtterance(s.state.utterance))


# --- a voice over the agent's -------------------------------------------------------------------------------------


def _overlap(s: Step, onset: int) -> None:
    s.set(turn=Turn(s.new_id("msg"), Floor.OVERLAP, onset))
    _hold(s, onset)


def _hold(s: Step, onset: int) -> None:
    """Hold at the first sound, decide afterwards. The hold is invisible outside."""
    live = s.state.live
    if live is None or live.gate is not Gate.OPEN or not _may_be_interrupted(s, live):
        return
    s.set_live(gate=Gate.HELD)
    s.do(HoldPlayout(live.reply_id))
    s.at_audio(DECIDE, onset + s.settings.decide_after)
    s.at_audio(GIVE_UP, onset + s.settings.give_up_after)


def _weigh_overlap(s: Step) -> None:
    """New words over the agent's voice: take the floor on any that is no backchannel."""
    turn, live = s.state.turn, s.state.live
    assert turn is not None
    final = turn.asked is Asked.ANSWERED
    passes = is_backchannel(turn.text) if final else not turn.text or may_become_backchannel(turn.text)
    if live and live.plan.trigger in _ASKS_FOR_A_SIGN and normalise(turn.text):
        passes = False  # "Are you still there?" is answered by any word
    if passes:
        if final:
            _go_on(s)
    elif live and _may_be_interrupted(s, live):
        take_floor(s)


def decide(s: Step) -> None:
    """Half a second of voice takes the floor, unless it sounds like a backchannel or has stopped by itself."""
    turn = s.state.turn
    if turn is None or turn.floor is not Floor.OVERLAP or s.state.voice is Voice.OFF:
        return
    if s.state.live and s.state.live.gate is Gate.HELD and not may_become_backchannel(turn.text):
        take_floor(s)


def give_up_holding(s: Step) -> None:
    """Held too long for nothing: the agent goes on. Words that come later still take the floor."""
    if s.state.turn and s.state.turn.floor is Floor.OVERLAP:
        _release(s)


def take_floor(s: Step) -> None:
    """A real interruption: the reply stops for good, and the caller's turn is open, from its first sound."""
    open_overlap(s)
    replies.cancel(s)


def open_overlap(s: Step) -> None:
    """The overlap becomes the caller's turn, with the words it already has."""
    turn = s.state.turn
    assert turn is not None and turn.floor is Floor.OVERLAP
    s.clear(DECIDE, GIVE_UP)
    s.set_turn(floor=Floor.OPEN)
    s.emit(out.SpeechStarted())
    if turn.text:
        s.emit(out.UserTranscriptDelta(turn.item_id, turn.text))
    s.at_audio(WORDLESS, s.state.last_voice + s.settings.wordless_turn)
    if s.state.voice is Voice.OFF:
        s.at_audio(ENDPOINT, s.state.last_voice + s.settings.min_silence)


def _go_on(s: Step) -> None:
    """A false alarm: the agent goes on from the word that was cut, and nobody outside hears of it."""
    turn = s.state.turn
    if turn and normalise(turn.text):
        s.set(aside=Aside(turn, s.now))
    _leave(s)
    _release(s)


def _release(s: Step) -> None:
    live = s.state.live
    if live and live.gate is Gate.HELD:
        s.set_live(gate=Gate.OPEN)
        s.do(ResumePlayout(live.reply_id))
        replies.run_waiting(s)


def _agent_is_audible(s: Step) -> bool:
    live = s.state.live
    return live is not None and live.progress is Progress.AUDIBLE and live.gate is not Gate.STOPPING


def _may_be_interrupted(s: Step, live: Reply) -> bool:
    return s.settings.interruptible and live.plan.interruptible


def agent_fell_silent(s: Step) -> None:
    """The live reply has ended: a voice over its last words is the caller's turn, unless it is known to say nothing;
    a turn whose end waited for the reply's is closed now."""
    turn = s.state.turn
    assert turn is not None
    answered = turn.asked is Asked.ANSWERED and s.state.voice is Voice.OFF
    if turn.floor is Floor.OVERLAP and answered and not turn.text:
        _leave(s)
        replies.next_reply(s)
    elif turn.floor is Floor.OVERLAP:
        open_overlap(s)
    elif turn.floor is Floor.CLOSING and turn.asked is Asked.ANSWERED:
        close(s)


def take_up(s: Step, aside: Aside) -> None:
    """A "Yes." over the last words of a question was its answer: as if it had been said after them."""
    s.set(turn=replace(aside.turn, floor=Floor.OPEN, asked=Asked.ANSWERED))
    s.emit(out.SpeechStarted())
    s.emit(out.UserTranscriptDelta(aside.turn.item_id, aside.turn.text))
    close(s)
