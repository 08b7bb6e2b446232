"""An application of one's own with the agent in it, run by uvicorn as its docstring says, and called. All models are
those of this machine, and so is the caller's voice."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from antiphon.cli import main
from antiphon.client import call

ROOT = Path(__file__).parents[2]
LONG = 120  # seconds: a call that takes longer hangs


@contextmanager
def uvicorn(app: str) -> Iterator[str]:
    """Yields the address at which it serves."""
    command = [sys.executable, "-m", "uvicorn", app, "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            told = []
            for line in process.stderr:
                told.append(line)
                if address := re.search(r"running on http://(\S+)", line):
                    yield address[1]
                    return
            pytest.fail("".join(told))
        finally:
            process.terminate()


@pytest.mark.local("silero-vad", "moonshine-tiny-en", "smollm2-135m")
def test_the_shop_is_called_and_its_page_tells_what_was_said(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    question = tmp_path / "question.wav"
    assert main(["say", "Do you sell red roses?", "--out", str(question)]) == 0
    with uvicorn("examples.mounted:app") as address:
        assert httpx2.get(f"http://{address}/voice/", trust_env=False).status_code == 200  # the page to talk
        report = asyncio.run(asyncio.wait_for(call(f"ws://{address}/voice/v1/ws", question), LONG))
        calls = httpx2.get(f"http://{address}/calls", trust_env=False).json()
    greeting, turn = report.turns
    assert report.failure is None and turn.agent
    assert calls == [
        {"who": "agent", "text": "Rosa's flowers, hello!"},
        {"who": "caller", "text": turn.user},
        {"who": "agent", "text": turn.agent},
    ]
    assert greeting.agent == calls[0]["text"] and "roses" in turn.user.lower()
