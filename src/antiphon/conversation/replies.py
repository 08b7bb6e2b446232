"""The agent's side: which reply is made when. How each one ends is `endings.py`'s.

At most one reply is live, and at most one more is speculative: it is prepared on a likely end of the turn (see
`speculation.py`), but is not live, emits nothing and runs no tool before its commit. What a lost connection kept from
being heard is `missed` and waits in the same way (see `presence.py`). Every reply that starts ends exactly once.
"""

from __future__ import annotations

from dataclasses import replace

from antiphon.conversation import endings, farewell, fillers, parting, speculation, tools
from antiphon.conversation import notices as out
from antiphon.conversation.actions import CancelReply, CommitReply, Prompt, Script, StartReply
from antiphon.conversation.events import (
    PlayoutStarted,
    PlayoutStarved,
    ReplyFailed,
    ReplyRequested,
    ReplyText,
    ReplyToolCall,
    ReplyWritten,
    SayRequested,
)
from antiphon.conversation.prompting import prompt
from antiphon.conversation.settings import Mode
from antiphon.conversation.state import Gate, Phase, Plan, Presence, Progress, Reply, Standing, Trigger
from antiphon.conversation.stepping import Step
from antiphon.types import ToolCall

# Timers of this side, on the wall clock.
IDLE = "idle"  # nobody speaks
STALL = "stall"  # a reply makes no sound

_LINE = 0.25  # seconds that are kept for the fallback line to become audible
_LEAST = 0.5  # seconds that a reply has in any case: the STT may have used up what there was


# --- making replies -----------------------------------------------------------------------------------------------


def greet(s: Step, text: str) -> None:
    start(s, Plan(Trigger.GREETING, text, interruptible=s.settings.greeting_interruptible))


def answer(s: Step, text: str, *, since: float | None = None) -> None:
    """Answers the caller's turn: with the reply prepared for these very words, or with a new one."""
    if s.state.farewell:
        farewell.say(s)
        return
    s.set(plans=without_fallback(s), answered=s.state.answered + 1)
    drop_missed(s)
    prepared = s.state.speculative
    if prepared and speculation.answers(prepared, text):
        _commit(s, prepared, since=since)
    else:
        speculation.drop(s)
        start(s, Plan(Trigger.TURN), since=since)


def drop_missed(s: Step) -> None:
    if reply := s.state.missed:
        s.set(missed=None)
        s.do(CancelReply(reply.reply_id))


def requested(s: Step, event: ReplyRequested) -> None:
    plan = Plan(Trigger.REQUEST, instructions=event.instructions)
    live = s.state.live
    if live and live.plan.trigger is Trigger.GREETING:
        endings.cancel(s)
    s.set(plans=(*s.state.plans, plan))
    next_reply(s)


def say(s: Step, event: SayRequested) -> None:
    s.set(plans=(*s.state.plans, Plan(Trigger.SAY, event.text, interruptible=event.interruptible)))
    next_reply(s)


def next_reply(s: Step) -> None:
    """Makes the next reply that is wanted, if the floor is free and the caller is there."""
    if s.state.live or s.state.turn_is_open or s.state.phase is not Phase.OPEN or s.state.presence is Presence.AWAY:
        return
    if s.state.farewell:
        farewell.say(s)
        return
    if s.state.missed:
        _commit(s, s.state.missed)
        return
    if parting.leave(s):
        return
    if s.state.plans:
        plan, *rest = s.state.plans
        s.set(plans=tuple(rest))
        start(s, plan)
    elif s.state.results_unsaid and not s.state.on_hold:
        _tell_results(s)
    else:
        fillers.wait(s)
        listen(s)


def _tell_results(s: Step) -> None:
    prepared = s.state.speculative
    if prepared and prepared.plan.trigger is Trigger.TOOL:
        _commit(s, prepared)
        return
    if s.state.silent_rounds < s.settings.silent_rounds:
        start(s, Plan(Trigger.TOOL))
        return
    s.emit(out.SessionFault("provider_error", f"{s.state.silent_rounds} replies in a row only called tools"))
    s.set(results_unsaid=False, result_instructions=(), silent_rounds=0)
    start(s, Plan(Trigger.FALLBACK, s.settings.fallback_line))


def start(s: Step, plan: Plan, *, since: float | None = None) -> None:
    """`since`: when the caller's turn ended, if it answers one."""
    if plan.text is None:
        speculation.drop(s)
    source = Script(plan.text) if plan.text is not None else prompt(s, plan)
    text, scripted = plan.text or "", plan.text is not None
    reply = Reply(s.new_id("resp"), s.new_id("msg"), plan, source, text=text, written=scripted)
    s.set(live=reply)
    s.clear(IDLE, fillers.FILLER)
    s.emit(out.ReplyStarted(reply.reply_id, reply.item_id))
    s.do(StartReply(reply.reply_id, reply.item_id, source, by=_await_sound(s, since)))


def _commit(s: Step, reply: Reply, *, since: float | None = None) -> None:
    """A reply that was prepared, or missed, becomes the live one; only now may anyone see or hear of it."""
    prepared = reply.standing is Standing.SPECULATIVE
    s.set(**{_place(reply): None}, live=reply)
    s.set_live(standing=Standing.LIVE, progress=Progress.PREPARING)
    s.clear(IDLE, fillers.FILLER)
    if prepared:
        s.set(results_unsaid=False, result_instructions=())
    s.emit(out.ReplyStarted(reply.reply_id, reply.item_id))
    s.do(CommitReply(reply.reply_id, _await_sound(s, since)))
    run_waiting(s)


def _await_sound(s: Step, since: float | None) -> float:
    """By when the live reply must be audible: early enough for the fallback line to be so in time, if it is not."""
    wait = (s.now if since is None else since) + s.settings.answer_within - _LINE - s.now
    if s.settings.mode is Mode.CASCADE:
        wait = s.settings.reply_timeout
    wait = max(wait, _LEAST)
    s.after(STALL, wait)
    return s.now + wait


# --- the reply in the making --------------------------------------------------------------------------------------


def text(s: Step, event: ReplyText) -> None:
    """The model writes. In cascade mode that is progress; else only what is heard is."""
    _note(s, event.reply_id, more=event.delta)
    if s.settings.mode is not Mode.CASCADE or not _goes_on(s, event.reply_id):
        return
    if s.state.live and s.state.live.progress is Progress.PREPARING:
        s.after(STALL, s.settings.reply_timeout)


def tool_call(s: Step, event: ReplyToolCall) -> None:
    """Runs the call, or lets it wait while it is not certain that the reply goes on."""
    reply = _named(s, event.reply_id)
    if reply is None or reply.gate is Gate.STOPPING or not _is_new(reply, event.call):
        return
    reply = replace(reply, calls=(*reply.calls, event.call), waiting=(*reply.waiting, event.call))
    s.set(**{_place(reply): reply})
    if reply.standing is Standing.LIVE and reply.gate is Gate.OPEN:
        run_waiting(s)


def run_waiting(s: Step) -> None:
    """The live reply goes on, or has come to its end: what it asked for is done."""
    if reply := s.state.live:
        s.set_live(waiting=())
        for call in reply.waiting:
            tools.dispatch(s, reply, call)


def _is_new(reply: Reply, call: ToolCall) -> bool:
    return all(call.call_id != known.call_id for known in reply.calls)


def written(s: Step, event: ReplyWritten) -> None:
    """The reply ends when it has been played; but only of one that is all written, the rest can be spoken later."""
    _note(s, event.reply_id, written=True)


def _note(s: Step, reply_id: str, *, more: str = "", written: bool = False) -> None:
    reply = _named(s, reply_id)
    if reply and isinstance(reply.source, Prompt):
        s.set(**{_place(reply): replace(reply, text=reply.text + more, written=reply.written or written)})


def rest_of(reply: Reply, heard: str) -> Plan | None:
    """What is left of a reply of which `heard` was heard: its own words where they are all known, else the model's.
    None: it was heard to its last word."""
    known = reply.written and reply.text.startswith(heard)
    rest = reply.text[len(heard) :].strip() if known else None
    return None if rest == "" else Plan(Trigger.TURN, rest, interruptible=reply.plan.interruptible)


def failed(s: Step, event: ReplyFailed) -> None:
    """The model or the TTS gave up. What there is still plays; if there is nothing, a line is spoken instead."""
    if s.state.speculative and s.state.speculative.reply_id == event.reply_id:
        speculation.drop(s)
        return
    if s.state.missed and s.state.missed.reply_id == event.reply_id:
        s.set(missed=replace(s.state.missed, failed=True))  # what there is will be heard, and an apology after it
        return
    if s.state.live and s.state.live.failed:
        return  # that is known
    s.set_live(failed=True)
    message = f"{event.stage}: {event.message}"
    s.emit(out.ReplyFault(event.reply_id, "provider_error", message, event.retryable, event.status))


def playout_started(s: Step, event: PlayoutStarted) -> None:
    if _goes_on(s, event.reply_id):
        live = s.set_live(progress=Progress.AUDIBLE)
        if live.audible_since is None:
            s.set_live(audible_since=s.now)
        s.clear(STALL)


def playout_starved(s: Step, event: PlayoutStarved) -> None:
    if _goes_on(s, event.reply_id):
        _await_sound(s, None)


# --- a caller who says nothing -------------------------------------------------------------------------------------


def listen(s: Step) -> None:
    """The agent has nothing to say. A caller who says nothing either will be asked."""
    if s.state.live or s.state.turn_is_open or s.state.pending or s.state.presence is Presence.AWAY:
        return
    if s.settings.idle_after is None:
        s.clear(IDLE)
    else:
        s.after(IDLE, s.state.quiet_since + s.settings.idle_after - s.now)


def idle(s: Step) -> None:
    if s.state.live or s.state.turn or s.state.pending or s.state.presence is Presence.AWAY:
        return
    if s.state.asks < s.settings.idle_asks:
        s.set(asks=s.state.asks + 1)
        start(s, Plan(Trigger.IDLE, s.settings.idle_line))
    else:
        start(s, Plan(Trigger.GOODBYE, s.settings.goodbye_line))


def without_fallback(s: Step) -> tuple[Plan, ...]:
    return tuple(plan for plan in s.state.plans if plan.trigger is not Trigger.FALLBACK)


_PLACES = {Standing.LIVE: "live", Standing.SPECULATIVE: "speculative", Standing.MISSED: "missed"}


def _place(reply: Reply) -> str:
    """Where the state has a reply of this standing."""
    return _PLACES[reply.standing]


def _named(s: Step, reply_id: str) -> Reply | None:
    known = (s.state.live, s.state.speculative, s.state.missed)
    return next((reply for reply in known if reply and reply.reply_id == reply_id), None)


def is_live(s: Step, reply_id: str) -> bool:
    return s.state.live is not None and s.state.live.reply_id == reply_id


def _goes_on(s: Step, reply_id: str) -> bool:
    """Live and not cancelled: once it is, only the answer to the cancel counts."""
    return s.state.live is not None and s.state.live.reply_id == reply_id and s.state.live.gate is not Gate.STOPPING
