"""What every vendor of voices must do, whatever its wire: speak each segment once and in order, stop at the vendor when
told, fail in the one error tree and in time, and be warm for the second turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon.errors import AuthError, Disconnected, ProviderError, ProviderTimeout, QuotaError, RateLimited
from antiphon.providers.base import Rewarming, Tts, rewarm
from tests.emulators.faults import RETRY_AFTER, Fault
from tests.emulators.voice import speech, words
from tests.providers.live import everywhere
from tests.providers.tts.vendors import KEY, VENDORS, Vendor, collect, open_stream, segments

SEEN = 0.05  # seconds in which a stop reaches the vendor
SILENCE = 10.0  # seconds between two turns, after which a connection is still warm
LONG = " ".join(["This sentence goes on and on and says very little."] * 20)
every_vendor = pytest.mark.parametrize("vendor", VENDORS, ids=repr)
CELLS = [pytest.param(vendor, fault, id=f"{vendor}-{fault.name}") for vendor in VENDORS for fault in vendor.faults]


def run(
    vendor: Vendor,
    test: Callable[[Tts, Any], Awaitable[None]],
    fault: Fault | None = None,
    *,
    pace: float = 0.0,
    **options: float,
) -> None:
    async def main() -> None:
        async with vendor.running(fault, pace=pace, **options) as (tts, server):
            await test(tts, server)

    asyncio.run(main())


async def speak(tts: Tts, *texts: str) -> list[bytes]:
    return segments(await collect(open_stream(tts, *texts)))


@everywhere(VENDORS)
def test_segments_come_whole_in_order_and_end_once(vendor: Vendor) -> None:
    async def test(tts: Tts, server: Any) -> None:
        texts = ["Hello there, caller.", "It is half past nine."]
        rate = tts.capabilities.sample_rates[0]
        spoken = await speak(tts, *texts)
        assert all(vendor.spoke(pcm, text, rate) for pcm, text in zip(spoken, texts, strict=True))
        assert vendor.real or [text.strip() for text in server.texts] == texts

    run(vendor, test)


@everywhere(VENDORS)
def test_what_has_nothing_to_speak_is_a_segment_all_the_same(vendor: Vendor) -> None:
    async def test(tts: Tts, server: Any) -> None:
        spoken = await speak(tts, "...", "Hello.", "", "!")
        assert [bool(pcm) for pcm in spoken] == [False, True, False, False]

    run(vendor, test)


@everywhere(VENDORS)
def test_a_word_begins_where_its_time_says(vendor: Vendor) -> None:
    async def test(tts: Tts, server: Any) -> None:
        if not tts.capabilities.word_times:
            pytest.skip(f"{tts.name} has no word times")
        texts, rate = ["Hello there, caller.", "It is half past nine."], tts.capabilities.sample_rates[0]
        expected = [(word.char, round(word.start * rate)) for text in texts for word in words(text)]
        heard, found = 0, []
        for chunk in await collect(open_stream(tts, *texts)):
            found += [(word.char, word.start) for word in chunk.words]
            heard = 0 if chunk.last else heard + len(chunk.pcm) // 2
            assert all(word.start >= heard - len(chunk.pcm) // 2 for word in chunk.words)
        assert [char for char, _ in found] == [char for char, _ in expected]
        assert vendor.real or all(
            abs(start - due) <= rate // 500 for (_, start), (_, due) in zip(found, expected, strict=True)
        )

    run(vendor, test)


@everywhere(VENDORS)
def test_every_rate_it_names(vendor: Vendor) -> None:
    async def test(tts: Tts, server: Any) -> None:
        for rate in tts.capabilities.sample_rates:
            stream = tts.open(sample_rate=rate)
            stream.send("Hello.")
            stream.end()
            (pcm,) = segments(await collect(stream))
            assert pcm and (vendor.real or len(pcm) == len(speech("Hello.", rate)))

    run(vendor, test)


@everywhere(VENDORS)
def test_two_streams_at_once_do_not_mix(vendor: Vendor) -> None:
    async def test(tts: Tts, server: Any) -> None:
        rate = tts.capabilities.sample_rates[0]
        one, two = await asyncio.gather(speak(tts, "One of them.", "And more."), speak(tts, "The other."))
        assert vendor.spoke(one[0], "One of them.", rate) and vendor.spoke(one[1], "And more.", rate)
        assert len(one) == 2 and len(two) == 1 and vendor.spoke(two[0], "The other.", rate)

    run(vendor, test, pace=0.002)


@everywhere(VENDORS)
def test_text_that_comes_after_a_pause_is_spoken(vendor: Vendor) -> None:
    async def test(tts: Tts, server: Any) -> None:
        stream = tts.open(sample_rate=tts.capabilities.sample_rates[0])
        stream.send("One.")
        listening = asyncio.create_task(collect(stream))
        await asyncio.sleep(0.5)  # nothing is owed meanwhile
        stream.send("Two.")
        stream.end()
        assert len(segments(await listening)) == 2

    run(vendor, test, gap_timeout=0.3)


async def stopping(tts: Tts, server: Any) -> float:
    """Seconds until a stop reaches the vendor."""
    stream = open_stream(tts, LONG, "And more.")
    chunks = aiter(stream)
    await anext(chunks)
    server.someone_left.clear()
    closed = asyncio.get_running_loop().time()
    await stream.aclose()
    async with asyncio.timeout(1):
        await server.someone_left.wait()
    assert [chunk async for chunk in chunks] == []
    return float(server.stopped_at - closed)


@every_vendor
def test_closing_stops_the_vendor(vendor: Vendor) -> None:
    async def test(tts: Tts, server: Any) -> None:
        took = [await stopping(tts, server) for _ in range(5)]
        assert min(took) <= SEEN  # the machine may be busy with other things

    run(vendor, test, pace=0.02)


@everywhere(VENDORS)
def test_a_stream_closed_twice_ends_and_the_next_one_speaks(vendor: Vendor) -> None:
    async def test(tts: Tts, server: Any) -> None:
        stream = open_stream(tts, LONG)
        await stream.aclose()
        await stream.aclose()
        stream.send("Too late.")
        assert await collect(stream) == []
        assert len(await speak(tts, "Hello.")) == 1

    run(vendor, test)


@everywhere(VENDORS)
def test_a_listener_can_be_cancelled(vendor: Vendor) -> None:
    async def test(tts: Tts, server: Any) -> None:
        stream = tts.open(sample_rate=tts.capabilities.sample_rates[0])
        listening = asyncio.create_task(collect(stream))
        await asyncio.sleep(0)
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
        await stream.aclose()

    run(vendor, test)


@every_vendor
def test_warm_opens_one_connection_which_the_reply_uses(vendor: Vendor) -> None:
    async def test(tts: Tts, server: Any) -> None:
        await tts.warm()
        await tts.warm()
        assert server.connections == 1
        await speak(tts, "Hello.", "And more.")
        await tts.warm()
        assert server.connections == 1

    run(vendor, test)


@every_vendor
def test_after_a_reply_was_cut_off_a_connection_is_opened_for_the_next_one(vendor: Vendor) -> None:
    async def test(tts: Tts, server: Any) -> None:
        stream = open_stream(tts, LONG)
        await anext(aiter(stream))
        await stream.aclose()
        await asyncio.gather(rewarm(tts), rewarm(tts))
        await rewarm(tts)
        before = server.connections
        await speak(tts, "Hello.")
        assert server.connections == before <= 2

    run(vendor, test, pace=0.002)


@every_vendor
def test_opening_a_connection_ahead_never_fails(vendor: Vendor) -> None:
    async def test(tts: Tts, server: Any) -> None:
        assert isinstance(tts, Rewarming)
        await rewarm(tts)

    run(vendor, test, Fault.REFUSE)
    run(vendor, test, Fault.AUTH)


def test_a_second_turn_after_silence_is_warm() -> None:
    async def one(vendor: Vendor) -> None:
        async with vendor.running() as (tts, server):
            await speak(tts, "Hello.")
            await asyncio.sleep(SILENCE)
            await speak(tts, "Hello again.")
            assert server.connections == 1, vendor

    async def main() -> None:
        await asyncio.gather(*(one(vendor) for vendor in VENDORS))  # all at once: it is real time

    asyncio.run(main())


@pytest.mark.parametrize(("vendor", "fault"), CELLS)
def test_every_fault_ends_in_time(vendor: Vendor, fault: Fault) -> None:
    async def test(tts: Tts, server: Any) -> None:
        if fault.harmless:
            assert await speak(tts, LONG) == [speech(LONG, tts.capabilities.sample_rates[0])]
            return
        with pytest.raises(ProviderError) as caught:
            await speak(tts, LONG)
        error = caught.value
        assert isinstance(error, _expected(fault)), repr(error)
        assert (error.stage, error.provider) == ("tts", tts.name)
        assert KEY not in f"{error} {error!r}"
        if isinstance(error, RateLimited):
            assert error.retry_after == RETRY_AFTER

    run(vendor, test, fault)


@pytest.mark.parametrize(("vendor", "fault"), CELLS)
def test_warming_says_what_is_wrong(vendor: Vendor, fault: Fault) -> None:
    async def test(tts: Tts, server: Any) -> None:
        with pytest.raises(ProviderError) as caught:
            await asyncio.wait_for(tts.warm(), 5)
        assert (caught.value.stage, caught.value.provider) == ("tts", tts.name)

    if fault.status or fault in (Fault.REFUSE, Fault.HANG):
        run(vendor, test, fault)


def _expected(fault: Fault) -> type[ProviderError] | tuple[type[ProviderError], ...]:
    match fault:
        case Fault.AUTH:
            return AuthError
        case Fault.QUOTA:
            return QuotaError
        case Fault.RATE_LIMITED:
            return RateLimited
        case Fault.HANG | Fault.SLOW_FIRST_BYTE | Fault.STALL:
            return ProviderTimeout
        case Fault.REFUSE | Fault.RESET:
            return Disconnected
        case _:
            return ProviderError


@every_vendor
def test_after_a_fault_the_next_reply_is_whole(vendor: Vendor) -> None:
    async def test(tts: Tts, server: Any) -> None:
        with pytest.raises(ProviderError):
            await speak(tts, LONG)
        server.fault = None
        assert len(await speak(tts, "Hello.")) == 1

    run(vendor, test, Fault.RESET)


@everywhere(VENDORS)
def test_after_the_end_nothing_but_a_provider_error(vendor: Vendor) -> None:
    async def test(tts: Tts, server: Any) -> None:
        await tts.warm()
        await tts.aclose()
        await tts.aclose()
        with pytest.raises(ProviderError) as caught:
            await speak(tts, "Hello.")
        assert (caught.value.stage, caught.value.provider) == ("tts", tts.name)

    run(vendor, test)


@every_vendor
def test_the_key_is_not_shown(vendor: Vendor) -> None:
    async def test(tts: Tts, server: Any) -> None:
        assert KEY not in repr(tts)

    run(vendor, test)
