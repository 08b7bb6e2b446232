"""A voice that fails in any way there is, and the next one behind it: the caller hears all of it, in time, and nothing
twice."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from antiphon.providers.fallback import budget
from antiphon.providers.fallback.budget import Budget
from antiphon.providers.fallback.tts import FallbackTts
from tests.emulators.faults import Fault
from tests.emulators.voice import length, words
from tests.providers.tts.vendors import PATIENT, VENDORS, Vendor, open_stream

TEXTS = (" ".join(["This sentence goes on and on and says very little."] * 6), "And that is all.")
NEXT = [next(vendor for vendor in VENDORS if vendor.name == name) for name in ("openai", "cartesia")]
WITHIN = 3.0  # seconds in which the caller hears something
CELLS = [pytest.param(vendor, fault, id=f"{vendor}-{fault.name}") for vendor in VENDORS for fault in vendor.faults]


async def longest_silence(vendor: Vendor, fault: Fault) -> float:
    """Seconds, from the text to the first audio, or between two pieces of it. Fails if something is spoken twice."""
    loop, next_one = asyncio.get_running_loop(), NEXT[vendor.name == "openai"]
    async with vendor.running(fault, **PATIENT) as (broken, _), next_one.running() as (sound, behind):
        await sound.warm()
        chain = FallbackTts([broken, sound])
        budget.begin(Budget(loop.time() + WITHIN))
        heard, ends, times = [0], 0, [loop.time()]
        async for chunk in open_stream(chain, *TEXTS):
            heard[-1] += len(chunk.pcm) // 2
            times += [loop.time()] if chunk.pcm else []
            if chunk.last:
                ends += 1
                heard.append(0)
        assert ends == len(TEXTS)
        whole, rest, rate = " ".join(TEXTS), " ".join(map(str.strip, behind.texts)), chain.capabilities.sample_rates[0]
        assert whole.endswith(rest)
        again = length(behind.texts[0], rate) if len(behind.texts) > 1 else 0  # of the first text
        begun = [
            word.char for word in words(TEXTS[0]) if length(" " * word.char, rate) < heard[0] - again - rate // 100
        ]
        assert all(char < len(whole) - len(rest) for char in begun)
        await chain.aclose()
    return max(after - before for before, after in pairwise(times))


@pytest.mark.parametrize(("vendor", "fault"), CELLS)
def test_all_is_spoken_once_and_in_time(vendor: Vendor, fault: Fault) -> None:
    assert asyncio.run(longest_silence(vendor, fault)) < WITHIN
