"""`antiphon doctor`: the findings as a table and as JSON, and the exit code."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_serve import STAGES

KEY = "sk-never-to-be-printed"


@pytest.fixture
def agent(tmp_path, scripted):
    path = tmp_path / "agent.yaml"
    path.write_text(STAGES)
    return str(path)


def test_an_agent_whose_providers_work(antiphon, agent):
    done = antiphon("doctor", agent, "--json")
    assert done.code == 0
    told = json.loads(done.out)
    assert {(row["stage"], row["status"]) for row in told["providers"]} == {
        (stage, "works") for stage in ("stt", "llm", "tts", "vad")
    }
    assert told["problems"] == []
    assert set(told["presets"]) == {"accurate", "cheap", "fast", "private"}
    assert told["recommended"]["llm"] == ["scripted"]


def test_the_table_ends_with_what_to_do(antiphon, agent):
    done = antiphon("doctor", agent)
    assert "The quickest from here" in done.out
    assert "tts: [scripted]" in done.out
    assert "preset private" in done.out


def test_what_the_agent_names_and_does_not_work_is_an_ill(antiphon, scripted, tmp_path):
    path = tmp_path / "agent.yaml"
    path.write_text(
        f"stt: scripted\nllm: {{provider: openai/toy, base_url: 'http://127.0.0.1:1/v1', api_key: {KEY}}}\n"
        "tts: scripted\nvad: scripted\n"
    )
    done = antiphon("doctor", str(path), "--timeout", "2")
    assert done.code == 1
    assert done.err.splitlines()[-2:] == ["no llm works here", "llm openai/toy: failed"]
    assert KEY not in done.out + done.err
