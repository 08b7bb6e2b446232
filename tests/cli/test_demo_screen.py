"""The demo as it is seen."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from antiphon.cli.demo_screen import Screen
from antiphon.client import Timed, events
from antiphon.lab.demo_caller import Cue, Line, Part

SPANS = (
    events.MetricsSpan("endpointing", 600.0),
    events.MetricsSpan("stt", 0.1),
    events.MetricsSpan("llm", 450.0, over_budget=True),
)
CALL: tuple[events.Event, ...] = (
    events.TranscriptUserDelta(item_id="i", text="Tell me"),
    events.TranscriptUser(item_id="i", text="Tell me a story."),
    events.ReplyStarted(reply_id="r", item_id="j"),
    events.TurnMetrics(reply_id="r", total_ms=1050.1, spans=SPANS),
    events.TranscriptAgentDelta(reply_id="r", item_id="j", delta="Once "),
    events.TranscriptAgentDelta(reply_id="r", item_id="j", delta="upon "),
    events.TranscriptAgentDelta(reply_id="r", item_id="j", delta="a "),
    events.TranscriptAgent(reply_id="r", item_id="j", text="Once upon", interrupted=True),
)


def seen(*, terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100, color_system=None)
    with Screen(console) as screen:
        screen.said(Line("Uh-huh.", Cue.INTO_REPLY, part=Part.BACKCHANNEL))
        for event in CALL:
            screen.heard(Timed(1.0, event))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_without_a_terminal_there_are_plain_lines() -> None:
    assert seen(terminal=False).splitlines() == [
        "caller  Uh-huh.  over the agent, who goes on",
        "caller  Tell me a story.",
        "agent   Once upon  ✂ cut here, by the caller; sent and never heard: a",
        "        1050 of 1500 ms  endpointing 600 llm 450! ",
    ]


@pytest.mark.parametrize("shown", ["Tell me …", "Once ▌", "Once upon a ▌", "█▏1050 of 1500 ms", "✂ cut here"])
def test_a_terminal_shows_what_is_being_said(shown: str) -> None:
    assert shown in re.sub(" +▏", "▏", seen(terminal=True))


def test_a_reply_cut_before_its_first_word_says_so() -> None:
    console = Console(file=io.StringIO(), width=100)
    with Screen(console) as screen:
        screen.heard(Timed(1.0, events.TranscriptAgent(reply_id="r", item_id="j", text="", interrupted=True)))
    assert isinstance(console.file, io.StringIO)
    assert "cut before its first word" in console.file.getvalue()
