"""The two tracks of a recording lie on one clock: what they show of a silence is what the ledger says of it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from antiphon.conversation import notices as out
from antiphon.lab import virtual
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.lab.simulated_client import Network, SimulatedClient
from antiphon.server.recorder import RATE, Recorder
from antiphon.session.makings import Hooks
from antiphon.types import PCM_24K, ULAW_8K, AudioFormat, SessionConfig
from tests.session.calling import CODE, stages, turn

pytest.importorskip("av")
soundfile = pytest.importorskip("soundfile")

TURNS = ("good morning", "a table for two please", "good morning now")
WITHIN = 20.0  # ms
LOUD = 0.02  # of full scale


class RecordedCall(SimulatedCall):
    """Recorded where a server records: what arrives, and what is sent."""

    def __init__(self, recorder: Recorder, **options: Any) -> None:
        self._recorder = recorder
        super().__init__(CODE, **options)

    def _hear(self, data: bytes) -> None:
        self._recorder.caller(data)
        super()._hear(data)

    def _make_client(self, audio_format: AudioFormat, **options: Any) -> SimulatedClient:
        return RecordedClient(self._recorder, audio_format, **options)


class RecordedClient(SimulatedClient):
    def __init__(self, recorder: Recorder, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._recorder = recorder

    def send(self, notice: out.Notice) -> None:
        super().send(notice)
        if isinstance(notice, out.ReplyAudio):
            self._recorder.agent(notice.data)


def recorded(path: Path, audio_format: AudioFormat, network: Network) -> tuple[list[float], Any]:
    """The silences of a call's turns in ms, as the ledger has them, and its recording."""
    silences: list[float] = []

    async def main() -> None:
        with ThreadPoolExecutor(1) as executor:
            recorder = Recorder(path, executor, input=audio_format, output=audio_format)

            def measured(metrics: out.TurnMetrics) -> None:
                silences.append(metrics.total_ms)

            config = SessionConfig(input_format=audio_format, output_format=audio_format)
            hooks = Hooks(on_metrics=measured)
            call = RecordedCall(recorder, config=config, hooks=hooks, network=network, stages=stages("Okey now."))
            async with call:
                for text in TURNS:
                    await turn(call, text)
                    await asyncio.sleep(1.5)
            await recorder.close()

    virtual.run(main(), limit=600)
    return silences, soundfile.read(path)[0]


def pauses(audio: Any) -> list[float]:
    """Milliseconds from each last sound of the caller, on the left, to the agent's first after it."""
    caller, agent = (np.flatnonzero(np.abs(audio[:, side]) > LOUD) for side in (0, 1))
    starts = agent[np.flatnonzero(np.diff(agent, prepend=-RATE) > RATE // 2)]
    return [1000 * (start - caller[caller < start][-1]) / RATE for start in starts]


@pytest.mark.parametrize("audio_format", [PCM_24K, ULAW_8K], ids=["pcm", "ulaw"])
@pytest.mark.parametrize("network", [Network(), Network(jitter=0.04)], ids=["steady", "jitter"])
def test_a_silence_is_as_long_in_the_recording_as_in_the_ledger(tmp_path, audio_format, network):
    silences, audio = recorded(tmp_path / "r.ogg", audio_format, network)
    assert len(silences) == len(TURNS)
    assert pauses(audio) == pytest.approx(silences, abs=WITHIN + 1000 * network.jitter)  # each frame is so uncertain
