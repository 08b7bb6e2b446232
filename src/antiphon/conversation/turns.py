"""The caller's side: when a turn begins, and when it ends. A voice over the agent's is `overlap.py`'s.

nobody ──voice, agent silent──────────────▶ OPEN ──silence and final transcript──▶ closed: answered
   │                                        ▲  │
   │                                        │  └─silence, no transcript yet──▶ CLOSING ──▶ closed
   └──voice, agent audible──▶ OVERLAP ──words, or half a second of voice──┘
                              (held)  └─backchannel, cough, nothing: the agent goes on──▶ nobody
"""

from __future__ import annotations

from antiphon.conversation import endings, overlap, pauses, replies, speculation
from antiphon.conversation import notices as out
from antiphon.conversation.actions import Finalize, HoldPlayout, NextUtterance
from antiphon.conversation.events import Heard, VoiceStarted, VoiceStopped
from antiphon.conversation.pauses import EARLY_FINAL, ENDPOINT, JUDGE
from antiphon.conversation.settings import Mode
from antiphon.conversation.state import Asked, Floor, Gate, Presence, Turn, Voice
from antiphon.conversation.stepping import Step
from antiphon.conversation.values import is_unfinished
from antiphon.conversation.words import is_backchannel, is_echo
from antiphon.types import Role

# Timers of this side, with those of `pauses.py`. All but TRANSCRIPT run on received audio.
MAX_SILENCE = "max_silence"  # a voice over the agent's came to nothing
TRANSCRIPT = "transcript"  # stop waiting for the transcript
WORDLESS = "wordless"  # an open turn in which nothing is understood
TIMERS = (EARLY_FINAL, ENDPOINT, JUDGE, MAX_SILENCE, TRANSCRIPT, WORDLESS)


# --- voice --------------------------------------------------------------------------------------------------------


def voice_started(s: Step, event: VoiceStarted) -> None:
    pauses.end(s, event.onset)
    s.set(voice=Voice.ON, last_voice=event.at)
    if s.state.turn:
        _voice_goes_on(s)
        if s.state.turn.floor is Floor.OVERLAP:
            overlap.voice_again(s, event)
    elif overlap.agent_is_audible(s):
        overlap.begin(s, event)
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
        overlap.voice_pauses(s, event)
        s.at_audio(MAX_SILENCE, event.last_voice + s.settings.max_silence)
    else:
        pauses.begin(s, event.at)


def _voice_goes_on(s: Step) -> None:
    """The caller speaks on after a pause: what was concluded from the pause no longer holds."""
    s.clear(EARLY_FINAL, ENDPOINT, MAX_SILENCE, TRANSCRIPT)
    turn = s.set_turn(asked=Asked.NOT_YET, ended_at=None, waited=False)
    if turn.floor is Floor.CLOSING:
        s.set_turn(floor=Floor.OPEN)
        s.at_audio(WORDLESS, s.state.last_voice + s.settings.wordless_turn)
    speculation.drop(s)


# --- transcripts --------------------------------------------------------------------------------------------------


def heard(s: Step, event: Heard) -> None:
    if s.state.turn is None:
        if not event.text or s.state.voice is Voice.OFF or is_echo(event.text, event.agent):
            return
        # Words without a turn: a voice that goes on after its turn was closed for saying nothing.
        if overlap.agent_is_audible(s):
            overlap.begin(s, event)
        else:
            _open(s, event.at, event.at)
    turn = s.state.turn
    assert turn is not None
    # A final asked for in a pause that has since ended says no more than a partial.
    answers = event.final and turn.asked is Asked.ASKED and s.state.voice is Voice.OFF
    changed = event.text != turn.text
    s.set_turn(text=event.text, asked=Asked.ANSWERED if answers else turn.asked, agent=event.agent)
    if turn.floor is Floor.OVERLAP:
        overlap.weigh(s, event.at)
        return
    if changed and event.text:
        s.emit(out.UserTranscriptDelta(turn.item_id, event.text))
        if turn.floor is Floor.CLOSING and s.state.voice is Voice.ON:
            _voice_goes_on(s)  # it was being closed for saying nothing
        s.at_audio(WORDLESS, event.at + s.settings.wordless_turn)
        _words_in_turn(s)
    if changed or answers:
        pauses.heard(s, event.at, final=answers)
    if answers:
        _final_in_turn(s, event.at)


def _final_in_turn(s: Step, at: int) -> None:
    assert s.state.turn
    if s.state.turn.floor is Floor.CLOSING:
        if pauses.reopens(s, at):
            s.clear(TRANSCRIPT)
        elif not _waits_for_more(s):
            close(s)
    else:
        speculation.speculate(s, s.state.turn.text)


def _words_in_turn(s: Step) -> None:
    """The caller goes on before the reply to what was said so far is audible: that reply is no longer wanted."""
    live, turn = s.state.live, s.state.turn
    if live and turn and live.gate is Gate.HELD and not _is_backchannel(s, turn):
        endings.cancel(s)


def _is_backchannel(s: Step, turn: Turn) -> bool:
    return is_backchannel(turn.text, s.settings.language)


# --- the pause, step by step --------------------------------------------------------------------------------------


def early_final(s: Step) -> None:
    if s.state.turn and s.state.voice is Voice.OFF and s.state.turn.asked is Asked.NOT_YET:
        _ask(s)


def endpoint(s: Step) -> None:
    """The pause is as long as the end of a turn. It closes now if the STT has answered, else when it does."""
    turn = s.state.turn
    if turn is None or turn.floor is not Floor.OPEN or s.state.voice is Voice.ON:
        return
    s.set_turn(ended_at=s.now)
    if turn.asked is Asked.ANSWERED:
        if not _waits_for_more(s):
            close(s)
        return
    s.set_turn(floor=Floor.CLOSING)
    # Not in received audio: what a caller said while nobody was connected comes all at once.
    if turn.asked is Asked.NOT_YET:
        _ask(s)  # the pause may have been the longest there is: the STT has its time all the same
        s.after(TRANSCRIPT, s.settings.max_silence / 1000)
    else:
        s.after(TRANSCRIPT, (s.settings.max_silence - s.settings.min_silence) / 1000)


def _waits_for_more(s: Step) -> bool:
    """A number that was asked for pauses in its middle: once in each silence, it is given the longest one there is."""
    turn = s.state.turn
    if turn is None or turn.waited or turn.pause or not s.settings.whole_values:
        return False
    if not is_unfinished(turn.text, question=s.state.history.last_said(), tools=s.settings.tools):
        return False
    s.set_turn(floor=Floor.OPEN, ended_at=None, waited=True)
    s.clear(TRANSCRIPT)
    s.at_audio(ENDPOINT, s.state.last_voice + s.settings.max_silence)
    return True


def give_up_on_transcript(s: Step) -> None:
    """The STT does not answer: what it said so far must do."""
    turn = s.state.turn
    if turn and turn.floor is Floor.CLOSING:
        close(s)
    elif turn and turn.floor is Floor.OVERLAP and s.state.voice is Voice.OFF and _is_backchannel(s, turn):
        overlap.go_on(s)


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
    if s.state.live and s.state.live.gate is Gate.OPEN and overlap.may_be_interrupted(s, s.state.live):
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
    if s.state.presence is Presence.AWAY:
        s.set_turn(floor=Floor.CLOSING, asked=Asked.ANSWERED)  # there may be more of it; the return closes
        return
    leave(s)
    rest = s.state.rest
    s.set(rest=None)
    s.emit(out.SpeechStopped())
    if not turn.text:
        speculation.drop(s)
        overlap.release(s)
        if rest and s.state.live is None:
            s.set(plans=(rest, *s.state.plans))  # it was cut by a noise
        elif turn.asked is Asked.ASKED and turn.ended_at is not None and live is None:
            endings.apologise(s)  # the STT owes an answer: what the caller said is lost
        replies.next_reply(s)
        return
    overlap.note_level(s, turn)
    s.set(history=s.state.history.said(Role.USER, turn.text), quiet_since=s.now, asks=0, silent_rounds=0, parting=None)
    if s.state.on_hold:
        s.set(withheld=(*s.state.withheld, (turn.item_id, turn.text)))
        overlap.release(s)
        replies.next_reply(s)
        return
    s.emit(out.UserTranscript(turn.item_id, turn.text))
    if live is None:
        replies.answer(s, turn.text, since=turn.ended_at)
    else:
        overlap.release(s)  # a backchannel before the reply was audible is no objection to it


def cut_short(s: Step, turn: Turn) -> None:
    """The session ends in the caller's turn."""
    s.emit(out.SpeechStopped())
    if turn.text:
        s.set(history=s.state.history.said(Role.USER, turn.text))
        s.emit(out.UserTranscript(turn.item_id, turn.text))


def leave(s: Step) -> None:
    """No turn any more; the STT begins another utterance."""
    s.clear(*TIMERS, overlap.DECIDE, overlap.GIVE_UP)
    s.set(turn=None, utterance=s.state.utterance + 1)
    s.do(NextUtterance(s.state.utterance))
