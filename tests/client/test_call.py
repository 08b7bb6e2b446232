"""Whole calls, in real time, against a scripted agent on a real socket. Times are kept short."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from antiphon.client import CallReport, Refused, call, events
from antiphon.conversation import notices
from antiphon.protocols.voice_agent import Audio, Command, End, PlayoutPosition, ToolResult
from antiphon.types import ULAW_8K

from .loopback import Line, server
from .sound import RATE, quiet, speech

LONG = 20.0  # seconds: a call that takes longer hangs
CALM = 0.2  # seconds of nothing that end these calls


def make_call(
    script: Callable[[Line], Awaitable[object]], folder: Path, recording: bytes, *, ours: bool = True, **options: Any
) -> tuple[CallReport, list[Command]]:
    """Call the scripted agent with `recording`. Returns the report, and what the agent was told."""
    lines: list[Line] = []

    async def play(line: Line) -> None:
        lines.append(line)
        await line.open()
        await script(line)

    async def talk() -> CallReport:
        async with asyncio.timeout(LONG), server(play, ours=ours) as url:
            return await call(url, folder / "caller.wav", calm=CALM, **options)

    with wave.open(str(folder / "caller.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(recording)
    return asyncio.run(talk()), lines[0].commands


def read(path: Path) -> tuple[int, int, bytes]:
    with wave.open(str(path)) as file:
        return file.getnchannels(), file.getframerate(), file.readframes(file.getnframes())


def test_one_question_and_its_answer(tmp_path: Path) -> None:
    async def script(agent: Line) -> None:
        await agent.tell(notices.SpeechStarted())
        await agent.hear(frames=20)
        await agent.answer("Hello.", to="Hi.", audio=quiet(0.1) + speech(0.2))
        await agent.tell(notices.TurnMetrics("Hello.", 210.0, (notices.Span("stt", 210.0),)))
        await agent.until_end()

    report, commands = make_call(
        script,
        tmp_path,
        speech(0.3),
        reply_wav=tmp_path / "reply.wav",
        stereo_wav=tmp_path / "call.wav",
    )
    (turn,) = report.turns
    assert (turn.user, turn.agent, turn.interrupted, report.failure) == ("Hi.", "Hello.", False, None)
    # The last voiced frame went out at 0.28 s, the answer came at 0.38 s and began with 0.1 s of silence.
    assert turn.latency_ms == pytest.approx(200, abs=150)
    assert turn.server_ms == 210.0
    assert turn.spans == (events.MetricsSpan("stt", 210.0),)
    assert read(tmp_path / "reply.wav") == (1, RATE, quiet(0.1) + speech(0.2))
    assert read(tmp_path / "call.wav")[:2] == (2, RATE)
    positions = [command.samples for command in commands if isinstance(command, PlayoutPosition)]
    assert positions == sorted(set(positions))
    assert positions[-1] == round(0.3 * RATE)
    assert isinstance(commands[-1], End)


def test_several_utterances_are_several_turns(tmp_path: Path) -> None:
    async def script(agent: Line) -> None:
        await agent.hear(frames=20)
        await agent.answer("One.", to="First.", audio=speech(0.1))
        await agent.hear(frames=25)
        await agent.answer("Two.", to="Second.", audio=speech(0.1))
        await agent.until_end()

    report, _ = make_call(script, tmp_path, speech(0.3) + quiet(0.3) + speech(0.2))
    assert [(turn.user, turn.agent) for turn in report.turns] == [("First.", "One."), ("Second.", "Two.")]
    assert [turn.at for turn in report.turns] == pytest.approx([0.28, 0.78], abs=0.2)
    assert all(turn.latency_ms for turn in report.turns)


def test_the_caller_hears_the_greeting_out(tmp_path: Path) -> None:
    async def script(agent: Line) -> None:
        await agent.answer("Welcome.", audio=speech(0.3))
        await agent.hear(frames=40)
        await agent.answer("Hello.", to="Hi.", audio=speech(0.1))
        await agent.until_end()

    report, _ = make_call(script, tmp_path, speech(0.2), greeting="Welcome.")
    greeting, turn = report.turns
    assert (greeting.user, greeting.agent, greeting.latency_ms) == ("", "Welcome.", None)
    assert turn.at is not None
    assert turn.at > 0.4


def test_an_interruption_flushes_what_was_not_heard(tmp_path: Path) -> None:
    async def script(agent: Line) -> None:
        await agent.hear(frames=15)
        await agent.answer("Long.", to="Go on.", audio=speech(5.0), ends=False)
        await agent.hear(frames=10)
        await agent.tell(
            notices.SpeechStarted(),
            notices.AgentTranscript("Long.", "i", "Lo", True),
            notices.ReplyDone("Long.", notices.ReplyStatus.INTERRUPTED),
        )
        await agent.hear(frames=20)
        await agent.answer("Sure.", to="Stop.", audio=speech(0.1))
        await agent.until_end()

    report, _ = make_call(script, tmp_path, speech(0.2) + quiet(0.2) + speech(0.4), reply_wav=tmp_path / "reply.wav")
    first, second = report.turns
    assert (first.agent, first.interrupted) == ("Lo", True)
    assert (second.agent, second.interrupted) == ("Sure.", False)
    assert 0.1 < len(read(tmp_path / "reply.wav")[2]) / 2 / RATE < 2.0


def test_a_tool_is_run_and_its_failure_is_told(tmp_path: Path) -> None:
    def weather(event: events.ToolCall) -> str:
        if event.arguments == {"city": "Ulm"}:
            return "rain"
        raise KeyError("no such city")

    async def script(agent: Line) -> None:
        await agent.hear(frames=10)
        for n, city in enumerate(["Ulm", "Atlantis"]):
            await agent.tell(notices.ToolCalled(str(n), "weather", {"city": city}))
        await agent.hear(frames=10)
        await agent.answer("Rain.", to="Weather?", audio=speech(0.1))
        await agent.until_end()

    _, commands = make_call(script, tmp_path, speech(0.2), on_tool=weather)
    results = [command for command in commands if isinstance(command, ToolResult)]
    assert results == [ToolResult("0", "rain"), ToolResult("1", "KeyError: 'no such city'", is_error=True)]


def test_g711_both_ways(tmp_path: Path) -> None:
    async def script(agent: Line) -> None:
        await agent.hear(frames=20)
        await agent.answer("Hello.", to="Hi.", audio=b"\xff" * 400 + b"\x80" * 800)
        await agent.until_end()

    report, commands = make_call(
        script,
        tmp_path,
        speech(0.3),
        input_format=ULAW_8K,
        output_format=ULAW_8K,
        stereo_wav=tmp_path / "call.wav",
    )
    assert {len(command.data) for command in commands if isinstance(command, Audio)} == {160}
    assert read(tmp_path / "call.wav")[:2] == (2, 8_000)
    assert report.turns[0].latency_ms == pytest.approx(150, abs=150)


def test_a_server_without_the_extensions_is_called_all_the_same(tmp_path: Path) -> None:
    async def script(agent: Line) -> None:
        await agent.hear(frames=20)
        await agent.answer("Hello.", to="Hi.", audio=speech(0.5))
        await agent.until_end()

    report, _ = make_call(script, tmp_path, speech(0.3), ours=False)
    assert report.turns[0].agent == "Hello."
    assert report.errors == ()


def test_a_call_that_breaks_is_reported_as_far_as_it_came(tmp_path: Path) -> None:
    async def script(agent: Line) -> None:
        await agent.hear(frames=10)
        await agent.answer("Hello.", to="Hi.", audio=speech(0.1))
        agent.socket.transport.abort()

    report, _ = make_call(script, tmp_path, speech(0.3))
    assert report.turns[0].agent == "Hello."
    assert report.failure == "the connection broke"


def test_a_session_the_server_ends_is_reported(tmp_path: Path) -> None:
    async def script(agent: Line) -> None:
        await agent.hear(frames=5)
        await agent.tell(notices.SessionEnded("idle", 0.1))

    report, _ = make_call(script, tmp_path, speech(0.3))
    assert report.failure == "the server ended the session before the caller had finished"


def test_an_agent_that_never_answers_is_waited_for_only_so_long(tmp_path: Path) -> None:
    async def script(agent: Line) -> None:
        await agent.until_end()

    report, _ = make_call(script, tmp_path, speech(0.1), patience=0.2)
    assert (report.turns, report.failure) == ((), None)
    assert report.duration < 5


def test_a_call_that_is_refused_raises(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"output\.volume"):
        make_call(lambda _: asyncio.sleep(0), tmp_path, speech(0.1), volume=500)
