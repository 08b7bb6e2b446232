"""A pause in the caller's turn: who is asked about it, and how long it may last before the turn is over.

A detector hears the pause as soon as it is one, and once more where that leaves it in doubt; the final transcript is
read by a model of language, where there is one. Each answer is weighed again with all that is known, and moves the one
timer that ends the turn. What comes too late, or of a pause that has ended, changes nothing. Without
`Settings.patience` a turn ends after `min_silence`, whatever anyone says.
"""

from __future__ import annotations

from dataclasses import replace

from antiphon.conversation import notices as out
from antiphon.conversation import phrases
from antiphon.conversation.actions import JudgeTurn, ReadEnding
from antiphon.conversation.endpointing import Evidence, Score, decide
from antiphon.conversation.events import EndingRead, TurnJudged
from antiphon.conversation.settings import Mode
from antiphon.conversation.state import Asked, Floor, Turn, Voice
from antiphon.conversation.stepping import Step
from antiphon.types import Role

# Timers of a pause, on received audio.
EARLY_FINAL = "early_final"  # ask the STT for its final before the turn is over
ENDPOINT = "endpoint"  # the turn's silence is complete
JUDGE = "judge"  # hear the detector once more

_AGAIN = 200  # ms of silence at which the detector is asked once more
_IN_DOUBT = 500  # ms; so long a wait is worth another opinion
_FOR_DETECTOR = 350  # ms of silence until which its first answer is waited for
_FOR_READER = 120  # ms, from the final transcript on, in which its reading is waited for
_FOR_FINAL = 150  # ms that a final transcript takes, as a rule


def begin(s: Step, at: int) -> None:
    """The caller has fallen silent, as is known at `at`."""
    assert s.state.turn
    if s.settings.patience is None:
        s.at_audio(ENDPOINT, s.state.last_voice + s.settings.min_silence)
        return
    turn = s.set_turn(pause=Evidence(pace=s.state.pace.factor), read_since=None)
    if s.settings.judges:
        s.do(JudgeTurn(turn.onset, s.state.last_voice))
    reckon(s, at)


def end(s: Step, onset: int) -> None:
    """The caller goes on, from `onset`: so long are this caller's pauses."""
    turn = s.state.turn
    if turn and turn.pause:
        if turn.text:
            s.set(pace=s.state.pace.paused(onset - s.state.last_voice))
        s.set_turn(pause=None, read_since=None)
        s.clear(JUDGE)


def judged(s: Step, event: TurnJudged) -> None:
    """The detector has heard the pause."""
    turn = _paused(s)
    if turn is None or turn.pause is None or event.last_voice != s.state.last_voice:
        return
    first = not turn.pause.scores
    score = Score(event.silence, event.probability)
    s.set_turn(pause=replace(turn.pause, scores=(*turn.pause.scores, score)))
    if turn.floor is Floor.OPEN:
        due = reckon(s, event.at)
        if first and due - s.state.last_voice >= _IN_DOUBT:
            s.at_audio(JUDGE, s.state.last_voice + _AGAIN)


def judge_again(s: Step) -> None:
    if (turn := _paused(s)) and turn.pause:
        s.do(JudgeTurn(turn.onset, s.state.last_voice))


def read(s: Step, event: EndingRead) -> None:
    """The model of language has read the transcript."""
    turn = _paused(s)
    if turn is None or turn.pause is None or turn.read_since is None or event.text != said(s):
        return
    s.set_turn(pause=replace(turn.pause, sentence_end=event.probability), read_since=None)
    if turn.floor is Floor.OPEN:
        reckon(s, event.at)


def heard(s: Step, at: int, *, final: bool) -> None:
    """There are new words, or the final transcript, in the middle of a pause."""
    turn = _paused(s)
    if turn is None or turn.pause is None:
        return
    s.set_turn(pause=replace(turn.pause, final=final, sentence_end=None), read_since=None)
    if final and turn.text and s.settings.reads_endings:
        s.set_turn(read_since=at)
        s.do(ReadEnding(said(s)))
    if turn.floor is Floor.OPEN:
        reckon(s, at)


def reopens(s: Step, at: int) -> bool:
    """The final transcript has come when the silence was complete. Its words may say that it was not: then the turn
    is open again."""
    turn = _paused(s)
    if turn is None or turn.pause is None or turn.floor is not Floor.CLOSING or reckon(s, at) <= at:
        return False
    s.set_turn(floor=Floor.OPEN, ended_at=None)
    return True


def reckon(s: Step, at: int) -> int:
    """Weighs what is known at `at`, and sets when the turn is over, which it returns: in ms of received audio."""
    turn, state, settings = s.state.turn, s.state, s.settings
    assert turn and turn.pause
    if settings.patience is None:  # it was taken back in the middle of the pause
        s.at_audio(ENDPOINT, state.last_voice + settings.min_silence)
        return state.last_voice + settings.min_silence
    text = said(s)
    signs = phrases.signs(text, question=state.history.last_said(), tools=settings.tools)
    known = replace(turn.pause, silence=max(at - state.last_voice, 0), text=text, signs=signs)
    decision = decide(known, settings.patience)
    s.set_turn(pause=known)
    s.emit(out.Endpointing(turn.item_id, at, decision))
    due = state.last_voice + decision.wait
    if settings.judges and not known.scores:
        due = max(due, state.last_voice + _FOR_DETECTOR)
    if turn.read_since is not None:
        due = max(due, turn.read_since + _FOR_READER)
    s.at_audio(ENDPOINT, due)
    if turn.asked is Asked.NOT_YET and settings.mode is Mode.STREAMING:
        s.at_audio(EARLY_FINAL, min(state.last_voice + settings.early_final, due - _FOR_FINAL))
    return due


def said(s: Step) -> str:
    """The caller's words since the agent's were last heard: a turn that was closed too early is part of them."""
    parts = [s.state.turn.text] if s.state.turn else []
    for message in reversed(s.state.history.messages()):
        if message.role is not Role.USER:
            break
        parts.append(message.text)
    return " ".join(filter(None, reversed(parts)))


def _paused(s: Step) -> Turn | None:
    """The caller's turn, if it is in a pause that has not been decided."""
    turn = s.state.turn
    return turn if turn and turn.floor is not Floor.OVERLAP and s.state.voice is Voice.OFF else None
