"""Recordings: who is on which side, and when."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from antiphon.audio.g711 import codec
from antiphon.lab import virtual
from antiphon.server.recorder import RATE, Recorder
from antiphon.types import PCM_24K, ULAW_8K, AudioFormat
from tests.server_api.serving import serving
from tests.server_api.test_connections import call, completed

soundfile = pytest.importorskip("soundfile")

FRAME = 0.02  # seconds


def tone(seconds: float, *, rate: int = RATE) -> bytes:
    t = np.arange(int(seconds * rate)) / rate
    return (8000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16).tobytes()


def recorded(path: Path, *, caller: dict[float, float], agent: dict[float, float], **options: Any) -> Any:
    """Records tones: each of a caller and an agent by when it begins and how long it is, in seconds. Returns which
    tenths of a second are loud, left and right."""
    formats = {"input": PCM_24K, "output": PCM_24K, **options}

    async def say(take: Any, audio_format: AudioFormat, tones: dict[float, float], late: float = 0.0) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for at, seconds in tones.items():
            pcm = tone(seconds, rate=audio_format.sample_rate)
            step = int(FRAME * audio_format.sample_rate) * 2
            for n, start in enumerate(range(0, len(pcm), step)):
                await asyncio.sleep(began + at + n * FRAME + late - loop.time())
                take(codec(audio_format).encode(pcm[start : start + step]))

    async def main() -> None:
        with ThreadPoolExecutor(1) as executor:
            recorder = Recorder(path, executor, **formats)
            await asyncio.gather(
                say(recorder.caller, formats["input"], caller, late=FRAME),
                say(recorder.agent, formats["output"], agent),
            )
            await recorder.close()
            assert recorder.dropped == 0

    virtual.run(main())
    audio, rate = soundfile.read(path)
    assert (rate, audio.shape[1]) == (RATE, 2)
    tenths = [np.abs(audio[at : at + rate // 10]).mean(axis=0) > 0.05 for at in range(0, len(audio), rate // 10)]
    return ["".join(".#"[int(loud[side])] for loud in tenths) for side in (0, 1)]


@pytest.mark.parametrize("formats", [{}, {"input": ULAW_8K, "output": ULAW_8K}])
def test_the_caller_is_left_and_the_agent_right_each_in_its_time(tmp_path, formats):
    left, right = recorded(tmp_path / "r.ogg", caller={0.2: 0.4}, agent={0.9: 0.5}, **formats)
    assert (left, right) == ("..####........", ".........#####")


def test_a_call_is_recorded_and_can_be_fetched(tmp_path):
    async def main() -> None:
        async with serving(recordings=tmp_path / "calls") as served:
            await call(served.client())
            session = (await served.rest.get(f"/sessions/{(await completed(served))['id']}")).json()
            urls = {artifact["type"]: artifact["url"] for artifact in session["artifacts"]}
            audio = await served.rest.get(urls["audio"])
            metadata = (await served.rest.get(urls["metadata"])).json()
            assert audio.headers["content-type"] == "audio/ogg" and audio.content[:4] == b"OggS"
            assert (metadata["channels"], metadata["dropped_chunks"]) == (2, 0)
            assert metadata["uploaded_chunks"] >= 1
            await served.rest.delete(f"/sessions/{session['id']}")
            assert list((tmp_path / "calls").iterdir()) == []

    asyncio.run(main())


def test_nothing_is_recorded_unless_asked(tmp_path):
    async def main() -> None:
        async with serving() as served:
            await call(served.client())
            session = (await served.rest.get(f"/sessions/{(await completed(served))['id']}")).json()
            assert [artifact["type"] for artifact in session["artifacts"]] == ["timeline"]
            link = f"/sessions/{session['id']}/artifacts/audio"
            assert (await served.rest.get(link)).status_code == 404

    asyncio.run(main())
