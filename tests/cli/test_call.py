"""`antiphon call`: the report as JSON and as a table, and a server of its own where none is named."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from antiphon.audio import wav
from antiphon.cli.call import show
from antiphon.cli.terminal import stdout
from antiphon.client.events import MetricsSpan
from antiphon.client.report import CallReport, Turn
from tests.cli.test_serve import STAGES
from tests.client.sound import quiet, speech

REPORT = CallReport(
    session_id="s",
    turns=(
        Turn(user="", agent="Hello."),
        Turn(
            user="Tell me a [b]story.",
            agent="Once upon",
            latency_ms=812.4,
            interrupted=True,
            spans=(MetricsSpan("endpointing", 600.0), MetricsSpan("llm", 212.4, over_budget=True)),
        ),
    ),
    errors=(),
    duration=9.0,
    failure=None,
    events=(),
)


@pytest.fixture
def recording(tmp_path: Path) -> str:
    wav.write(tmp_path / "in.wav", quiet(0.2) + speech(0.6) + quiet(0.2), rate=24_000)
    return str(tmp_path / "in.wav")


def test_the_table_has_a_row_a_turn(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "160")
    stdout.cache_clear()
    show(REPORT)
    told = capsys.readouterr().out
    for part in ("Tell me a [b]story.", "Once upon ✂ interrupted", "812", "████", "endpointing 600 llm 212!"):
        assert part in told


def test_alone_it_starts_a_server_and_tells_one_object(antiphon, scripted, recording, tmp_path):
    agent, reply, stereo = tmp_path / "agent.yaml", tmp_path / "reply.wav", tmp_path / "stereo.wav"
    agent.write_text(f"greeting: null\n{STAGES}")
    done = antiphon("call", recording, "--agent", str(agent), "--out", str(reply), "--stereo", str(stereo), "--json")
    assert done.code == 0
    (turn,) = json.loads(done.out)["turns"]
    assert (turn["user"], turn["agent"], turn["interrupted"]) == ("yes there", "hello there", False)
    assert turn["latency_ms"] >= 600
    assert {"endpointing", "llm", "tts"} <= {span["name"] for span in turn["spans"]}
    assert wav.read(reply).seconds > 0.1
    assert wav.read(stereo).seconds > 1.5


def test_no_server_there_is_one_line(antiphon, recording):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = antiphon("call", recording, "--url", f"ws://127.0.0.1:{port}/v1/ws")
    assert done.code == 1
    assert "no Voice Agent API server answers" in done.complaint


def test_an_agent_and_an_address_are_one_too_many(antiphon, recording):
    done = antiphon("call", recording, "--url", "ws://127.0.0.1:1/v1/ws", "--agent", "a.yaml")
    assert done.code == 2
    assert "leave out --url" in done.complaint


def test_a_stored_agent_has_its_own_prompt(antiphon, recording):
    done = antiphon("call", recording, "--url", "ws://127.0.0.1:1", "--agent-id", "agent_1", "--prompt", "Be brief.")
    assert done.code == 2
    assert "leave them out" in done.complaint


def test_no_key_of_the_environment_is_in_the_help(antiphon, monkeypatch):
    monkeypatch.setenv("ANTIPHON_API_KEY", "SECRET")
    monkeypatch.setenv("ASSEMBLYAI_API_KEY", "SECRET")
    assert "SECRET" not in antiphon("call", "--help").out
