"""One session as a tree of spans: the session, its turns, and in each what the stages did.

    session
      turn                      from the caller's first sound, or the agent's own beginning, to the end of the reply
        stt                     from the first sound to the final transcript
        endpointing             from the caller's last sound until the silence was long enough
        chat gpt-6-luna         the request to the model, also one that was made in vain
        tts                     from the first clause given to the last audio got
        playout                 from the first sample sent to the end of the reply
        execute_tool book       from the call to its result

It watches a session through its hooks. Spans are made once both of their ends are known. What was said is in none of
them unless asked for, and redacted then as it is in the store.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation import tools
from antiphon.server import gen_ai
from antiphon.server.stores.base import SessionRecord
from antiphon.session.makings import Hooks, Stages
from antiphon.session.telling import call_hook
from antiphon.text.redaction import Redactor
from antiphon.types import ToolCall

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

Attributes = dict[str, Any]
RECENT = 8  # replies that a late word may still come of


@dataclass(slots=True)
class _Turn:
    """The one that is going on. Times are the loop's."""

    span: Span
    context: Context
    last: float  # when something last happened in it
    spoke: float | None = None  # when the caller began to
    understood: float | None = None  # when the transcript was final
    replies: int = 0
    goes_on: bool = False  # a reply is still to come of it: a tool was called, or the last one failed
    open: set[str] = field(default_factory=set)  # replies and calls
    unwanted: dict[str, out.ReplyMade] = field(default_factory=dict)  # made, and not yet committed


@dataclass(slots=True)
class _Asked:
    """What a reply is made from and became, where that is to be shown."""

    source: act.Prompt | act.Script
    text: str = ""
    calls: list[ToolCall] = field(default_factory=list)


class SessionTrace:
    """Made inside a running loop, when the session is about to begin."""

    def __init__(
        self,
        tracer: Tracer,
        stages: Stages,
        record: SessionRecord,
        *,
        redact: Redactor | None,
        content: bool,
        epoch: float,
    ) -> None:
        """`epoch` is the present time, in seconds of the epoch."""
        from opentelemetry import trace

        self._api = trace
        self._tracer = tracer
        self._stages = stages
        self._id = record.id
        self._show = gen_ai.shown(redact)
        self._content = content
        self._loop = asyncio.get_running_loop()
        self._offset = epoch - self._loop.time()
        about: Attributes = {
            "session.id": record.id,
            "gen_ai.conversation.id": record.id,
            "antiphon.account": record.account,
        }
        if record.agent_id:
            about["gen_ai.agent.id"] = record.agent_id
        if record.epoch > 1:
            about["antiphon.session.owner"] = record.epoch  # another process began it, in a trace of its own
        self._session = self._begin("session", self._loop.time(), None, about, kind=trace.SpanKind.SERVER)
        self._root = trace.set_span_in_context(self._session)
        self._turn: _Turn | None = None
        self._asked: dict[str, _Asked] = {}  # by reply, where content is shown
        self._where: dict[str, _Turn] = {}  # by reply
        self._audible: dict[str, float] = {}  # by reply: when its first sample was sent
        self._calls: dict[str, tuple[str, float, _Turn, dict[str, Any]]] = {}  # name, since, turn, arguments

    def watching(self, hooks: Hooks) -> Hooks:
        before, after = hooks.on_notice, hooks.journal

        def notice(notice: out.Notice) -> None:
            self._notice(notice)
            call_hook(before, notice)

        def step(now: float, event: ev.Event, actions: list[act.Action]) -> None:
            self._step(now, event, actions)
            if after:
                after(now, event, actions)

        return dataclasses.replace(hooks, on_notice=notice, journal=step)

    # --- what is told ---------------------------------------------------------------------------------------------

    def _notice(self, notice: out.Notice) -> None:
        now = self._loop.time()
        match notice:
            case out.ReplyAudio():  # fifty a second
                return
            case out.SpeechStarted():
                self._new_turn(now, by="caller").spoke = now
            case out.UserTranscript(text=text):
                self._understood(now, text)
            case out.TurnMetrics():
                self._ledger(notice)
            case out.ReplyStarted(reply_id):
                self._reply_started(now, reply_id)
            case out.ReplyMade(reply_id):
                self._reply_made(reply_id, notice)
            case out.ReplyFault(reply_id):
                self._of(reply_id, now).goes_on = True
            case out.AgentTranscript(reply_id, _, text) if self._content:
                self._of(reply_id, now).span.set_attribute("antiphon.agent.text", self._show(text))
            case out.ReplyDone(reply_id, status):
                self._reply_done(now, reply_id, status.value)
            case out.ToolCalled(call_id, name, arguments) if call_id not in self._calls:
                turn = self._turn or self._new_turn(now, by="agent")
                turn.open.add(call_id)
                turn.goes_on = True
                self._calls[call_id] = (name, now, turn, arguments)
            case out.SessionEnded():
                self._ended(now, notice)

    def _step(self, now: float, event: ev.Event, actions: list[act.Action]) -> None:
        match event:
            case ev.PlayoutStarted(reply_id):
                self._audible.setdefault(reply_id, now)
            case ev.ReplyText(reply_id, delta) if asked := self._asked.get(reply_id):
                asked.text += delta
            case ev.ReplyToolCall(reply_id, call) if asked := self._asked.get(reply_id):
                asked.calls.append(call)
            case ev.ToolReturned(call_id, result, is_error):
                self._returned(now, call_id, result, error="tool_error" if is_error else "")
            case ev.TimerFired(name) if name.startswith("tool:"):
                for call_id in [call for call in self._calls if tools.timer(call) == name]:
                    self._returned(now, call_id, "", error="timeout")
        for action in actions:
            match action:
                case act.HoldPlayout() if self._turn:
                    self._turn.span.add_event("hold", timestamp=self._ns(now))
                case act.ResumePlayout() if self._turn:
                    self._turn.span.add_event("resume", timestamp=self._ns(now))
                case act.StartReply(reply_id, _, source) if self._content:
                    self._asked[reply_id] = _Asked(source)

    # --- turns ----------------------------------------------------------------------------------------------------

    def _new_turn(self, now: float, *, by: str) -> _Turn:
        self._close_turn()
        span = self._begin("turn", now, self._root, {"antiphon.turn.by": by, "session.id": self._id})
        self._turn = _Turn(span, self._api.set_span_in_context(span), now)
        return self._turn

    def _close_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is None:
            return
        for made in turn.unwanted.values():
            self._stages_of(made, turn, committed=False)
        turn.unwanted.clear()
        self._end_if_over(turn)

    def _end_if_over(self, turn: _Turn) -> None:
        """A turn that another has followed may still have a reply that is being stopped, or a tool that runs."""
        if turn is not self._turn and not turn.open and turn.span.is_recording():
            turn.span.end(self._ns(turn.last))

    def _of(self, reply_id: str, now: float) -> _Turn:
        return self._where.get(reply_id) or self._turn or self._new_turn(now, by="agent")

    def _understood(self, now: float, text: str) -> None:
        turn = self._turn or self._new_turn(now, by="caller")
        turn.last = turn.understood = now
        turn.goes_on = True  # it will be answered
        said = {"antiphon.user.text": self._show(text)} if self._content else {}
        about = {"antiphon.provider": self._stages.stt.name, **said}
        self._span("stt", now if turn.spoke is None else turn.spoke, now, turn, about)

    def _ledger(self, metrics: out.TurnMetrics) -> None:
        turn = self._where.get(metrics.reply_id)
        if turn is None:
            return
        took = {span.name: span.ms for span in metrics.spans}
        turn.span.set_attribute("antiphon.silence_ms", metrics.total_ms)
        for name, ms in took.items():
            turn.span.set_attribute(f"antiphon.silence.{name}_ms", ms)
        if turn.understood is not None:
            began = turn.understood - (took["endpointing"] + took["stt"]) / 1000
            self._span("endpointing", began, began + took["endpointing"] / 1000, turn, {})

    # --- replies --------------------------------------------------------------------------------------------------

    def _reply_started(self, now: float, reply_id: str) -> None:
        turn = self._turn
        if turn is None or not (turn.goes_on or turn.open):
            turn = self._new_turn(now, by="agent")
        turn.replies += 1
        turn.goes_on = any(call in self._calls for call in turn.open)
        turn.open.add(reply_id)
        self._where[reply_id] = turn
        while len(self._where) > RECENT:
            self._where.pop(next(iter(self._where)))
        if made := turn.unwanted.pop(reply_id, None):
            self._stages_of(made, turn, committed=True)

    def _reply_made(self, reply_id: str, made: out.ReplyMade) -> None:
        if turn := self._where.get(reply_id):
            self._stages_of(made, turn, committed=True)
        elif self._turn:
            self._turn.unwanted[reply_id] = made  # unless it is committed yet

    def _reply_done(self, now: float, reply_id: str, status: str) -> None:
        turn = self._of(reply_id, now)
        turn.open.discard(reply_id)
        turn.last = max(turn.last, now)
        if (began := self._audible.pop(reply_id, None)) is not None:
            about = {"antiphon.reply.id": reply_id, "antiphon.reply.status": status}
            self._span("playout", began, now, turn, about)
        self._end_if_over(turn)

    def _stages_of(self, made: out.ReplyMade, turn: _Turn, *, committed: bool) -> None:
        asked = self._asked.pop(made.reply_id, None)
        about: Attributes = {"antiphon.reply.id": made.reply_id, "antiphon.reply.committed": committed}
        if made.asked is not None:
            told = gen_ai.chat(made, asked=self._stages.llm.name, session_id=self._id)
            if asked and isinstance(asked.source, act.Prompt):
                told |= gen_ai.asked_content(asked.source.messages, asked.source.tools, self._show)
                told |= gen_ai.answered_content(asked.text, asked.calls, self._show)
            name = f"chat {told['gen_ai.request.model']}"
            ended = made.ended if made.written is None else made.written
            first = {"first_token": made.first_token}
            error = made.error if made.failed_stage == "llm" else ""
            self._span(name, made.asked, ended, turn, told | about, error=error, client=True, marks=first)
        if made.first_clause is not None:
            told = {
                "antiphon.provider": self._stages.tts.name,
                "antiphon.tts.characters": made.cost.tts_characters,
                "antiphon.tts.seconds": made.cost.tts_seconds,
            }
            error = made.error if made.failed_stage == "tts" else ""
            first = {"first_audio": made.first_audio}
            self._span("tts", made.first_clause, made.ended, turn, told | about, error=error, marks=first)

    # --- tools, the end -------------------------------------------------------------------------------------------

    def _returned(self, now: float, call_id: str, result: str, *, error: str) -> None:
        if call_id not in self._calls:
            return
        name, began, turn, arguments = self._calls.pop(call_id)
        about = gen_ai.tool(call_id, name)
        if self._content:
            about["gen_ai.tool.call.arguments"] = self._show(arguments)
            about["gen_ai.tool.call.result"] = self._show(result)
        self._span(f"execute_tool {name}", began, now, turn, about, error=error)
        turn.open.discard(call_id)
        self._end_if_over(turn)

    def _ended(self, now: float, notice: out.SessionEnded) -> None:
        for call_id in list(self._calls):
            self._returned(now, call_id, "", error="session_ended")
        if self._turn:
            self._turn.open.clear()
        self._close_turn()
        about: Attributes = {"antiphon.session.end_reason": notice.reason}
        if notice.cost.usd is not None:
            about["antiphon.cost.usd"] = notice.cost.usd
        self._session.set_attributes(about)
        self._session.end(self._ns(now))

    # --- spans ----------------------------------------------------------------------------------------------------

    def _ns(self, at: float) -> int:
        return round((at + self._offset) * 1e9)

    def _begin(self, name: str, at: float, parent: Context | None, about: Attributes, **more: Any) -> Span:
        return self._tracer.start_span(name, context=parent, start_time=self._ns(at), attributes=about, **more)

    def _span(
        self,
        name: str,
        began: float,
        ended: float,
        turn: _Turn,
        about: Attributes,
        *,
        error: str = "",
        client: bool = False,
        marks: Mapping[str, float | None] | None = None,
    ) -> None:
        """A span whose ends are both known. `marks` are moments in it."""
        turn.last = max(turn.last, ended)
        kind = self._api.SpanKind.CLIENT if client else self._api.SpanKind.INTERNAL
        span = self._begin(name, began, turn.context, about, kind=kind)
        for mark, at in (marks or {}).items():
            if at is not None:
                span.add_event(mark, timestamp=self._ns(at))
        if error:
            span.set_attribute("error.type", error)
            span.set_status(self._api.StatusCode.ERROR)
        span.end(self._ns(ended))
