"""Random calls, each step held against the rules: callers, models, tools and STTs of every kind, and a shell that
delivers what is stale, late, twice or out of order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon.conversation import events as ev
from antiphon.conversation import farewell, fillers, overlap, replies, turns
from antiphon.conversation.endpointing import Patience
from antiphon.conversation.machine import step
from antiphon.conversation.settings import Mode, Settings, Speculation
from antiphon.conversation.state import Phase, Progress, State
from antiphon.types import Role, ToolCall, ToolSpec
from tests.conversation.rules import Rules
from tests.conversation.simulate import Answer, Call, Ears, Opinion, Tool

MINUTE = 60_000
TIMERS = (
    *(*turns.TIMERS, overlap.DECIDE, overlap.GIVE_UP, replies.IDLE, replies.STALL, fillers.FILLER, farewell.FAREWELL),
    *("tool:call_1", "tool:call_2"),
)
TEXTS = ["stop", "Mm-hm.", "Yeah, but", "uh", "book a table for two please", ""]
NAMES = ["order", "transfer", "fly"]

sample = settings(max_examples=250, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
search = settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))


# --- what a call is made of -----------------------------------------------------------------------------------------

calls = st.builds(ToolCall, st.sampled_from(["call_1", "call_2"]), st.sampled_from(NAMES), st.just({}))
answers = st.builds(
    Answer,
    st.sampled_from(["", "Yes.", "We open at nine on every day of the week but Sunday."]),
    st.lists(calls, max_size=2).map(tuple),
    takes=st.sampled_from([0, 50, 400, 400, 3_000, 15_000]),
    fails=st.sampled_from([False, False, True]),
    hangs=st.sampled_from([False, False, True]),
)
tools = st.builds(Tool, st.sampled_from(["ok", ""]), st.sampled_from([None, 0, 400, 5_000]), st.booleans())
house = st.builds(
    Settings,
    mode=st.sampled_from([Mode.STREAMING, Mode.STREAMING, Mode.CASCADE]),
    patience=st.sampled_from([None, None, *Patience]),
    judges=st.booleans(),
    reads_endings=st.booleans(),
    interruptible=st.sampled_from([True, True, False]),
    idle_after=st.just(30.0),
    speculation=st.sampled_from(Speculation),
    wordless_turn=st.sampled_from([2_000, 10_000]),
    context_window=st.sampled_from([200, 128_000]),
    filler_after=st.sampled_from([1.5, 1.5, None]),
    tools=st.just((ToolSpec("order", timeout=3.0), ToolSpec("transfer", hold=True, timeout=8.0))),
)


@dataclass(frozen=True)
class Move:
    """Something that happens `after` milliseconds."""

    after: int
    name: str
    value: Any = None

    def __call__(self, call: Call, known: list[ev.Event]) -> None:
        getattr(self, f"_{self.name}")(call, known)

    def _caller(self, call: Call, known: list[ev.Event]) -> None:
        call.caller(self.value[0], at=call.now, word=self.value[1])

    def _over(self, call: Call, known: list[ev.Event]) -> None:
        """The caller speaks over the agent, if it speaks soon."""
        for _ in range(30):
            if call.state.live and call.state.live.progress is Progress.AUDIBLE:
                break
            call.run(until=call.now + 200)
        call.caller(self.value, at=call.now)

    def _voice(self, call: Call, known: list[ev.Event]) -> None:
        call.voice(at=call.now, lasts=self.value)

    def _words(self, call: Call, known: list[ev.Event]) -> None:
        call.words(self.value, at=call.now)

    def _stall(self, call: Call, known: list[ev.Event]) -> None:
        call.stall(at=call.now, lasts=self.value)

    def _event(self, call: Call, known: list[ev.Event]) -> None:
        call.post(self.value)

    def _settings(self, call: Call, known: list[ev.Event]) -> None:
        call.post(ev.SettingsChanged(self.value))

    def _heard(self, call: Call, known: list[ev.Event]) -> None:
        text, off, final = self.value
        call.post(ev.Heard(text, call.ears.utterance + off, call.audio, final))

    def _again(self, call: Call, known: list[ev.Event]) -> None:
        """Something comes a second time. Not a start of playout that is not: no shell may lie about the live reply."""
        event = known[self.value % len(known)] if known else None
        if event and not (isinstance(event, ev.PlayoutStarted) and call.state.live):
            call.post(event)


def move(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Move]:
    return st.builds(
        Move, st.sampled_from([0, 130, 300, 650, 1_500, 3_000, 3_000, 6_000, 12_000]), st.just(name), values
    )


wishes = st.one_of(
    st.builds(ev.SayRequested, st.sampled_from(["One moment.", "This call is recorded for all of us."]), st.booleans()),
    st.builds(ev.ReplyRequested, st.sampled_from([None, "Be brief."])),
    st.just(ev.InterruptRequested()),
    st.builds(ev.MessageAdded, st.sampled_from([Role.USER, Role.SYSTEM]), st.just("The caller is on page 3.")),
    st.just(ev.SummaryWritten("They spoke of cake.")),
    st.builds(ev.TimerFired, st.sampled_from(TIMERS)),
    st.just(ev.HangUpRequested("agent_end")),
    st.builds(
        ev.FarewellRequested, st.just("budget_tokens"), st.sampled_from([None, ""]), st.sampled_from([None, 0.0])
    ),
    st.builds(ev.ToolReturned, st.sampled_from(["call_1", "call_2", "call_9"]), st.sampled_from(["ok", ""])),
    st.builds(ev.PlayoutFinished, st.just("resp_of_old"), st.just("never heard")),
)
returns = st.builds(ev.CallerReturned, st.booleans(), st.sets(st.sampled_from(["call_1", "call_2"])).map(frozenset))
moves = st.one_of(
    move("caller", st.tuples(st.sampled_from(TEXTS[:-1]), st.sampled_from([100, 250, 600]))),
    move("caller", st.tuples(st.sampled_from(TEXTS[:-1]), st.just(250))),
    move("over", st.sampled_from(["Mm-hm.", "Yes.", "stop", "uh", "Yeah, but"])),
    move("voice", st.sampled_from([60, 300, 900, 8_000, 100_000_000])),
    move("words", st.sampled_from(TEXTS)),
    move("stall", st.sampled_from([500, 5_000])),
    move("event", wishes),
    move("settings", house),
    move("heard", st.tuples(st.sampled_from(TEXTS), st.sampled_from([-1, 0, 0, 1]), st.booleans())),
    move("again", st.integers(0, 200)),
    move("event", st.just(ev.CallerLeft(0.0))),
    move("event", returns),
    move("event", st.just(ev.EndRequested("client_end"))).filter(lambda move: move.after == 12_000),
)


@dataclass(frozen=True)
class Scene:
    settings: Settings
    greeting: str | None
    model: list[Answer]
    script: Answer | None
    tools: list[Tool]
    final_after: int | None
    partials: bool
    stops_after: int | None
    moves: list[Move]
    judged: float | None = None

    def call(self) -> Call:
        return Call(
            self.settings,
            greeting=self.greeting,
            model=[*self.model, Answer("Is that all?")],
            script=self.script,
            tools=dict(zip(NAMES, self.tools, strict=True)),
            ears=Ears(self.final_after, self.partials),
            detector=None if self.judged is None else Opinion(lambda _: self.judged or 0.0),
            reader=None if self.judged is None else Opinion(lambda _: self.judged or 0.0, takes=90),
            stops_after=self.stops_after,
        )

    def play(self) -> Call:
        call = self.call()
        for happens in self.moves:
            call.run(until=call.now + happens.after)
            happens(call, [event for _, event, _ in call.log])
        return call


scenes = st.builds(
    Scene,
    settings=house,
    greeting=st.sampled_from([None, "Hello this is the bakery how can I help you"]),
    model=st.lists(answers, max_size=4),
    script=st.sampled_from([None, None, None, Answer(hangs=True), Answer(fails=True)]),
    tools=st.lists(tools, min_size=3, max_size=3),
    final_after=st.sampled_from([150, 150, 150, 50, 900, 5_000, None]),
    partials=st.booleans(),
    stops_after=st.sampled_from([0, 0, 350, 900, None]),
    moves=st.lists(moves, min_size=1, max_size=25),
    judged=st.sampled_from([None, 0.02, 0.5, 0.98]),
)


# --- the rules ------------------------------------------------------------------------------------------------------


def rules_hold_and_nobody_is_left_in_silence(scene: Scene) -> None:
    """The rules are checked at every step. Afterwards the world goes quiet: a caller who says nothing more is asked,
    then let go, within a bounded number of steps."""
    call = scene.play()
    call.post(ev.CallerReturned())
    steps = len(call.log)
    call.run(until=call.now + 30 * MINUTE)
    assert call.state.phase is Phase.CLOSED
    assert len(call.log) - steps < 1_000
    assert not call.rules.turn_open
    assert call.rules.reply is None


def nothing_is_open_when_all_is_quiet(scene: Scene) -> None:
    """The same where a silent caller is never asked."""

    def never_ask(settings: Settings) -> Settings:
        return replace(settings, idle_after=None)

    moves = [m if m.name != "settings" else replace(m, value=never_ask(m.value)) for m in scene.moves]
    call = replace(scene, settings=never_ask(scene.settings), moves=moves).play()
    call.post(ev.CallerReturned())
    call.run(until=call.now + 5 * MINUTE)
    steps = len(call.log)
    call.run(until=call.now + 60 * MINUTE)
    state = call.state
    assert len(call.log) - steps <= 1  # a voice that ends at last
    if state.phase is Phase.CLOSED:
        return
    assert (state.turn, state.live, state.speculative, state.plans, state.pending) == (None, None, None, (), ())
    assert state.missed is None
    assert not state.results_unsaid


@given(scenes)
@sample
def test_the_rules_hold_and_nobody_is_left_in_silence(scene):
    rules_hold_and_nobody_is_left_in_silence(scene)


@given(scenes)
@sample
def test_nothing_is_open_when_all_is_quiet(scene):
    nothing_is_open_when_all_is_quiet(scene)


@pytest.mark.soak
@given(scenes)
@search
def test_the_rules_hold_in_a_long_search(scene):
    rules_hold_and_nobody_is_left_in_silence(scene)


@pytest.mark.soak
@given(scenes)
@search
def test_nothing_is_open_after_a_long_search(scene):
    nothing_is_open_when_all_is_quiet(scene)


# --- a shell that says anything at all ------------------------------------------------------------------------------

IDS = [f"resp_{'0' * 24}{number:08x}" for number in range(1, 9)]
ids = st.sampled_from(IDS)
anything = st.one_of(
    st.builds(ev.VoiceStarted, st.integers(0, 9_000), st.integers(0, 9_000)),
    st.builds(ev.VoiceStopped, st.integers(0, 9_000), st.integers(0, 9_000)),
    st.builds(ev.Heard, st.sampled_from(TEXTS), st.integers(0, 4), st.integers(0, 9_000), st.booleans()),
    st.builds(ev.TurnJudged, st.integers(0, 9_000), st.integers(0, 900), st.floats(0, 1), st.integers(0, 9_000)),
    st.builds(ev.EndingRead, st.sampled_from(TEXTS), st.floats(0, 1), st.integers(0, 9_000)),
    st.builds(ev.ReplyText, ids, st.just("so")),
    st.builds(ev.ReplyToolCall, ids, calls),
    st.builds(ev.ReplyWritten, ids),
    st.builds(ev.ReplyFailed, ids, st.just("llm"), st.just("overloaded")),
    st.builds(ev.PlayoutStarted, ids),
    st.builds(ev.PlayoutStarved, ids),
    st.builds(ev.PlayoutFinished, ids, st.sampled_from(["", "all of it"])),
    st.builds(ev.PlayoutStopped, ids, st.just(0), st.sampled_from(["", "some of it"])),
    st.builds(ev.PlayoutStopped, ids, st.just(0), st.sampled_from(["", "some of it"]), st.sampled_from([0, 2])),
    st.builds(ev.SettingsChanged, house),
    st.just(ev.CallerLeft(0.0)),
    returns,
    wishes,
)


def rules_hold_whatever_is_said(happened: list[ev.Event]) -> None:
    state, rules = (
        State(Settings(speculation=Speculation.LLM_TTS, tools=(ToolSpec("order"), ToolSpec("transfer", hold=True)))),
        Rules(),
    )
    for now, event in enumerate(
        [ev.SessionOpened("Hello."), *happened, ev.EndRequested("end"), ev.TimerFired("stall")]
    ):
        before = state
        state, actions = step(before, event, float(now))
        rules.follow(before, event, state, actions)
    assert state.phase is Phase.CLOSED


@given(st.lists(anything, max_size=60))
@sample
def test_the_rules_hold_whatever_is_said(happened):
    rules_hold_whatever_is_said(happened)


@pytest.mark.soak
@given(st.lists(anything, max_size=120))
@search
def test_the_rules_hold_whatever_is_said_for_long(happened):
    rules_hold_whatever_is_said(happened)


@given(st.lists(anything, max_size=60))
@settings(sample, max_examples=50)
def test_the_same_events_make_the_same_call(happened):
    def log() -> list[object]:
        state, out = State(), []
        for now, event in enumerate([ev.SessionOpened(), *happened]):
            state, actions = step(state, event, float(now))
            out.append((state, actions))
        return out

    assert log() == log()
