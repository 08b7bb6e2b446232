"""The bench of interruptions: what it charges, and what it makes of calls it knows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from antiphon.errors import ConfigError, MissingDependency, ModelStoreError
from antiphon.lab import bench_barge_in
from antiphon.lab.bench_barge_in import ChargingLoop, Interruption, summary


def burn(seconds: float) -> str:
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass
    return "done"


def fail() -> None:
    raise ValueError("no")


def in_charge(main: Coroutine[Any, Any, None]) -> ChargingLoop:
    with asyncio.Runner(loop_factory=ChargingLoop) as runner:
        runner.run(main)
        loop = runner.get_loop()
        assert isinstance(loop, ChargingLoop)
        return loop


def test_what_is_computed_takes_its_time_on_the_virtual_clock() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await loop.run_in_executor(None, burn, 0.02) == "done"
        assert 0.02 <= loop.time() - began < 0.1

    assert len(in_charge(main()).charged) == 1


def test_what_fails_fails_at_once() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="no"):
            await asyncio.get_running_loop().run_in_executor(None, fail)

    in_charge(main())


def test_a_result_nobody_waits_for_any_more_is_dropped() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, burn, 0.01).cancel()
        await asyncio.sleep(1)

    in_charge(main())


def test_interruptions_are_summed_up() -> None:
    figures = summary(
        [
            Interruption("quick", hold=96, decision=300, stop=200, yielded=True),
            Interruption("slow", hold=128, decision=600, stop=700, yielded=True, resumed_first=True),
            Interruption("ignored", hold=90, decision=9000),
            Interruption("unheard"),
        ]
    )
    assert (figures["interruptions"], figures["yielded"], figures["held_at_all"]) == (4, 2, 3)
    assert figures["resumed_first"] == 1
    assert figures["not_yielded"] == "ignored, unheard"
    assert figures["slowest"] == "slow, quick"
    assert figures["hold_ms"]["p50"] == 96
    assert figures["stop_ms"] == {"p50": 450, "p95": pytest.approx(675), "max": 700}


@pytest.mark.local
def test_people_who_speak_over_the_agent_are_given_the_floor_in_time() -> None:
    try:
        figures = bench_barge_in.run(recordings=3)
    except (ConfigError, MissingDependency, ModelStoreError) as missing:
        pytest.skip(str(missing))
    assert figures["yielded"] == figures["interruptions"] == 3
    assert figures["hold_ms"]["p95"] <= 250
    assert figures["stop_ms"]["p95"] <= 700
    assert figures["decision_ms"]["p50"] > figures["hold_ms"]["p50"]
    assert figures["stt_ms"]["runs"] > 3
