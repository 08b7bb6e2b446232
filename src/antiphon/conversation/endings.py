"""How a reply ends, and how the session does. Each comes once."""

from __future__ import annotations

from antiphon.conversation import farewell, overlap, parting, presence, replies, speculation, tools, turns
from antiphon.conversation import notices as out
from antiphon.conversation.actions import CancelReply, CloseSession
from antiphon.conversation.events import InterruptRequested, PlayoutFinished, PlayoutStopped
from antiphon.conversation.notices import ReplyStatus
from antiphon.conversation.settings import Mode
from antiphon.conversation.state import Gate, Phase, Plan, Trigger
from antiphon.conversation.stepping import Step

_STOP_TIMEOUT = 1.0  # seconds the shell has to answer a CancelReply; it answers at once
_WORD_TIMEOUT = 2.5  # the same, where it is to end with a word
_UNMISSED = (Trigger.FALLBACK, Trigger.GOODBYE, Trigger.FILLER)  # nobody apologises for a reply of these that fails


def playout_finished(s: Step, event: PlayoutFinished) -> None:
    if replies.is_live(s, event.reply_id):
        _end_reply(s, event.heard, interrupted=False)


def playout_stopped(s: Step, event: PlayoutStopped) -> None:
    if replies.is_live(s, event.reply_id):
        rest = presence.keep_rest(s, event)
        _end_reply(s, event.heard, interrupted=rest or not presence.all_heard(s, event.heard))


def cancel(s: Step, *, at_word: bool = False) -> None:
    """Stops the live reply for good. It ends when the shell says how much of it was heard."""
    live = s.state.live
    if live and live.gate is not Gate.STOPPING:
        s.set_live(gate=Gate.STOPPING, waiting=())
        s.do(CancelReply(live.reply_id, at_word))
        s.after(replies.STALL, _WORD_TIMEOUT if at_word else _STOP_TIMEOUT)


def interrupt_requested(s: Step, event: InterruptRequested) -> None:
    live = s.state.live
    if live and event.reply_id in (None, live.reply_id):
        cancel(s)


def stalled(s: Step) -> None:
    """Nothing came for too long: the reply is given up, and the caller told so."""
    live = s.state.live
    if live is None:
        return
    if live.gate in (Gate.STOPPING, Gate.LOST):
        _end_reply(s, "", interrupted=True)
        return
    if live.gate is Gate.HELD:
        s.after(replies.STALL, s.settings.answer_within)
        return
    s.set_live(failed=True)
    limit = s.settings.reply_timeout if s.settings.mode is Mode.CASCADE else s.settings.answer_within
    message = f"no sound of the reply within {limit:g} s"
    s.emit(out.ReplyFault(live.reply_id, "provider_error", message, retryable=True))
    cancel(s)


def _end_reply(s: Step, heard: str, *, interrupted: bool) -> None:
    """The one ending: history, transcript, `reply.done`, and what comes next."""
    if not interrupted:
        replies.run_waiting(s)
    live, aside = s.state.live, None if s.state.parting else s.state.aside  # an okay over a goodbye is no answer
    assert live is not None
    s.clear(replies.STALL)
    s.set(history=s.state.history.spoken(live.reply_id, heard, interrupted=interrupted), live=None, aside=None)
    is_filler = live.plan.trigger is Trigger.FILLER
    if not is_filler:
        s.set(quiet_since=s.now, silent_rounds=0 if heard else s.state.silent_rounds + bool(live.calls))
    if heard and not interrupted:
        parting.reply_heard(s, live)
    if heard or interrupted:
        s.emit(out.AgentTranscript(live.reply_id, live.item_id, heard, interrupted))
    s.emit(out.ReplyDone(live.reply_id, ReplyStatus.INTERRUPTED if interrupted else ReplyStatus.COMPLETED))
    if s.state.phase is Phase.CLOSING:
        _close(s)
        return
    if farewell.reply_ended(s, live):
        return
    if live.plan.trigger is Trigger.GOODBYE and not s.state.turn and (live.failed or not interrupted):
        end(s, "idle")
        return
    if live.failed and live.plan.trigger not in _UNMISSED:
        apologise(s)
    if s.state.turn:
        if interrupted and heard and not (live.failed or live.calls or is_filler or s.state.missed):
            s.set(rest=replies.rest_of(live, heard))
        overlap.agent_fell_silent(s)
    elif aside and not interrupted and not is_filler and s.now - aside.at <= s.settings.answer_window:
        overlap.take_up(s, aside)
    else:
        replies.next_reply(s)


def apologise(s: Step) -> None:
    """Unless the caller says something meanwhile, which is answered instead."""
    s.set(plans=(Plan(Trigger.FALLBACK, s.settings.fallback_line), *replies.without_fallback(s)))


# --- the session --------------------------------------------------------------------------------------------------


def end(s: Step, reason: str) -> None:
    """Ends the session, once the live reply has said how much of it was heard."""
    s.set(phase=Phase.CLOSING, end_reason=reason)
    speculation.drop(s)
    replies.drop_missed(s)
    if s.state.live is None:
        _close(s)
    else:
        cancel(s)


def _close(s: Step) -> None:
    """What was said until now is kept, also if nobody will answer it."""
    tools.release_withheld(s)
    if s.state.turn and s.state.turn_is_open:
        turns.cut_short(s, s.state.turn)
    s.set(phase=Phase.CLOSED, turn=None)
    s.do(CloseSession(s.state.end_reason))
