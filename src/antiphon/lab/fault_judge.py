"""What may never happen to a call, whatever goes wrong in it, and whether it did.

A *lost* turn: something the caller asked for, while there was a connection, is not in the history. *Doubled*: it is
there twice, or was answered twice. *Unanswered*: nothing was heard of any reply to a turn within ANSWERED_WITHIN of its
end, or of the caller's return, unless the caller said more or asked for silence; the fallback line is an answer.
*Stuck*: a turn or a reply that never ends, or a session. *Left over*: tasks, and streams of providers. *Disorder*: the
wire's own rules.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

from antiphon.conversation import notices as out
from antiphon.lab.fault_call import ANSWER, THINGS, Story
from antiphon.lab.tones import words_of
from antiphon.types import Role

ANSWERED_WITHIN = 20.0  # seconds; in cascade mode a reply alone may take ten, and then the caller may speak
KINDS = ("lost", "doubled", "unanswered", "stuck", "left_over", "disorder", "invalid_request", "crash")


def judge(story: Story) -> Counter[str]:
    """How often each of KINDS happened in a call."""
    return Counter(kind for kind, _ in verdicts(story))


def verdicts(story: Story) -> list[tuple[str, str]]:
    """Each of KINDS with what it happened to."""
    return [*_turns(story), *_answers(story), *_answered(story), *_end(story), *_order(story)]


def _turns(story: Story) -> Iterator[tuple[str, str]]:
    said = [message.text for message in story.history if message.role is Role.USER]
    known = Counter(word for text in said for word in _things(text))
    for asked in story.asked:
        if known[asked.thing] > 1 and not asked.torn:
            yield "doubled", f"{asked.thing} is {known[asked.thing]} times in the history"
        elif not known[asked.thing] and not asked.lost:
            yield "lost", f"{asked.thing}, said from {asked.spoken.begins:.2f} to {asked.spoken.ends:.2f} s"


def _answers(story: Story) -> Iterator[tuple[str, str]]:
    """Two replies to the same words, unless a tool returned in between. One whose connection was lost is followed by
    its rest, if it was not heard."""
    audible = {notice.reply_id for _, notice in story.notices if isinstance(notice, out.ReplyAudio) and notice.audible}
    cut_off = {reply_id for begin, _ in story.away for reply_id in _live_at(story, begin)}
    answers = defaultdict[tuple[tuple[str, ...], int], list[float]](list)
    for reply_id, text in story.written.items():
        if reply_id in audible - cut_off and reply_id in story.begun and text.startswith(ANSWER.split()[0]):
            things, begun_at = tuple(_things(text)), story.begun[reply_id]
            # An answer to "yeah" names nothing, and the next one to "okay" is another.
            answers[things, 0 if things else _turns_by(story, begun_at)].append(begun_at)
    for (things, _), begun in answers.items():
        for first, second in pairwise(sorted(begun)):
            if not any(first <= at <= second for at in story.returned):
                yield "doubled", f"two answers to {' and '.join(things) or 'nothing'}"


def _answered(story: Story) -> Iterator[tuple[str, str]]:
    turns = {notice.item_id: at for at, notice in story.notices if isinstance(notice, out.UserTranscript)}
    heard = [at for at, notice in story.notices if isinstance(notice, out.ReplyAudio) and notice.audible]
    for item_id, at in turns.items():
        since = at
        for begin, end in story.away:
            if begin <= since + ANSWERED_WITHIN and end > since:
                since = end
        answers = (*heard, *story.stopped, *(other for other in turns.values() if other > at))
        if not any(at <= other <= since + ANSWERED_WITHIN for other in answers):
            yield "unanswered", f"{item_id} at {at:.2f} s"


def _end(story: Story) -> Iterator[tuple[str, str]]:
    if not story.settled:
        yield "stuck", "it never became quiet"
    if not story.ended:
        yield "stuck", "it did not end in time"
    yield from (("left_over", name) for name in story.left_over)
    yield from (("invalid_request", why) for why in story.refused)
    yield from (("crash", what) for what in story.crashes)
    yield from (("doubled", f"{call} was run {times} times") for call, times in story.run.items() if times > 1)
    for _, notice in story.notices:
        if isinstance(notice, out.SessionEnded) and notice.reason == "internal_error":
            yield "crash", notice.reason


def _order(story: Story) -> Iterator[tuple[str, str]]:
    """One reply at a time, each with one ending and nothing after it; one floor, of which a client that comes back is
    told anew."""
    live, over, floor = "", set[str](), False
    returns = {end for _, end in story.away}
    for at, notice in story.notices:
        told = f"{type(notice).__name__} at {at:.2f} s"
        match notice:
            case out.SpeechStarted() | out.SpeechStopped():
                if floor == isinstance(notice, out.SpeechStarted) and not (floor and at in returns):
                    yield "disorder", told
                floor = isinstance(notice, out.SpeechStarted)
            case out.ReplyStarted(reply_id):
                if live or reply_id in over:
                    yield "disorder", told
                live = reply_id
            case out.ReplyAudio(reply_id) | out.AgentTranscript(reply_id) | out.ReplyDone(reply_id):
                if reply_id != live:
                    yield "disorder", told
                if isinstance(notice, out.ReplyDone):
                    over.add(reply_id)
                    live = ""


def _live_at(story: Story, at: float) -> Iterator[str]:
    """The reply that was live then, if any."""
    live = ""
    for time, notice in story.notices:
        if time > at:
            break
        match notice:
            case out.ReplyStarted(reply_id):
                live = reply_id
            case out.ReplyDone() if time < at:
                live = ""
    if live:
        yield live


def _turns_by(story: Story, at: float) -> int:
    """How many the caller had had by then. A reply that was prepared before its turn's end counts it not yet."""
    return sum(isinstance(notice, out.UserTranscript) and time <= at for time, notice in story.notices)


def _things(text: str) -> list[str]:
    return [word for _, word in words_of(text) if word in THINGS]
