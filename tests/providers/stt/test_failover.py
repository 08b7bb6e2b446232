"""A vendor that fails in any way there is, and the next one behind it: the caller is understood all the same, once."""

from __future__ import annotations

import asyncio

import pytest

from antiphon.errors import ProviderError
from antiphon.providers.base import Transcript
from antiphon.providers.fallback.stt import FallbackStt
from antiphon.session.transcribing import Transcriber
from tests.emulators.faults import Fault
from tests.emulators.hearing import say
from tests.providers.stt.vendors import VENDORS, Vendor, words

NEXT = next(vendor for vendor in VENDORS if vendor.name == "deepgram-nova")
CELLS = [pytest.param(vendor, fault, id=f"{vendor}-{fault.name}") for vendor in VENDORS for fault in vendor.faults]
PATIENT = {"connect_timeout": 4.0, "final_timeout": 4.0}  # seconds: the chain has limits of its own
LONGEST = 5.0  # seconds for an answer: the 3 it should take, and some for a busy machine


async def understood(vendor: Vendor, fault: Fault) -> float:
    """Seconds from asking for a final to having it, with another vendor behind the one that fails."""
    heard: list[Transcript] = []
    failures: list[ProviderError] = []
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def take(transcript: Transcript) -> None:
        heard.append(transcript)
        if transcript.final:
            done.set()

    async with vendor.running(fault, **PATIENT) as (broken, _), NEXT.running() as (sound, _):
        chain = FallbackStt([broken, sound])
        transcriber = Transcriber(chain, rate=16_000, on_transcript=take, on_failure=failures.append)
        running = asyncio.create_task(transcriber.run())
        transcriber.voiced()
        pcm = say("one two three")
        for at in range(0, len(pcm), 3200):
            transcriber.send(pcm[at : at + 3200])
            await asyncio.sleep(0.02)
        transcriber.finalize()
        asked = loop.time()
        async with asyncio.timeout(LONGEST):
            await done.wait()
        took = loop.time() - asked
        running.cancel()
        await asyncio.wait([running])
    finals = [transcript for transcript in heard if transcript.final]
    assert [words(transcript) for transcript in finals] == ["one two three"]
    assert {transcript.utterance for transcript in heard} == {0}
    assert len(failures) <= 1
    return took


@pytest.mark.parametrize(("vendor", "fault"), CELLS)
def test_the_next_one_hears_the_open_utterance_again(vendor: Vendor, fault: Fault) -> None:
    asyncio.run(understood(vendor, fault))
