"""One session: carries out what the core orders, and tells the core what happened.

Facts come in by `post`, from the peer, the ear, the replies, the playout and the tools. They are queued and stepped
through one by one, at once and without awaiting, so the core sees one order of events and so does everyone else.
Audio does not pass through here: it goes from `audio` straight to the ear.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation import pauses
from antiphon.conversation.machine import step
from antiphon.conversation.recovery import Unfinished, unfinished
from antiphon.conversation.settings import Settings
from antiphon.conversation.state import Phase, State
from antiphon.errors import ProviderError
from antiphon.providers.base import Transcript
from antiphon.session.budget import BudgetWatch
from antiphon.session.calling import ToolRunner
from antiphon.session.gate import Gate
from antiphon.session.judging import Judges
from antiphon.session.listening import RATE, Ear
from antiphon.session.makings import Hooks, Past, SessionOptions, Stages, settings_for
from antiphon.session.metering import Meter
from antiphon.session.peer import Peer
from antiphon.session.speaking import Mouth
from antiphon.session.tasks import Tasks
from antiphon.session.telling import Teller, TurnClock, call_hook
from antiphon.session.timers import Timers
from antiphon.session.transcribing import Transcriber
from antiphon.tools.base import Tool, ToolContext, ToolResult
from antiphon.types import Cost, Message, Role, SessionConfig, ToolCall

log = logging.getLogger("antiphon.session")


class Session:
    """Made inside a running event loop; `run` lasts as long as the conversation. Everything else may be called from
    the loop's thread at any time, and never blocks."""

    def __init__(
        self,
        config: SessionConfig,
        *,
        session_id: str,
        stages: Stages,
        peer: Peer,
        tools: tuple[Tool, ...] = (),
        hooks: Hooks | None = None,
        options: SessionOptions | None = None,
        past: Past | None = None,
    ) -> None:
        """`past`: it goes on where another process left it, and greets nobody."""
        self.session_id = session_id
        self.config = config
        self._stages = stages
        self._hooks = hooks or Hooks()
        self._options = options or SessionOptions()
        self._functions = {tool.spec.name: tool for tool in tools}
        self._loop = asyncio.get_running_loop()
        self._past = past
        self._opened_at = self._loop.time() - (past.lasted if past else 0.0)
        self._tasks = Tasks(session_id, on_crash=lambda: self.end("internal_error"))
        self._gate = Gate(peer, stored=self._hooks.stored, tasks=self._tasks, on_open=self.drained)
        self._teller = Teller(self._gate, self._hooks)
        self._clock = TurnClock(self._options.budgets)
        self._inbox: deque[ev.Event] = deque()
        self._stepping = True  # until it is opened: what is asked for before waits
        self._ended = asyncio.Event()
        seed = session_id.rpartition("_")[2][:24].ljust(24, "0")
        self._state = State(settings=self._settings(), seed=seed, ids=past.ids if past else 0)
        self._build(config)

    def _build(self, config: SessionConfig) -> None:
        self._timers = Timers(self._timer_fired)
        self._transcriber = Transcriber(
            self._stages.stt,
            rate=RATE,
            keyterms=config.keyterms,
            language=config.language_codes[0] if config.language_codes else None,
            on_transcript=self._transcript,
            on_failure=self._stt_failed,
        )
        self._ear = Ear(
            config=config,
            vad=self._stages.vad.open(),
            transcriber=self._transcriber,
            timers=self._timers,
            post=self.post,
            is_there=self._gate.is_there,
        )
        self._judges = Judges(
            detector=self._stages.turn,
            reader=self._stages.reader,
            ear=self._ear,
            tasks=self._tasks,
            post=self.post,
        )
        self._mouth = Mouth(
            config=config,
            stages=self._stages,
            options=self._options,
            before_speech=self._hooks.before_speech,
            peer=self._gate,
            tasks=self._tasks,
            clock=self._clock,
            meter=Meter(
                self._stages,
                self._options.prices,
                heard=self._transcriber.heard,
                before=self._past.cost if self._past else None,
            ),
            post=self.post,
            tell=self._teller.tell,
            watch=self._teller.tell_hooks,
        )
        self._budget = BudgetWatch(
            self._options.budget,
            line=self._options.settings.farewell_line,
            used=lambda line: self._mouth.cost(saying=line),
            duration=lambda: self.duration,
            on_spent=lambda name: self.farewell(f"budget_{name}"),
        )
        self._runner = ToolRunner(
            self._functions,
            gate=self._gate,
            tasks=self._tasks,
            before=self._hooks.before_tool,
            context=self._tool_context,
            goes_on=lambda: self._state.phase is Phase.OPEN,
            answer=self._tool_returned,
        )

    # --- what the peer and the program say --------------------------------------------------------------------------

    async def run(self) -> None:
        """Holds the conversation: returns once it has ended and nothing of it is left running."""
        try:
            self._tasks.spawn(self._transcriber.run(), "stt")
            call_hook(self._hooks.on_session, self)
            self._mouth.prime(self._state)
            self._mouth.rewarm()
            self._tasks.spawn(self._mouth.prepare(self._state.settings.fallback_line), "line")
            self._budget.start()
            self._inbox.appendleft(self._opened())  # before what the peer asked for along with the session
            self._work_off()
            await self._ended.wait()
        finally:
            self.end("closed")
            self._work_off()  # it may not have come to be opened
            self._mouth.playout.settle()
            self._ended.set()
            self._budget.stop()
            self._timers.clear_all()
            self._ear.close()
            await self._tasks.close()

    def audio(self, data: bytes) -> None:
        """Takes the caller's audio, in the input format. Raises ProtocolError if it is not whole samples."""
        if not self._ended.is_set():
            self._ear.feed(data)

    def update(self, config: SessionConfig) -> None:
        """Applies what may change of a running session; it holds from the next reply on."""
        self.config = config
        self._ear.configure(config)
        self._mouth.playout.volume = config.volume
        self.post(ev.SettingsChanged(self._settings()))

    def say(self, text: str, *, interruptible: bool = True) -> None:
        """Speaks `text`, word for word, as soon as nobody else speaks."""
        self.post(ev.SayRequested(text, interruptible))

    def interrupt(self, reply_id: str | None = None) -> None:
        """Stops the reply that is being spoken."""
        self.post(ev.InterruptRequested(reply_id))

    def reply(self, instructions: str | None = None) -> None:
        """Lets the model speak now. `instructions` hold for that one reply."""
        self.post(ev.ReplyRequested(instructions))

    def add_message(self, role: Role, text: str) -> None:
        """Gives the model context, without asking it to answer."""
        self.post(ev.MessageAdded(role, text))

    def tool_result(self, call_id: str, result: str, *, is_error: bool = False) -> None:
        self.post(ev.ToolReturned(call_id, result, is_error))

    def played(self, reply_id: str, samples: int) -> None:
        """The client's word on how much of a reply it has played."""
        self._mouth.playout.acknowledge(reply_id, samples)

    def drained(self) -> None:
        """The peer is not congested any more."""
        self._mouth.playout.wake()

    def lost(self, at: float) -> None:
        """The peer is gone, and was there until `at`, in the loop's time. The session waits for `returned`: nobody
        is spoken to, and what the peer is told meanwhile is told to nobody."""
        self._ear.pause()
        self._gate.leave()
        self.post(ev.CallerLeft(at))

    def returned(self, *, replayed: bool = False, unasked: frozenset[str] = frozenset()) -> None:
        """The peer is there again, and what happened meanwhile is stored. `replayed`: it knows all that it was told
        meanwhile. `unasked` are tool calls that the client is to be asked, perhaps again."""
        self._ear.go_on()
        self._gate.come_back()
        self.post(ev.CallerReturned(replayed, unasked))

    def asked(self, *, idempotent: bool = False) -> frozenset[str]:
        """The calls that the client was asked to run and has not answered; of `idempotent` tools only, if so."""
        tools = {tool.name for tool in self.config.tools if tool.idempotent or not idempotent} - self._functions.keys()
        return frozenset(pending.call.call_id for pending in self._state.pending if pending.call.name in tools)

    def measured(self, one_way: float) -> None:
        """The network takes so many seconds each way, says whoever owns the connection."""
        self._clock.one_way = one_way

    def end(self, reason: str = "client_end") -> None:
        """Ends the session. Ending it twice is harmless."""
        self.post(ev.EndRequested(reason))

    def hang_up(self, reason: str = "agent_end") -> None:
        """Ends the session once the agent's words have been heard, unless the caller speaks on."""
        self.post(ev.HangUpRequested(reason))

    def farewell(self, reason: str, *, line: str | None = None, patience: float | None = None) -> None:
        """Ends the session soon, whatever anyone has to say: with `line`, or the settings', spoken to its end. Who is
        speaking may go on for `patience` seconds."""
        self.post(ev.FarewellRequested(reason, line, patience))

    @property
    def history(self) -> tuple[Message, ...]:
        """What was really said and heard."""
        return self._state.history.messages()

    def unfinished(self) -> Unfinished:
        """What is going on, and is not yet history."""
        reply_id, _, characters = self._mouth.playout.heard()
        live = self._state.live
        return unfinished(self._state, heard=characters if live and live.reply_id == reply_id else 0)

    @property
    def heard(self) -> tuple[str, int]:
        """The reply that is being played, and how many samples of it were heard by now."""
        return self._mouth.playout.heard()[:2]

    @property
    def is_over(self) -> bool:
        """It has ended, or is about to."""
        return self._state.phase in (Phase.CLOSING, Phase.CLOSED)

    @property
    def duration(self) -> float:
        return self._loop.time() - self._opened_at

    @property
    def cost(self) -> Cost:
        """What was used so far, and what that costs."""
        return self._mouth.cost()

    def _opened(self) -> ev.Event:
        if self._past:
            return ev.SessionRecovered(self._past.found)
        return ev.SessionOpened(self.config.greeting, self._state.settings.consent_line)

    def _settings(self) -> Settings:
        return settings_for(self.config, options=self._options, stages=self._stages, functions=self._functions)

    # --- the inbox ------------------------------------------------------------------------------------------------

    def post(self, event: ev.Event) -> None:
        """Tells the core a fact. Orders that follow from it are carried out before this returns, unless this is called
        from such an order: then after those before it."""
        self._inbox.append(event)
        if not self._stepping:
            self._work_off()

    def _work_off(self) -> None:
        self._stepping = True
        try:
            while self._inbox:
                self._step(self._inbox.popleft())
        finally:
            self._stepping = False

    def _step(self, event: ev.Event) -> None:
        now = self._loop.time()
        self._clock.step()
        self._state, actions = step(self._state, event, now)
        if self._hooks.journal:
            self._hooks.journal(now, event, actions)
        for action in actions:
            self._carry_out(action)

    def _timer_fired(self, name: str) -> None:
        if name == pauses.ENDPOINT:
            self._clock.endpointed(self._loop.time())
        self.post(ev.TimerFired(name))

    def _transcript(self, transcript: Transcript) -> None:
        at, agent = int(self._ear.received), self._mouth.playout.lately
        self.post(ev.Heard(transcript.text, transcript.utterance, at, transcript.final, agent))

    def _stt_failed(self, error: ProviderError) -> None:
        self._teller.tell(out.SessionFault("provider_error", str(error)))

    # --- carrying out orders --------------------------------------------------------------------------------------

    def _carry_out(self, action: act.Action) -> None:
        match action:
            case act.Emit(notice):
                self._emit(notice)
            case act.SetTimer():
                self._timers.set(action)
            case act.ClearTimer(name):
                self._timers.clear(name)
            case act.Finalize():
                self._transcriber.finalize()
            case act.NextUtterance(utterance):
                self._transcriber.next_utterance(utterance)
            case act.JudgeTurn(onset, last_voice):
                self._judges.judge(onset, last_voice)
            case act.ReadEnding(text):
                self._judges.read(text)
            case act.StartReply():
                self._mouth.start(action, self._state.settings)
            case act.CommitReply(reply_id, by):
                self._mouth.commit(reply_id, by)
            case act.HoldPlayout():
                self._mouth.playout.hold()
            case act.ResumePlayout():
                self._mouth.playout.resume()
            case act.CancelReply(reply_id, at_word):
                self._mouth.cancel(reply_id, at_word=at_word)
            case act.LosePlayout(reply_id, at):
                self._mouth.playout.lose(reply_id, at)
            case act.KeepRest():
                self._mouth.keep_rest(action)
            case act.RunTool(call):
                self._runner.run(call)
            case act.Forget(messages):
                self._forget(messages)
            case act.CloseSession(reason):
                self._timers.clear_all()
                self._gate.settle()
                self._teller.tell(out.SessionEnded(reason, self.duration, self.cost))
                self._ended.set()

    def _emit(self, notice: out.Notice) -> None:
        match notice:
            case out.SpeechStarted():
                self._mouth.playout.flushed()
                self._mouth.rewarm()
            case out.Endpointing():
                self._teller.tell_hooks(notice)
                return
            case out.UserTranscript():
                self._clock.turn_closed(last_voice=self._ear.last_voice_at(), at=self._loop.time())
            case out.ToolCalled(name=name) if name in self._functions:
                self._teller.tell_hooks(notice)  # run here: the client is not asked
                return
            case out.ToolCalled(call_id):
                self._runner.announced(call_id)
            case out.ReplyDone(reply_id):
                self._mouth.ended(reply_id, self._state)
        self._teller.tell(notice)

    def _tool_context(self, call: ToolCall) -> ToolContext:
        return ToolContext(call_id=call.call_id, say=self.say, end_call=self.hang_up)

    def _tool_returned(self, call_id: str, result: ToolResult) -> None:
        self.tool_result(call_id, result.text, is_error=result.is_error)

    def _forget(self, messages: tuple[Message, ...]) -> None:
        log.info("%s: %d messages no longer fit the model's window", self.session_id, len(messages))
        if summary := call_hook(self._hooks.summarise, messages):
            self.post(ev.SummaryWritten(summary))
