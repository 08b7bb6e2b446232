"""What the model runs. A call ends exactly once: with a result, an error, or a timeout. It survives an interruption."""

from __future__ import annotations

from dataclasses import replace

from antiphon.conversation import fillers, replies, speculation
from antiphon.conversation import notices as out
from antiphon.conversation.actions import RunTool
from antiphon.conversation.arguments import objection
from antiphon.conversation.events import ToolReturned
from antiphon.conversation.state import Pending, Phase, Reply
from antiphon.conversation.stepping import Step
from antiphon.types import ToolCall, ToolSpec


def timer(call_id: str) -> str:
    return f"tool:{call_id}"


def dispatch(s: Step, reply: Reply, call: ToolCall) -> None:
    """Records the intent, then runs the call. A tool nobody offered, and values that no tool could take, are answered
    at once, for the model to read."""
    if call.call_id in s.state.called:  # some models number their calls anew in each reply
        call = replace(call, call_id=s.new_id("call"))
    spec = _spec(s, call.name)
    s.set(history=s.state.history.called(reply.reply_id, call), called=s.state.called | {call.call_id})
    s.set(pending=(*s.state.pending, Pending(call, reply.reply_id, hold=spec is not None and spec.hold)))
    refusal = f"There is no tool called {call.name!r}." if spec is None else objection(spec, call.arguments)
    if spec is None or refusal:
        _end(s, call.call_id, refusal)
        return
    s.clear(replies.IDLE)
    _run(s, call, spec)


def _run(s: Step, call: ToolCall, spec: ToolSpec) -> None:
    s.emit(out.ToolCalled(call.call_id, call.name, call.arguments))
    s.do(RunTool(call))
    s.after(timer(call.call_id), spec.timeout)


def run_again(s: Step, calls: tuple[ToolCall, ...]) -> None:
    """Calls that another process had dispatched, and may be run twice; in a reply that says nothing."""
    known = [(call, spec) for call in calls if (spec := _spec(s, call.name))]
    if not known:
        return
    reply_id = s.new_id("resp")
    s.emit(out.ReplyStarted(reply_id, s.new_id("msg")))
    for call, spec in known:
        s.set(pending=(*s.state.pending, Pending(call, reply_id, hold=spec.hold)))
        _run(s, call, spec)
    s.emit(out.ReplyDone(reply_id, out.ReplyStatus.COMPLETED))


def ask_again(s: Step, call_ids: frozenset[str]) -> None:
    """The client is asked to run these of the pending calls, in a reply that says nothing."""
    calls = [pending.call for pending in s.state.pending if pending.call.call_id in call_ids]
    if not calls or s.state.live:
        return
    reply_id = s.new_id("resp")
    s.emit(out.ReplyStarted(reply_id, s.new_id("msg")))
    for call in calls:
        s.emit(out.ToolCalled(call.call_id, call.name, call.arguments))
    s.emit(out.ReplyDone(reply_id, out.ReplyStatus.COMPLETED))


def returned(s: Step, event: ToolReturned) -> None:
    _note_instructions(s, event.call_id, failed=event.is_error)
    _end(s, event.call_id, told(event.result, is_error=event.is_error))


def told(result: str, *, is_error: bool = False, timed_out: bool = False) -> str:
    """A tool's result, as the model reads it."""
    if timed_out:
        return "The tool did not answer in time. Its outcome is unknown."
    result = result or "(The tool returned nothing.)"
    return f"The tool failed: {result}" if is_error else result


def timed_out(s: Step, call_id: str) -> None:
    _note_instructions(s, call_id, failed=True)
    _end(s, call_id, told("", timed_out=True))


def _end(s: Step, call_id: str, result: str) -> None:
    ended = [pending for pending in s.state.pending if pending.call.call_id == call_id]
    if not ended:
        return
    was_on_hold = s.state.on_hold
    speculation.drop(s)  # it was written without this result
    s.clear(timer(call_id))
    s.set(
        pending=tuple(pending for pending in s.state.pending if pending.call.call_id != call_id),
        history=s.state.history.returned(ended[0].call, result),
    )
    if s.state.phase is not Phase.OPEN:
        return
    unanswered = bool(s.state.withheld)
    if was_on_hold and not s.state.on_hold:
        release_withheld(s)
    siblings = [pending for pending in s.state.pending if pending.reply_id == ended[0].reply_id]
    if not siblings or (unanswered and not s.state.withheld):  # parallel calls are answered together
        s.set(results_unsaid=True)
        fillers.prepare_answer(s)
        replies.next_reply(s)


def _note_instructions(s: Step, call_id: str, *, failed: bool) -> None:
    """What the tool wants said of it; of several that want the same, once."""
    called = next((pending.call for pending in s.state.pending if pending.call.call_id == call_id), None)
    spec = _spec(s, called.name) if called else None
    wanted = (spec.on_error if failed else spec.on_success) if spec else ""
    if wanted and wanted not in s.state.result_instructions:
        s.set(result_instructions=(*s.state.result_instructions, wanted))


def release_withheld(s: Step) -> None:
    """What the caller said while everything was on hold becomes visible when the hold ends."""
    for item_id, text in s.state.withheld:
        s.emit(out.UserTranscript(item_id, text))
    s.set(withheld=())


def _spec(s: Step, name: str) -> ToolSpec | None:
    return next((tool for tool in s.settings.tools if tool.name == name), None)
