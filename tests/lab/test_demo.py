"""The whole demo, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import pytest

LONG = 240  # seconds: a demo that takes longer hangs; it takes 40

pytestmark = pytest.mark.local("silero-vad", "moonshine-tiny-en", "smollm2-135m")


@pytest.fixture(autouse=True)
def voice() -> None:
    pytest.importorskip("espeakng_loader")


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "antiphon", "demo", "--out", str(folder), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def test_the_conversation_is_held_and_proved(tmp_path: Path) -> None:
    process = start(tmp_path)
    out, err = process.communicate(timeout=LONG)
    assert process.returncode == 0, out + err
    told = json.loads((tmp_path / "demo.json").read_text())
    assert told["passed"]
    assert [utterance["part"] for utterance in told["caller"] if utterance["part"] != "nudge"] == [
        "backchannel",
        "turn",
        "turn",
        "turn",
        "interruption",
    ]
    assert sum(reply["interrupted"] for reply in told["agent"]) == 1
    assert all(turn["latency_ms"] for turn in told["turns"] if turn["user"])
    with wave.open(str(tmp_path / "demo.wav")) as file:
        assert file.getnchannels() == 2
        assert file.getnframes() / file.getframerate() == pytest.approx(told["duration_s"], abs=0.5)


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_ended_in_the_middle_it_leaves_nothing_running(tmp_path: Path, how: signal.Signals, code: int) -> None:
    process = start(tmp_path)
    assert process.stdout is not None
    while "Uh-huh" not in process.stdout.readline():
        assert process.poll() is None
    (server,) = children(process.pid)
    os.killpg(process.pid, how)  # as a terminal does
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (code, "")
    assert not Path(f"/proc/{server}").exists()


def children(pid: int) -> list[int]:
    """The servers that the process started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            command = (status.parent / "cmdline").read_text()
        except OSError:
            continue
        if parent == pid and "serve" in command.split("\0"):
            found.append(int(status.parent.name))
    return found
