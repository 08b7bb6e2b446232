"""What must be true of a demo, and whether it is. Each check is a name, a verdict, and its reason in one line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from antiphon.lab.demo_caller import Part
from antiphon.lab.demo_outcome import HeardReply, Outcome, Utterance

LEAST_VOICED = 200.0  # ms: less is no spoken answer
LOST = 1.0  # ms of audio that may be missing from what was heard whole: errors of rounding


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    passed: bool
    reason: str


def checks(outcome: Outcome) -> list[Check]:
    """All that apply to this demo, in the order of the conversation."""
    found = [_greeting(outcome)]
    found += [_backchannel(outcome, utterance) for utterance in outcome.saying(Part.BACKCHANNEL)]
    found += [_understood(outcome), _answered(outcome)]
    for utterance in outcome.saying(Part.INTERRUPTION):
        found += _interruption(outcome, utterance)
    found.append(_ended(outcome))
    return found


def _greeting(outcome: Outcome) -> Check:
    """The first reply is the greeting: remembered whole, played whole."""
    name, reply = "the greeting was heard whole", next(iter(outcome.replies), None)
    if reply is None or reply.begins is None:
        return Check(name, False, "nothing was heard")
    if reply.interrupted or reply.status != "completed":
        return Check(name, False, f"it was cut after: {reply.text}")
    if reply.text != outcome.greeting:
        return Check(name, False, f"instead of it the agent said: {reply.text}")
    if reply.unplayed_ms > LOST:
        return Check(name, False, f"the last {reply.unplayed_ms:.0f} ms of its audio were never played")
    return Check(name, True, f"{reply.played_ms / 1000:.1f} s of audio, to the last word")


def _backchannel(outcome: Outcome, utterance: Utterance) -> Check:
    name = f"the agent went on through {utterance.text!r}"
    reply = outcome.reply_over(utterance)
    if reply is None:
        return Check(name, False, "it was not said over the agent's voice")
    if utterance.turns:
        return Check(name, False, f"it took the floor, heard as: {utterance.transcript}")
    if reply.interrupted:
        return Check(name, False, "the reply under it was interrupted")
    return Check(name, True, f"said {utterance.begins - (reply.begins or 0):.1f} s into it; {_pause(reply)}")


def _pause(reply: HeardReply) -> str:
    return f"the agent listened for {reply.paused_ms:.0f} ms, and went on" if reply.paused_ms >= 1 else "not a pause"


def _understood(outcome: Outcome) -> Check:
    """Every utterance has a transcript. A backchannel is no turn: what is heard of it goes nowhere."""
    name = "every utterance was understood"
    spoken = [utterance for utterance in outcome.utterances if utterance.part is not Part.BACKCHANNEL]
    for utterance in spoken:
        if not utterance.turns or not all(turn.user.strip() for turn in utterance.turns):
            return Check(name, False, f"no transcript of {_named(utterance)}")
    if not spoken:
        return Check(name, False, "nothing was said")
    return Check(name, True, f"{len(spoken)} of {len(spoken)} have a transcript")


def _named(utterance: Utterance) -> str:
    return repr(utterance.text) if utterance.text else f"what was said at {utterance.begins:.1f} s"


def _answered(outcome: Outcome) -> Check:
    """Every turn has a reply whose sound reached the caller, but those after which the same utterance went on."""
    name = "every turn was answered audibly"
    voiced = {reply.reply_id: reply.voiced_ms for reply in outcome.replies}
    spoken_on = [id(turn) for utterance in outcome.utterances for turn in utterance.turns[:-1]]
    turns = [turn for turn in outcome.report.turns if turn.user and id(turn) not in spoken_on]
    for turn in turns:
        heard = max((voiced.get(reply_id, 0.0) for reply_id in turn.replies), default=0.0)
        if turn.latency_ms is None or heard < LEAST_VOICED:
            return Check(name, False, f"no voice answered: {turn.user}")
    if not turns:
        return Check(name, False, "there was no turn")
    slowest = max(turn.latency_ms or 0.0 for turn in turns)
    return Check(name, True, f"{len(turns)} of {len(turns)}, the slowest after {slowest:.0f} ms")


def _interruption(outcome: Outcome, utterance: Utterance) -> Iterator[Check]:
    reply = outcome.reply_over(utterance)
    if reply is None or reply.ends is None:
        yield Check("the interrupted reply stopped", False, "there was no voice to talk over")
        return
    stopped = 1000 * (reply.ends - utterance.begins)
    marked = reply.interrupted and reply.status == "interrupted"
    how = f"its last sample was played {stopped:.0f} ms after the caller began"
    yield Check("the interrupted reply stopped and is marked", marked, how if marked else "it went on")
    yield _trimmed(reply)


def _trimmed(reply: HeardReply) -> Check:
    """The history holds the words whose audio began to play, to the word. Where the end of what was played falls on the
    beginning of a word, to the millisecond, one word less is right too."""
    name = "its history holds what was heard"
    begun, remembered = reply.begun.split(), reply.text.split()
    if not remembered:
        return Check(name, False, "nothing of it is remembered")
    if remembered != begun[: len(remembered)]:
        return Check(name, False, f"heard: {reply.begun} / remembered: {reply.text}")
    if len(begun) - len(remembered) > 1:
        return Check(name, False, f"{len(begun) - len(remembered)} words were heard and are not remembered")
    return Check(
        name, True, f"{len(remembered)} words, {reply.played_ms / 1000:.1f} s; the last: … {_tail(remembered)}"
    )


def _tail(words: list[str]) -> str:
    return " ".join(words[-4:])


def _ended(outcome: Outcome) -> Check:
    name = "the call ended as it should"
    if outcome.report.failure:
        return Check(name, False, outcome.report.failure)
    if outcome.left_unsaid:
        return Check(name, False, f"{outcome.left_unsaid} lines were left unsaid: {outcome.gave_up}")
    if outcome.report.errors:
        error = outcome.report.errors[0]
        return Check(name, False, f"the server reported {error.code}: {error.message}")
    return Check(name, True, f"after {outcome.report.duration:.1f} s")
