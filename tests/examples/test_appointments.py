"""The salon's calendar holds what was agreed on the telephone, whoever calls at the same time."""

from __future__ import annotations

import sqlite3
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from antiphon.audio import wav
from antiphon.lab import virtual
from antiphon.lab.scripted import ScriptedLlm
from antiphon.lab.tones import ToneCode
from antiphon.providers.base import LlmRequest
from antiphon.types import Role, ToolCall
from tests.examples.calling import call, example, in_tones, newest, served, spoken

CODE = ToneCode(["tuesday at nine for ada please bob what is free cancel it the hour"])
DAY = "2027-01-05"  # a Tuesday
FREE = ["09:00", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00", "17:00"]


def model(request: LlmRequest) -> Any:
    last = newest(request)
    if last.role is Role.TOOL:
        return last.text
    name = "Bob" if "bob" in last.text else "Ada"
    call_id = f"call_{name}_{len(request.messages)}"
    if "free" in last.text:
        return [ToolCall(call_id, "free_hours", {"day": DAY})]
    return [
        ToolCall(call_id, "cancel" if "cancel" in last.text else "book", {"day": DAY, "hour": "09:00", "name": name})
    ]


def salon(folder: Path) -> Any:
    module = example("appointments")
    return module.salon(module.Calendar(folder / "calendar.db"), llm=ScriptedLlm(model), **in_tones(CODE))


def booked(folder: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(folder / "calendar.db") as db:
        return db.execute("SELECT starts, name FROM appointments").fetchall()


def test_an_hour_is_booked_and_no_longer_free(tmp_path: Path) -> None:
    caller = spoken(CODE, "tuesday at nine for ada please", "what is free")
    _, booking, free = call(salon(tmp_path), caller, tmp_path).turns
    assert booking.agent == "booked"
    assert "09:00" not in free.agent and "10:00" in free.agent
    assert booked(tmp_path) == [("2027-01-05T09:00:00", "Ada")]


def test_two_callers_want_one_hour_and_one_gets_it(tmp_path: Path) -> None:
    recordings = []
    for name in ("ada", "bob"):
        recordings.append(tmp_path / f"{name}.wav")
        wav.write(recordings[-1], spoken(CODE, f"tuesday at nine for {name} please").pcm, rate=24_000)
    reports = virtual.run(served(salon(tmp_path), *recordings), limit=600)
    said = sorted(report.turns[1].agent for report in reports)
    assert len(booked(tmp_path)) == 1
    assert "taken" in said[0] and said[1] == "booked"


def test_an_appointment_is_cancelled(tmp_path: Path) -> None:
    caller = spoken(CODE, "tuesday at nine for ada please", "cancel it")
    assert call(salon(tmp_path), caller, tmp_path).turns[2].agent == "cancelled"
    assert booked(tmp_path) == []


@pytest.mark.parametrize("starts", [datetime(2027, 1, 4, 9), datetime(2027, 1, 5, 8), datetime(2027, 1, 5, 9, 30)])
def test_nobody_is_booked_when_the_salon_is_closed(starts: datetime, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="closed"):
        example("appointments").Calendar(tmp_path / "calendar.db").book(starts, "Ada", call="c")


def test_the_same_call_books_once(tmp_path: Path) -> None:
    calendar = example("appointments").Calendar(tmp_path / "calendar.db")
    for _ in range(2):
        calendar.book(datetime(2027, 1, 5, 9), "Ada", call="call_1")
    assert calendar.free(date(2027, 1, 5)) == [time.fromisoformat(hour) for hour in FREE[1:]]
