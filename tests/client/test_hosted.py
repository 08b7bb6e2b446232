"""Our client at a vendor's server: the hosted API's own dialect, on a real socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from antiphon.audio import wav
from antiphon.client.call import call
from antiphon.client.errors import Refused
from antiphon.client.hosted import extensions_for, is_hosted, key_for
from antiphon.client.report import CallReport
from tests.emulators.hearing import say
from tests.emulators.hosted_agent import RATE, HostedAgent

HOSTED = ("wss://agents.assemblyai.com/v1/ws", "wss://agents.eu.assemblyai.com", "https://AGENTS.us.assemblyai.com")
OTHERS = ("ws://127.0.0.1:8000/v1/ws", "wss://assemblyai.com.example.net", "wss://myassemblyai.com/v1/ws")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    wav.write(tmp_path / "in.wav", say("hello world", rate=RATE), rate=RATE)
    return tmp_path / "in.wav"


def make_call(recording: Path, agent: HostedAgent, **options: Any) -> CallReport:
    async def main() -> CallReport:
        async with agent:
            return await call(f"{agent.url}/v1/ws", recording, calm=0.3, patience=5, **{"api_key": "key"} | options)

    return asyncio.run(main())


@pytest.mark.parametrize("extensions", [(), ("metrics", "playout")], ids=["stock", "ours are asked for"])
def test_a_call_with_a_greeting_and_an_answer(recording: Path, extensions: tuple[str, ...]) -> None:
    agent = HostedAgent()
    report = make_call(recording, agent, greeting="Hi there.", voice="anna", extensions=extensions)
    assert [(turn.user, turn.agent) for turn in report.turns] == [("", "Hi there."), ("hello world", "It is sunny.")]
    assert report.failure is None
    assert report.errors == ()
    assert report.turns[1].latency_ms is not None
    assert report.turns[1].server_ms is None  # it gives no account of its own
    assert agent.updates[0]["output"]["voice"] == "anna"
    assert set(agent.problems) <= ({"unknown message playout.position"} if extensions else set())


def test_a_wrong_key_is_told_after_the_upgrade(recording: Path) -> None:
    with pytest.raises(Refused, match="unauthorized: Authentication failed"):
        make_call(recording, HostedAgent(key="another"))


def test_a_voice_it_does_not_have_is_refused_with_those_it_has(recording: Path) -> None:
    with pytest.raises(Refused, match=r"voice must be one of anna") as refused:
        make_call(recording, HostedAgent(), voice="ivy")
    assert refused.value.param == "output.voice"


def test_a_stored_agent_comes_alone(recording: Path) -> None:
    agent = HostedAgent()
    make_call(recording, agent, agent_id="agent_1", extensions=())
    assert agent.updates == [{"agent_id": "agent_1"}]
    assert agent.problems == []


@pytest.mark.parametrize("url", HOSTED)
def test_the_vendor_is_asked_for_nothing_it_does_not_know(url: str) -> None:
    assert is_hosted(url)
    assert extensions_for(url, ("metrics",)) == ()


@pytest.mark.parametrize("url", OTHERS)
def test_other_servers_are(url: str) -> None:
    assert not is_hosted(url)
    assert extensions_for(url, ("metrics",)) == ("metrics",)


def test_no_key_goes_where_it_does_not_belong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANTIPHON_API_KEY", "ours")
    monkeypatch.delenv("ASSEMBLYAI_API_KEY", raising=False)
    assert key_for(HOSTED[0]) is None
    (tmp_path / "key").write_text("theirs\n")
    monkeypatch.setenv("ASSEMBLYAI_API_KEY_FILE", str(tmp_path / "key"))
    assert [key_for(HOSTED[0]), key_for(OTHERS[0])] == ["theirs", "ours"]
    assert key_for(HOSTED[0], "given") == "given"
