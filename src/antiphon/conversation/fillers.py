"""A short line while a tool keeps the caller waiting: "One moment, please."

Spoken once a call, after a silence, when nobody speaks or is about to; not while the caller is on hold. It is no
answer: it ends no silence of the caller's, and a "yes" over it answers nothing. The real answer is prepared while it is
spoken, and follows when it has ended: a line is too short for a cut to be worth the harm.
"""

from __future__ import annotations

from dataclasses import replace

from antiphon.conversation import replies, speculation
from antiphon.conversation.settings import Mode
from antiphon.conversation.state import Gate, Pending, Plan, Presence, Trigger
from antiphon.conversation.stepping import Step

FILLER = "filler"  # a timer, on the wall clock: the silence has become long


def wait(s: Step) -> None:
    """The floor is free, and nothing is to be said."""
    if s.settings.filler_after is not None and _unfilled(s):
        s.after(FILLER, s.settings.filler_after)


def due(s: Step) -> None:
    away = s.state.presence is Presence.AWAY
    if away or s.state.live or s.state.turn or s.state.plans or not (waiting := _unfilled(s)):
        return
    s.set(pending=tuple(replace(pending, filled=True) for pending in s.state.pending))
    if line := _line(s, waiting[-1]):
        s.set(last_filler=line, last_filler_in=s.state.utterance, plans=(Plan(Trigger.FILLER, line),))
        replies.next_reply(s)


def prepare_answer(s: Step) -> None:
    """A tool has returned during a filler: the model is asked at once."""
    live = s.state.live
    if live is None or live.plan.trigger is not Trigger.FILLER or live.gate is Gate.STOPPING:
        return
    if not s.state.results_unsaid or s.state.on_hold or s.state.turn or s.state.plans or s.state.farewell:
        return
    if s.settings.mode is Mode.STREAMING and s.state.silent_rounds < s.settings.silent_rounds:
        speculation.prepare(s, Plan(Trigger.TOOL))


def _unfilled(s: Step) -> tuple[Pending, ...]:
    if s.state.on_hold or s.state.parting:
        return ()
    return tuple(pending for pending in s.state.pending if not pending.filled)


def _line(s: Step, waiting: Pending) -> str:
    """The next of the lines there are, and never the same twice in a row; one that stands alone comes again once the
    caller has spoken."""
    spec = next((tool for tool in s.settings.tools if tool.name == waiting.call.name), None)
    lines = s.settings.filler_lines if spec is None or spec.filler_lines is None else spec.filler_lines
    last = s.state.last_filler
    after = lines.index(last) + 1 if last in lines else 0
    in_turn = (*lines[after:], *lines[:after])
    may_repeat = s.state.utterance != s.state.last_filler_in
    return next((line for line in in_turn if line != last or may_repeat), "")
