"""A session's journal, written by watching it: what it tells, and the facts its core steps through."""

from __future__ import annotations

from collections.abc import Iterable

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation import tools
from antiphon.server import journal as to


class JournalHooks:
    """`notice` and `step` are for Hooks.on_notice and Hooks.journal."""

    def __init__(self, journal: to.Journal) -> None:
        self._journal = journal
        self._reply = ""  # the one that was started last
        self._audible = False
        self._calls: set[str] = set()  # open ones
        self._trigger = "greeting"  # of the next reply
        self._instructions: str | None = None

    def go_on(self, calls: Iterable[str]) -> None:
        """Another process began the session; `calls` are open, and known to the journal."""
        self._calls.update(calls)
        self._trigger = "resume"

    def notice(self, notice: out.Notice) -> None:
        at = self._journal.ms
        match notice:
            case out.SpeechStarted():
                self._journal.put(to.SpeechStarted(at=at))
            case out.SpeechStopped():
                self._journal.put(to.SpeechStopped(at=at))
            case out.UserTranscript(item_id, text):
                self._trigger = "user_speech"
                self._journal.put(to.UserSaid(at=at, item_id=item_id, text=text))
            case out.ReplyStarted(reply_id, item_id):
                self._reply_started(at, reply_id, item_id)
            case out.AgentTranscript(reply_id, _, text, interrupted):
                self._journal.put(to.AgentSaid(at=at, reply_id=reply_id, text=text, interrupted=interrupted))
            case out.ReplyDone(reply_id, status):
                self._journal.moves(False)
                self._journal.put(to.ReplyDone(at=at, reply_id=reply_id, status=status.value))
            case out.ToolCalled(call_id, name, arguments) if call_id not in self._calls:  # else it is told again
                self._calls.add(call_id)
                self._journal.put(
                    to.ToolCalled(at=at, call_id=call_id, reply_id=self._reply, name=name, arguments=arguments)
                )
            case out.ReplyCost(reply_id, cost, session):
                self._journal.put(
                    to.ReplyCost(at=at, reply_id=reply_id, cost=cost.rounded(), session=session.rounded())
                )
            case out.SessionEnded(reason, _, cost):
                self._journal.put(to.Ended(at=at, reason=reason, cost=cost.rounded()))

    def step(self, now: float, event: ev.Event, actions: list[act.Action]) -> None:
        match event:
            case ev.ReplyRequested(instructions):
                self._trigger, self._instructions = "reply_create", instructions
            case ev.SayRequested():
                self._trigger = "say"
            case ev.PlayoutStarted(reply_id) if reply_id == self._reply and not self._audible:
                self._audible = True
                self._journal.moves(True)
                self._journal.put(to.ReplyAudible(at=self._journal.ms, reply_id=reply_id))
            case ev.ReplyText() | ev.ReplyWritten() | ev.Heard() | ev.CallerLeft():
                self._journal.changed()
            case ev.MessageAdded(role, text):
                self._journal.put(to.MessageAdded(at=self._journal.ms, role=role, text=text))
            case ev.SummaryWritten(text):
                self._journal.put(to.Summarised(at=self._journal.ms, text=text))
            case ev.ToolReturned(call_id, result, is_error):
                self._returned(call_id, result, is_error=is_error)
            case ev.TimerFired(name):
                for call_id in [call for call in self._calls if tools.timer(call) == name]:
                    self._returned(call_id, "", is_error=True, timed_out=True)

    def _reply_started(self, at: int, reply_id: str, item_id: str) -> None:
        self._reply, self._audible = reply_id, False
        self._journal.put(
            to.ReplyStarted(
                at=at, reply_id=reply_id, item_id=item_id, trigger=self._trigger, instructions=self._instructions
            )
        )
        self._trigger, self._instructions = "idle", None  # unless something else asks for the next one

    def _returned(self, call_id: str, result: str, *, is_error: bool, timed_out: bool = False) -> None:
        if call_id not in self._calls:  # late, or of a call that never was
            return
        self._calls.discard(call_id)
        self._trigger = "tool_result"
        self._journal.put(
            to.ToolReturned(at=self._journal.ms, call_id=call_id, result=result, is_error=is_error, timed_out=timed_out)
        )
