"""`step`: the whole conversation as one function.

An event is a fact; `step` answers with the state after it and the orders to carry out. Whatever concerns a reply that
is no longer live, speculative or missed, or an utterance that is over, is dropped here, at one gate, so that nothing
stale can be heard, remembered or run.

The handlers live in `turns.py`, `pauses.py` and `overlap.py` (the caller's side), `replies.py`, `speculation.py` and
`endings.py` (the agent's side), `tools.py`, `presence.py` and `farewell.py`. They share one `Step`: the state so far
and the orders so far. It lives for one call of `step` and is the only mutable thing here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from antiphon.conversation import (
    endings,
    farewell,
    fillers,
    overlap,
    parting,
    pauses,
    presence,
    replies,
    speculation,
    tools,
    turns,
)
from antiphon.conversation import events as ev
from antiphon.conversation.actions import Action
from antiphon.conversation.state import Phase, Plan, State, Trigger
from antiphon.conversation.stepping import Step


def step(state: State, event: ev.Event, now: float) -> tuple[State, list[Action]]:
    """The state after `event`, and what to do about it. `now` is monotonic, in seconds.

    Total: every event is allowed in every state; one that no longer concerns anyone changes nothing.
    """
    if state.phase is Phase.CLOSED or (state.phase is Phase.NEW and not isinstance(event, _BEFORE_OPEN)):
        return state, []
    if state.phase is Phase.CLOSING and not _may_reach_closing(event):
        return state, []
    if _is_stale(state, event):
        return state, []
    s = Step(state, now)
    _HANDLERS[type(event)](s, event)
    return s.state, s.actions


_BEFORE_OPEN = (ev.SessionOpened, ev.SessionRecovered, ev.SettingsChanged, ev.MessageAdded, ev.EndRequested)


def _may_reach_closing(event: ev.Event) -> bool:
    """While the session ends, only what ends the live reply, or a tool's result, still counts."""
    if isinstance(event, ev.TimerFired):
        return event.name == replies.STALL
    return isinstance(event, ev.PlayoutStopped | ev.PlayoutFinished | ev.ToolReturned)


def _is_stale(state: State, event: ev.Event) -> bool:
    """The one gate for dead ids."""
    if isinstance(event, ev.ReplyEvent):
        known = (reply.reply_id for reply in (state.live, state.speculative, state.missed) if reply)
        return event.reply_id not in known
    if isinstance(event, ev.Heard):
        return event.utterance != state.utterance
    if isinstance(event, ev.ToolReturned):
        return all(pending.call.call_id != event.call_id for pending in state.pending)
    return False


def _session_opened(s: Step, event: ev.SessionOpened) -> None:
    if s.state.phase is not Phase.NEW:
        return
    s.set(phase=Phase.OPEN, quiet_since=s.now)
    if event.consent:
        greeting = (Plan(Trigger.GREETING, event.greeting),) if event.greeting else ()
        s.set(plans=(*greeting, *s.state.plans))
        replies.start(s, Plan(Trigger.SAY, event.consent, interruptible=False))
    elif event.greeting:
        replies.greet(s, event.greeting)
    else:
        replies.listen(s)


def _settings_changed(s: Step, event: ev.SettingsChanged) -> None:
    speculation.drop(s)
    s.set(settings=event.settings)
    if s.state.phase is Phase.OPEN:
        replies.listen(s)


def _message_added(s: Step, event: ev.MessageAdded) -> None:
    speculation.drop(s)
    s.set(history=s.state.history.said(event.role, event.text))


def _summary_written(s: Step, event: ev.SummaryWritten) -> None:
    s.set(history=s.state.history.summarised(event.text))


def _end_requested(s: Step, event: ev.EndRequested) -> None:
    endings.end(s, event.reason)


def _timer_fired(s: Step, event: ev.TimerFired) -> None:
    name, _, rest = event.name.partition(":")
    if handler := _TIMERS.get(name):
        handler(s)
    elif name == "tool":
        tools.timed_out(s, rest)


_TIMERS: dict[str, Callable[[Step], None]] = {
    pauses.EARLY_FINAL: turns.early_final,
    pauses.ENDPOINT: turns.endpoint,
    pauses.JUDGE: pauses.judge_again,
    turns.MAX_SILENCE: turns.give_up_on_transcript,
    turns.TRANSCRIPT: turns.give_up_on_transcript,
    turns.WORDLESS: turns.wordless,
    overlap.DECIDE: overlap.decide,
    overlap.GIVE_UP: overlap.give_up,
    replies.IDLE: replies.idle,
    replies.STALL: endings.stalled,
    fillers.FILLER: fillers.due,
    farewell.FAREWELL: farewell.due,
}

_HANDLERS: dict[type, Callable[[Step, Any], None]] = {
    ev.VoiceStarted: turns.voice_started,
    ev.VoiceMeasured: overlap.measured,
    ev.VoiceStopped: turns.voice_stopped,
    ev.Heard: turns.heard,
    ev.TurnJudged: pauses.judged,
    ev.EndingRead: pauses.read,
    ev.TimerFired: _timer_fired,
    ev.ReplyText: replies.text,
    ev.ReplyToolCall: replies.tool_call,
    ev.ReplyWritten: replies.written,
    ev.ReplyFailed: replies.failed,
    ev.PlayoutStarted: replies.playout_started,
    ev.PlayoutStarved: replies.playout_starved,
    ev.PlayoutFinished: endings.playout_finished,
    ev.PlayoutStopped: endings.playout_stopped,
    ev.ToolReturned: tools.returned,
    ev.SessionOpened: _session_opened,
    ev.SessionRecovered: presence.recovered,
    ev.CallerLeft: presence.left,
    ev.CallerReturned: presence.returned,
    ev.SettingsChanged: _settings_changed,
    ev.ReplyRequested: replies.requested,
    ev.SayRequested: replies.say,
    ev.InterruptRequested: endings.interrupt_requested,
    ev.MessageAdded: _message_added,
    ev.SummaryWritten: _summary_written,
    ev.EndRequested: _end_requested,
    ev.HangUpRequested: parting.requested,
    ev.FarewellRequested: farewell.requested,
}
