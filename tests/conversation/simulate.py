"""A whole call in virtual time: the core, and the smallest shell that carries out its orders.

    call = Call(model=[Answer("On Monday.")])
    call.caller("when do you open", at=1_000)
    call.run(until=10_000)
    assert call.story() == ["speech started", ...]

Time is in milliseconds. Both clocks of the core run with it; `call.stall` stops the one that counts received audio.
Every step is checked against the rules of the design (`rules.py`).
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.machine import step
from antiphon.conversation.settings import Settings
from antiphon.conversation.state import Phase, State
from antiphon.types import Message, Role, ToolCall
from tests.conversation.rules import Rules
from tests.conversation.speaking import Answer, Speaker

WORD = 250  # a spoken word, the caller's or the agent's
VAD_DELAY = 60  # until the VAD is sure, at both ends of speech
STT_DELAY = 100  # from the end of a word to the partial transcript that has it


@dataclass
class Tool:
    result: str = "done"
    takes: float | None = 500  # None: it never returns
    is_error: bool = False


@dataclass
class Ears:
    """A scripted STT: it hears every word in the utterance that was open when the word was spoken."""

    final_after: float | None = 150  # from Finalize to the final transcript; None: it never comes
    partials: bool = True
    utterance: int = 0
    words: dict[int, list[str]] = field(default_factory=dict)

    def text(self, utterance: int) -> str:
        return " ".join(self.words.get(utterance, ()))


@dataclass(frozen=True)
class Opinion:
    """A model of turns: what it says, of the words heard by then, and after how long."""

    of: Callable[[str], float]
    takes: float = 60


class Call:
    """`model` is what it answers, in order (its last answer again and again), or a function of the request. `script`
    is what becomes of every line that is to be spoken word for word; None: it is spoken. `stops_after` is how long a
    cancel takes to be answered; None: it never is."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        greeting: str | None = None,
        model: list[Answer] | Callable[[tuple[Message, ...]], Answer] | None = None,
        script: Answer | None = None,
        tools: dict[str, Tool] | None = None,
        ears: Ears | None = None,
        detector: Opinion | None = None,
        reader: Opinion | None = None,
        stops_after: float | None = 0,
        open_at: float | None = 0,
    ) -> None:
        self.now = 0.0
        self.state = State(settings or Settings(idle_after=None))
        self.rules = Rules()
        self.notices: list[tuple[float, out.Notice]] = []
        self.log: list[tuple[float, ev.Event, list[act.Action]]] = []
        self.requests: list[tuple[Message, ...]] = []
        self.ears = ears or Ears()
        self.speaker = Speaker(self)
        self.stops_after = stops_after
        self._detector, self._reader = detector, reader
        self.tools = tools or {}
        self._script = script
        self._model = model if model is not None else [Answer("All right then.")]
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._timers: dict[str, tuple[act.Clock, float]] = {}
        self._lag = 0.0  # by how much received audio is behind the clock
        self._stalled = False
        self._inbox: list[ev.Event] = []
        self._stepping = False
        if open_at is not None:
            self.at(open_at, ev.SessionOpened(greeting))

    # --- the script -----------------------------------------------------------------------------------------------

    def at(self, time: float, *events: ev.Event) -> None:
        """Something happens at that time."""
        for event in events:
            self.later(time, lambda event=event: self.post(event))

    def caller(self, text: str, *, at: float, word: float = WORD, lasts: float = 0) -> float:
        """The caller speaks, and if `lasts` is longer, makes sounds after that. Returns when the voice ends."""
        return self.voice(at=at, lasts=max(lasts, self.words(text, at=at, word=word) - at))

    def words(self, text: str, *, at: float, word: float = WORD) -> float:
        """Words that the STT hears, whatever the VAD does. Returns when the last one ends."""
        for number, said in enumerate(text.split(), 1):
            self.later(at + number * word, lambda said=said: self._word(said))
        return at + word * len(text.split())

    def voice(self, *, at: float, lasts: float = 200) -> float:
        """A voice, or what the VAD takes for one, without any word in it."""
        self.later(at + VAD_DELAY, lambda: self.post(ev.VoiceStarted(int(at - self._lag), self.audio)))
        end = at + lasts
        self.later(end + VAD_DELAY, lambda: self.post(ev.VoiceStopped(int(end - self._lag), self.audio)))
        return end

    def stall(self, *, at: float, lasts: float) -> None:
        """No audio comes from the caller for a while; what is said in it comes afterwards."""

        def begin() -> None:
            self._stalled = True

        def end() -> None:
            self._stalled, self._lag = False, self._lag + lasts

        self.later(at, begin)
        self.later(at + lasts, end)

    def run(self, *, until: float) -> Call:
        while True:
            due = min(self._next_timer(), self._queue[0][0] if self._queue else float("inf"))
            if due > until or self.state.phase is Phase.CLOSED:
                self.now = max(self.now, until)
                return self
            self.now = max(self.now, due)
            if self._queue and self._queue[0][0] <= due:
                heapq.heappop(self._queue)[2]()
            else:
                self._fire()

    # --- what came of it ------------------------------------------------------------------------------------------

    def story(self, *kinds: type) -> list[str]:
        """The notices in short, without transcript deltas unless asked for."""
        wanted = kinds or tuple(k for k in _TELL if k is not out.UserTranscriptDelta)
        return [_TELL[type(notice)](notice) for _, notice in self.notices if isinstance(notice, wanted)]

    def when(self, told: str) -> float:
        """When a line of the story was told, for the first time."""
        return next(time for time, notice in self.notices if self._told(notice) == told)

    @staticmethod
    def _told(notice: out.Notice) -> str:
        """A line of the story; "" for what is none."""
        return _TELL[type(notice)](notice) if type(notice) in _TELL else ""

    def ordered(self, *kinds: type) -> list[act.Action]:
        return [action for _, _, actions in self.log for action in actions if isinstance(action, kinds)]

    def history(self) -> list[str]:
        return [f"{message.role}: {message.text}" for message in self.state.history.messages()]

    @property
    def audio(self) -> int:
        """Milliseconds of received audio."""
        return int(self.now - self._lag)

    # --- the shell ------------------------------------------------------------------------------------------------

    def later(self, time: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (max(time, self.now), next(self._order), do))

    def post(self, event: ev.Event) -> None:
        """One event after the other: what an order causes comes after the orders of its step."""
        self._inbox.append(event)
        if self._stepping:
            return
        self._stepping = True
        while self._inbox:
            event = self._inbox.pop(0)
            before = self.state
            self.state, actions = step(before, event, self.now / 1000)
            self.rules.follow(before, event, self.state, actions)
            self.log.append((self.now, event, actions))
            for action in actions:
                self._carry_out(action)
        self._stepping = False

    def _carry_out(self, action: act.Action) -> None:
        match action:
            case act.Emit(notice):
                self.notices.append((self.now, notice))
            case act.SetTimer(name, clock, due):
                self._timers[name] = (clock, due)
            case act.ClearTimer(name):
                self._timers.pop(name, None)
            case act.Finalize() if self.ears.final_after is not None:
                utterance = self.ears.utterance
                self.later(self.now + self.ears.final_after, lambda: self._hear(utterance, final=True))
            case act.NextUtterance(utterance):
                self.ears.utterance = utterance
            case act.JudgeTurn(_, last_voice):
                silence = self.audio - last_voice
                self._judge(self._detector, lambda p: ev.TurnJudged(last_voice, silence, p, self.audio))
            case act.ReadEnding(text):
                self._judge(self._reader, lambda p: ev.EndingRead(text, p, self.audio), text)
            case act.StartReply(reply_id, _, source, speculative):
                if isinstance(source, act.Prompt):
                    self.requests.append(source.messages)
                self.speaker.start(reply_id, self._answer(source), speculative=speculative)
            case act.CommitReply(reply_id):
                self.speaker.commit(reply_id)
            case act.HoldPlayout(reply_id):
                self.speaker.hold(reply_id)
            case act.ResumePlayout(reply_id):
                self.speaker.resume(reply_id)
            case act.CancelReply(reply_id):
                self.speaker.cancel(reply_id, stops_after=self.stops_after)
            case act.LosePlayout(reply_id):
                self.speaker.lose(reply_id)
            case act.KeepRest(reply_id, rest_id):
                self.speaker.keep_rest(reply_id, rest_id)
            case act.RunTool(call):
                self._run(call)
            case act.CloseSession():
                self._timers.clear()
            case _:
                pass

    def _judge(self, model: Opinion | None, answer: Callable[[float], ev.Event], text: str | None = None) -> None:
        if model:
            probability = model.of(self.ears.text(self.ears.utterance) if text is None else text)
            self.later(self.now + model.takes, lambda: self.post(answer(probability)))

    def _answer(self, source: act.Prompt | act.Script) -> Answer:
        if isinstance(source, act.Script):
            return self._script or Answer(source.text)
        if callable(self._model):
            return self._model(source.messages)
        return self._model.pop(0) if len(self._model) > 1 else self._model[0]

    def _run(self, call: ToolCall) -> None:
        tool = self.tools.get(call.name, Tool())
        if tool.takes is not None:
            self.at(self.now + tool.takes, ev.ToolReturned(call.call_id, tool.result, tool.is_error))

    def _word(self, said: str) -> None:
        utterance = self.ears.utterance
        self.ears.words.setdefault(utterance, []).append(said)
        if self.ears.partials:
            self.later(self.now + STT_DELAY, lambda: self._hear(utterance, final=False))

    def _hear(self, utterance: int, *, final: bool) -> None:
        self.post(ev.Heard(self.ears.text(utterance), utterance, self.audio, final))

    def _next_timer(self) -> float:
        return min((self._due(*timer) for timer in self._timers.values()), default=float("inf"))

    def _due(self, clock: act.Clock, due: float) -> float:
        if clock is act.Clock.WALL:
            return due * 1000
        return float("inf") if self._stalled else due + self._lag

    def _fire(self) -> None:
        name = min(self._timers, key=lambda name: self._due(*self._timers[name]))
        del self._timers[name]
        self.post(ev.TimerFired(name))


_TELL: dict[type, Callable[[out.Notice], str]] = {
    out.SpeechStarted: lambda n: "speech started",
    out.SpeechStopped: lambda n: "speech stopped",
    out.UserTranscriptDelta: lambda n: f"caller: {n.text}…",
    out.UserTranscript: lambda n: f"caller: {n.text}",
    out.ReplyStarted: lambda n: "reply started",
    out.AgentTranscript: lambda n: f"agent: {n.text}{'|' if n.interrupted else ''}",  # a bar where it was cut
    out.ReplyDone: lambda n: f"reply {n.status}",
    out.ToolCalled: lambda n: f"tool {n.name}",
    out.ReplyFault: lambda n: f"fault: {n.message}",
    out.SessionFault: lambda n: f"fault: {n.message}",
}

__all__ = ["WORD", "Answer", "Call", "Ears", "Role", "Tool", "ToolCall"]
