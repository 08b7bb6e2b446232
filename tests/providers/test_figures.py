"""What the contract suites hold, measured and printed: how soon a stop reaches each vendor, and how long a caller waits
at most when one fails and another is behind it. Measurements, so they are part of the soak."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.emulators.faults import Fault
from tests.providers.llm import test_vendors as llm
from tests.providers.stt import test_failover as stt_failover
from tests.providers.stt import test_vendors as stt
from tests.providers.tts import test_failover as tts_failover
from tests.providers.tts import test_vendors as tts

STOPS = 50
BAR = 0.05  # seconds in which a stop reaches the vendor
WITHIN = 3.0  # seconds of silence


async def _stop_a_model(vendor: Any) -> list[float]:
    async with vendor.running() as (provider, server):
        return [await llm.stopping(vendor, provider, server) for _ in range(STOPS)]


async def _stop_a_voice(vendor: Any) -> list[float]:
    async with vendor.running(pace=0.02) as (provider, server):
        return [await tts.stopping(provider, server) for _ in range(STOPS)]


async def _stop_a_transcriber(vendor: Any) -> list[float]:
    async with vendor.running() as (provider, server):
        return [await stt.stopping(provider, server) for _ in range(STOPS)]


STOPPING: dict[str, tuple[list[Any], Callable[[Any], Awaitable[list[float]]]]] = {
    "stt": ([vendor for vendor in stt.VENDORS if vendor.socket], _stop_a_transcriber),
    "llm": (llm.VENDORS, _stop_a_model),
    "tts": (tts.VENDORS, _stop_a_voice),
}
FAILING: dict[str, tuple[list[Any], Callable[[Any, Fault], Awaitable[float]]]] = {
    "stt": (stt.VENDORS, stt_failover.understood),
    "llm": (llm.VENDORS, llm.answered),
    "tts": (tts.VENDORS, tts_failover.longest_silence),
}


@pytest.mark.soak
@pytest.mark.parametrize("stage", STOPPING)
def test_stops_reach_every_vendor_soon(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    vendors, stop = STOPPING[stage]
    for vendor in vendors:
        took = sorted(asyncio.run(stop(vendor)))  # type: ignore[arg-type]
        middle, late = statistics.median(took), took[-1]
        with capsys.disabled():
            print(f"\n{stage} {vendor}: p50 {1e3 * middle:.1f} ms, at most {1e3 * late:.1f} ms, {STOPS} stops", end="")
        assert middle <= BAR


@pytest.mark.soak
@pytest.mark.parametrize("stage", FAILING)
def test_every_fault_of_every_vendor_is_over_in_time(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    vendors, fail = FAILING[stage]
    cells = [(vendor, fault) for vendor in vendors for fault in vendor.faults]
    took = {f"{vendor}, {fault.name}": asyncio.run(fail(vendor, fault)) for vendor, fault in cells}  # type: ignore[arg-type]
    worst = max(took, key=lambda cell: took[cell])
    with capsys.disabled():
        print(f"\n{stage}: {len(took)} cells, p50 {statistics.median(took.values()):.2f} s, the slowest ", end="")
        print(f"{took[worst]:.2f} s ({worst})", end="")
    assert took[worst] < WITHIN
