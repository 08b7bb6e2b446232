"""The receptionist tells the hours, takes messages, and lets a caller go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from antiphon.lab.scripted import ScriptedLlm
from antiphon.lab.tones import ToneCode
from antiphon.providers.base import LlmRequest, TextDelta
from antiphon.types import Role, ToolCall
from tests.examples.calling import call, example, in_tones, newest, spoken

CODE = ToneCode(["are you open on sunday please call ada back five hundred and one about my tooth thanks goodbye"])
ADA = {"name": "Ada", "phone": "555 0111", "about": "A tooth."}


def model(request: LlmRequest) -> Any:
    """Calls what fits what the caller said last, and tells what came of it."""
    last = newest(request)
    if last.role is Role.TOOL:
        return f"Here you are: {last.text}."
    if "sunday" in last.text:
        return [ToolCall("hours", "opening_hours", {"day": "sunday"})]
    if "tooth" in last.text:
        return [ToolCall("message", "take_message", ADA)]
    return [TextDelta("Goodbye."), ToolCall("end", "end_call", {})]


def test_a_caller_is_told_the_hours_and_leaves_a_message(tmp_path: Path) -> None:
    agent = example("receptionist").receptionist(tmp_path / "messages", llm=ScriptedLlm(model), **in_tones(CODE))
    caller = spoken(CODE, "are you open on sunday", "please call ada back about my tooth")
    greeting, hours, message = call(agent, caller, tmp_path).turns
    assert greeting.agent == "Doctor Okafor's practice, good morning!"
    assert (hours.user, hours.agent) == ("are you open on sunday", "Here you are: closed.")
    assert (message.tools, message.agent) == ([], "Here you are: written down.")
    (note,) = [json.loads(line) for line in (tmp_path / "messages").read_text().splitlines()]
    assert ADA.items() <= note.items()


def test_a_number_that_is_none_is_not_written_down(tmp_path: Path) -> None:
    def careless(request: LlmRequest) -> Any:
        last = newest(request)
        return last.text if last.role is Role.TOOL else [ToolCall("m", "take_message", {**ADA, "phone": "five"})]

    agent = example("receptionist").receptionist(tmp_path / "messages", llm=ScriptedLlm(careless), **in_tones(CODE))
    assert "phone" in call(agent, spoken(CODE, "please call ada back"), tmp_path).turns[1].agent
    assert not (tmp_path / "messages").exists()


def test_the_agent_hangs_up_when_the_caller_has_said_goodbye(tmp_path: Path) -> None:
    agent = example("receptionist").receptionist(tmp_path / "messages", llm=ScriptedLlm(model), **in_tones(CODE))
    report = call(agent, spoken(CODE, "thanks goodbye", "are you open on sunday"), tmp_path)
    assert report.failure == "the server ended the session before the caller had finished"
    assert [turn.agent for turn in report.turns[1:]] == ["Goodbye."]
