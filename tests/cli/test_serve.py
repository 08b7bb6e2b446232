"""`antiphon serve`, as a process of its own."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from antiphon.client import Client

SERVE = """
import sys
from antiphon.cli import main
from antiphon.providers import registry
for stage, name in {"stt": "Stt", "llm": "Llm", "tts": "Tts", "vad": "Vad"}.items():
    registry._BUILT_IN[stage]["scripted"] = f"tests.cli.providers:{name}"
sys.exit(main(["serve", *sys.argv[1:]]))
"""
STAGES = "stt: scripted\nllm: scripted\ntts: scripted\nvad: scripted\n"


@pytest.fixture
def agent(tmp_path):
    path = tmp_path / "agent.yaml"
    path.write_text(f"greeting: hello there\n{STAGES}")
    return path


@contextmanager
def serving(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the address it says it listens on."""
    command = [sys.executable, "-c", SERVE, *map(str, arguments), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().removeprefix("listening on ").strip()
    finally:
        process.kill()
        process.communicate()


def health(url: str) -> httpx2.Response:
    return httpx2.get(url.replace("ws:", "http:").replace("/v1/ws", "/healthz"), trust_env=False)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(agent, stop):
    with serving(agent) as (process, url):
        asyncio.run(hear_greeting(url))
        assert health(url).status_code == 200
        process.send_signal(stop)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "ready after" in err
    assert "Traceback" not in err


async def hear_greeting(url: str) -> None:
    async with asyncio.timeout(30), Client(url) as client:
        ready = await client.configure()
        assert ready.config["greeting"] == "hello there"
        await client.end()
        async for _ in client:
            pass


def test_a_client_on_the_line_does_not_keep_it_from_stopping(agent):
    async def talk_on(process: subprocess.Popen[str], url: str) -> None:
        async with Client(url) as client:
            await client.configure()
            process.send_signal(signal.SIGINT)
            await asyncio.to_thread(process.wait, 30)

    with serving(agent) as (process, url):
        asyncio.run(talk_on(process, url))
        assert process.returncode == 0


def test_a_stage_that_cannot_be_loaded_ends_it(agent):
    agent.write_text(STAGES.replace("llm: scripted", "llm: scripted/broken"))
    with serving(agent) as (process, _):
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.splitlines() == ["antiphon: llm scripted/broken: the key was refused; set OPENAI_API_KEY"]


def test_an_address_that_is_taken(agent, antiphon, scripted):
    with serving(agent) as (_, url):
        port = url.split(":")[2].split("/")[0]
        done = antiphon("serve", str(agent), "--port", port)
    assert done.code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.complaint
