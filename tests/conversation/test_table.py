"""One cell for every pair of a state and an event: what the core orders then. The cells are in `cells.txt`.

A state is a row (whose floor it is, and whether there is a voice now) and a column (the live reply). A cell lists the
orders in their sequence, by the letters explained at the head of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.endpointing import Evidence, Patience
from antiphon.conversation.history import History
from antiphon.conversation.machine import step
from antiphon.conversation.recovery import Recovered
from antiphon.conversation.settings import Settings
from antiphon.conversation.state import (
    Asked,
    Farewell,
    Floor,
    Gate,
    Pending,
    Phase,
    Plan,
    Presence,
    Progress,
    Reply,
    State,
    Trigger,
    Turn,
    Voice,
)
from antiphon.types import Role, ToolCall, ToolSpec

LETTERS: dict[type, str] = {
    out.SpeechStarted: "S",
    out.SpeechStopped: "s",
    out.UserTranscriptDelta: "d",
    out.UserTranscript: "u",
    out.ReplyStarted: "R",
    out.ReplyDone: "r",
    out.AgentTranscript: "a",
    out.ReplyFault: "F",
    act.HoldPlayout: "h",
    act.ResumePlayout: "g",
    act.CancelReply: "c",
    act.Finalize: "f",
    act.NextUtterance: "n",
    act.LosePlayout: "l",
    act.KeepRest: "k",
    act.CommitReply: "C",
    act.RunTool: "T",
    act.CloseSession: "X",
    act.JudgeTurn: "j",
    act.ReadEnding: "e",
}

FLOORS = {"nobody": None, "overlap": Floor.OVERLAP, "open": Floor.OPEN, "closing": Floor.CLOSING}
ROWS = [f"{floor}/{voice}" for floor in FLOORS for voice in ("off", "on")]
COLUMNS: dict[str, tuple[Progress, Gate] | None] = {
    "none": None,
    "making": (Progress.PREPARING, Gate.OPEN),
    "making-held": (Progress.PREPARING, Gate.HELD),
    "making-stopping": (Progress.PREPARING, Gate.STOPPING),
    "audible": (Progress.AUDIBLE, Gate.OPEN),
    "audible-held": (Progress.AUDIBLE, Gate.HELD),
    "audible-stopping": (Progress.AUDIBLE, Gate.STOPPING),
}

ORDER = ToolCall("call_1", "order", {})
SAID = "book a table"


@dataclass(frozen=True)
class Case:
    """An event, and what else is true of the states it comes to."""

    event: ev.Event
    turn: tuple[tuple[str, Any], ...] = ()
    state: tuple[tuple[str, Any], ...] = ()


def heard(text: str, *, final: bool = False) -> ev.Heard:
    return ev.Heard(text, utterance=0, at=5_000, final=final)


ASKED, ANSWERED = (("asked", Asked.ASKED),), (("asked", Asked.ANSWERED),)
RUNNING = (("pending", (Pending(ORDER, "r0"),)),)
AWAY = (("presence", Presence.AWAY),)
LEAVING = (("farewell", Farewell("budget_tokens", "Goodbye.")),)
PAUSED = (("pause", Evidence()),)
PATIENT = (("settings", Settings(tools=(ToolSpec("order"),), patience=Patience.BALANCED, judges=True)),)
CASES: dict[str, Case] = {
    "voice started": Case(ev.VoiceStarted(4_900, 5_000)),
    "voice measured": Case(ev.VoiceMeasured(-20.0, 100, 5_000)),
    "voice stopped": Case(ev.VoiceStopped(4_900, 5_000)),
    "new words": Case(heard(f"{SAID} for two")),
    "a backchannel": Case(heard("mm-hm"), (("text", ""),)),
    "the final, asked for": Case(heard(f"{SAID} for two", final=True), ASKED),
    "an empty final, asked for": Case(heard("", final=True), (*ASKED, ("text", ""))),
    "a final, not asked for": Case(heard(f"{SAID} for two", final=True), (("asked", Asked.NOT_YET),)),
    "the detector, of a pause nobody weighs": Case(ev.TurnJudged(4_900, 100, 0.9, 5_060)),
    "the detector, weighed": Case(ev.TurnJudged(4_900, 100, 0.9, 5_060), PAUSED, PATIENT),
    "the reader, of these words": Case(ev.EndingRead(SAID, 0.9, 5_200), (*PAUSED, ("read_since", 5_150)), PATIENT),
    "the final, that reopens": Case(heard("my number is", final=True), (*PAUSED, *ASKED), PATIENT),
    "voice stopped, to be weighed": Case(ev.VoiceStopped(4_900, 5_000), (), PATIENT),
    "timer judge": Case(ev.TimerFired("judge"), PAUSED, PATIENT),
    "timer early_final": Case(ev.TimerFired("early_final")),
    "timer endpoint, no final yet": Case(ev.TimerFired("endpoint"), ASKED),
    "timer endpoint, final there": Case(ev.TimerFired("endpoint"), ANSWERED),
    "timer max_silence": Case(ev.TimerFired("max_silence"), ASKED),
    "timer transcript": Case(ev.TimerFired("transcript"), ASKED),
    "timer transcript, nothing said": Case(ev.TimerFired("transcript"), (*ASKED, ("text", ""))),
    "timer wordless": Case(ev.TimerFired("wordless")),
    "timer decide": Case(ev.TimerFired("decide"), (("enough_at", 6_500),)),
    "timer give_up": Case(ev.TimerFired("give_up")),
    "timer idle": Case(ev.TimerFired("idle")),
    "timer stall": Case(ev.TimerFired("stall")),
    "timer filler": Case(ev.TimerFired("filler"), state=RUNNING),
    "timer of a tool": Case(ev.TimerFired("tool:call_1"), state=RUNNING),
    "a timer nobody knows": Case(ev.TimerFired("lunch")),
    "reply text": Case(ev.ReplyText("r1", "so")),
    "reply tool call": Case(ev.ReplyToolCall("r1", ORDER)),
    "reply written": Case(ev.ReplyWritten("r1")),
    "reply failed": Case(ev.ReplyFailed("r1", "llm", "overloaded")),
    "playout started": Case(ev.PlayoutStarted("r1")),
    "playout starved": Case(ev.PlayoutStarved("r1")),
    "playout finished": Case(ev.PlayoutFinished("r1", "Sure.")),
    "playout finished, nothing said": Case(ev.PlayoutFinished("r1", "")),
    "playout stopped": Case(ev.PlayoutStopped("r1", 2_400, "Su")),
    "playout stopped of another reply": Case(ev.PlayoutStopped("r0", 2_400, "Su")),
    "tool returned": Case(ev.ToolReturned("call_1", "ok"), state=RUNNING),
    "tool returned, already ended": Case(ev.ToolReturned("call_1", "ok")),
    "session opened": Case(ev.SessionOpened("Hello.")),
    "session recovered": Case(ev.SessionRecovered(Recovered(History(), plan=Plan(Trigger.TURN, "Hello.")))),
    "caller left": Case(ev.CallerLeft(9.5)),
    "caller returned": Case(ev.CallerReturned(), state=AWAY),
    "caller returned, and was sent all": Case(ev.CallerReturned(replayed=True), state=AWAY),
    "caller returned, never asked": Case(ev.CallerReturned(unasked=frozenset({"call_1"})), state=(*AWAY, *RUNNING)),
    "settings changed": Case(ev.SettingsChanged(Settings(idle_after=None))),
    "reply requested": Case(ev.ReplyRequested()),
    "say requested": Case(ev.SayRequested("One moment.")),
    "interrupt requested": Case(ev.InterruptRequested()),
    "message added": Case(ev.MessageAdded(Role.SYSTEM, "The shop is closed.")),
    "summary written": Case(ev.SummaryWritten("They spoke of cake.")),
    "end requested": Case(ev.EndRequested("client_end")),
    "hang-up requested": Case(ev.HangUpRequested("agent_end")),
    "hang-up requested by a tool": Case(ev.HangUpRequested("agent_end"), state=RUNNING),
    "farewell requested": Case(ev.FarewellRequested("budget_tokens")),
    "timer farewell": Case(ev.TimerFired("farewell"), state=LEAVING),
    "timer farewell, the caller away": Case(ev.TimerFired("farewell"), state=(*LEAVING, *AWAY)),
}


def state(row: str, column: str, case: Case, phase: Phase = Phase.OPEN) -> State:
    floor, voice = row.split("/")
    turn = None
    if (kind := FLOORS[floor]) is not None:
        said = "" if kind is Floor.OVERLAP else SAID
        turn = Turn("m1", kind, 4_000, said, Asked.ASKED if kind is Floor.CLOSING else Asked.NOT_YET)
        turn = replace(turn, stretch=4_900, **dict(case.turn))
    live = None
    if (how := COLUMNS[column]) is not None:
        live = Reply("r1", "m2", Plan(Trigger.TURN), act.Script(""), progress=how[0], gate=how[1])
    history = History().said(Role.USER, "hello").called("r0", ORDER)
    if not dict(case.state).keys() - {"settings"}:
        history = history.returned(ORDER, "ok")
    return State(
        phase=phase,
        voice=Voice.ON if voice == "on" else Voice.OFF,
        last_voice=4_900,
        turn=turn,
        live=live,
        history=history,
        **{"settings": Settings(tools=(ToolSpec("order"),)), **dict(case.state)},
    )


def told(before: State, event: ev.Event) -> str:
    after, actions = step(before, event, 10.0)
    kinds = [type(action.notice) if isinstance(action, act.Emit) else type(action) for action in actions]
    letters = "".join(LETTERS.get(kind, "") for kind in kinds)
    return letters or ("." if actions or after != before else "-")


def cells() -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """(phase, event, row, {column: cell})"""
    phase = event = ""
    for line in (Path(__file__).parent / "cells.txt").read_text().splitlines():
        if line.startswith("== "):
            phase = line.strip("= ")
        elif line.startswith("# "):
            event = line.removeprefix("# ").split("  ")[0]
        elif line.strip() and not line.startswith((" ", "|")):
            row, *values = line.split()
            yield phase, event, row, dict(zip(COLUMNS, values, strict=True))


CELLS = list(cells())


@pytest.mark.parametrize(("phase", "event", "row", "expected"), CELLS, ids=["-".join(cell[:3]) for cell in CELLS])
def test_cell(phase, event, row, expected):
    case = CASES[event]
    assert {column: told(state(row, column, case, Phase[phase]), case.event) for column in COLUMNS} == expected


def test_every_cell_of_an_open_session_is_there():
    there = {(event, row) for phase, event, row, _ in CELLS if phase == "OPEN"}
    assert there == {(event, row) for event in CASES for row in ROWS}


def test_every_event_has_its_cells():
    kinds = {type(case.event) for case in CASES.values()}
    assert kinds == set(ev.Event.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize("event", CASES)
def test_a_closed_session_does_nothing(event):
    for row in ROWS:
        for column in COLUMNS:
            assert told(state(row, column, CASES[event], Phase.CLOSED), CASES[event].event) == "-"


@pytest.mark.parametrize("event", CASES)
def test_a_closing_session_only_waits_for_its_end(event):
    listed = {event for phase, event, _, _ in CELLS if phase == "CLOSING"}
    for row in ROWS:
        for column in COLUMNS:
            if event not in listed:
                assert told(state(row, column, CASES[event], Phase.CLOSING), CASES[event].event) == "-"


@pytest.mark.parametrize("event", CASES)
def test_before_the_beginning_only_what_prepares_it_counts(event):
    prepares = {
        "session opened": "R",
        "session recovered": "R",
        "settings changed": ".",
        "message added": ".",
        "end requested": "X",
    }
    new = State(settings=Settings(tools=(ToolSpec("order"),)))
    assert told(new, CASES[event].event) == prepares.get(event, "-")
