"""What the tests of the examples share: callers who speak in tones, served over the wire in virtual time."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from antiphon import Agent
from antiphon.audio import wav
from antiphon.audio.pcm import silence
from antiphon.client import CallReport
from antiphon.client import call as call_by_file
from antiphon.lab import virtual
from antiphon.lab.scripted import EnergyVad, ScriptedStt, ScriptedTts
from antiphon.lab.tones import ToneCode
from antiphon.providers.base import LlmRequest
from antiphon.server.run import listen, make_server
from antiphon.types import Message, Role

EXAMPLES = Path(__file__).parents[2] / "examples"
RATE = 24_000  # Hz
ANSWER = 12.0  # seconds a caller leaves for an answer


def example(name: str) -> ModuleType:
    """The example, as a module."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        assert spec and spec.loader
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def newest(request: LlmRequest) -> Message:
    """What a model is to answer: the caller's words or a tool's result, without what was said about how to tell it."""
    return next(message for message in reversed(request.messages) if message.role in (Role.USER, Role.TOOL))


def in_tones(code: ToneCode) -> dict[str, Any]:
    """Ears and a voice that understand and speak `code`."""
    return {"stt": ScriptedStt(code), "tts": ScriptedTts(code), "vad": EnergyVad()}


def spoken(code: ToneCode, *utterances: str) -> wav.Recording:
    """A caller who says these, and waits for an answer to each."""
    pause = silence(round(ANSWER * RATE))
    return wav.Recording(pause.join(code.speak(text, RATE)[0] for text in utterances), RATE)


def call(agent: Agent, recording: wav.Recording | Path, folder: Path) -> CallReport:
    """A whole call to the agent, which is served on a real socket; its time is virtual."""
    if isinstance(recording, wav.Recording):
        wav.write(folder / "caller.wav", recording.pcm, rate=recording.rate)
        recording = folder / "caller.wav"
    return virtual.run(served(agent, recording), limit=600)


async def served(agent: Agent, *recordings: Path) -> Any:
    """One call with each of the recordings, at the same time; a single one's report alone."""
    server, sock = make_server(agent.runtime()), listen("127.0.0.1", 0)
    running = asyncio.create_task(server.serve(sockets=[sock]))
    url = f"ws://127.0.0.1:{sock.getsockname()[1]}/v1/ws"
    try:
        reports = await asyncio.gather(*(call_by_file(url, recording) for recording in recordings))
    finally:
        server.should_exit = True
        await running
    return reports[0] if len(reports) == 1 else reports
