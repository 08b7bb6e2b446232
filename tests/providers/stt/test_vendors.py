"""What every vendor of speech-to-text must do, whatever its wire: understand each utterance once and whole, answer when
a final is asked for, stop at the vendor when told, and fail in the one error tree and in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from antiphon.errors import (
    AuthError,
    Disconnected,
    Overloaded,
    ProviderError,
    ProviderTimeout,
    QuotaError,
    RateLimited,
)
from antiphon.providers import registry
from antiphon.providers.base import Stt
from tests.emulators.faults import RETRY_AFTER, Fault
from tests.emulators.hearing import say
from tests.providers.live import everywhere
from tests.providers.stt.vendors import KEY, VENDORS, Vendor, final, until_final, words

SEEN = 0.05  # seconds in which a stop reaches the vendor
SILENCE = 10.0  # seconds between two turns, after which a connection is still warm
every_vendor = pytest.mark.parametrize("vendor", VENDORS, ids=repr)
CELLS = [pytest.param(vendor, fault, id=f"{vendor}-{fault.name}") for vendor in VENDORS for fault in vendor.faults]


def run(
    vendor: Vendor, test: Callable[[Stt, Any], Awaitable[None]], fault: Fault | None = None, **options: float
) -> None:
    async def main() -> None:
        async with vendor.running(fault, **options) as (stt, server):
            async with asyncio.timeout(20):
                await test(stt, server)

    asyncio.run(main())


def audio(stt: Stt, text: str, **pauses: float) -> bytes:
    return say(text, rate=stt.capabilities.sample_rate, **pauses)


@everywhere(VENDORS)
def test_an_utterance_is_understood_whole(vendor: Vendor) -> None:
    async def test(stt: Stt, server: Any) -> None:
        stream = await stt.open()
        got = await until_final(stream, vendor.audio(stt.capabilities.sample_rate, "one two three"))
        assert vendor.heard(got[-1], "one two three") and got[-1].utterance == 0
        assert [transcript.final for transcript in got].count(True) == 1
        assert len(got) > 1 or not stt.capabilities.partials

    run(vendor, test)


@every_vendor
def test_how_the_audio_is_cut_makes_no_difference(vendor: Vendor) -> None:
    async def test(stt: Stt, server: Any) -> None:
        stream = await stt.open()
        pcm = audio(stt, "one two three")
        for at in range(0, len(pcm), 226):  # 7 ms
            stream.send(pcm[at : at + 226])
        assert words(await final(stream)) == "one two three"

    run(vendor, test)


@every_vendor
def test_a_caller_who_goes_on_is_given_the_whole_again(vendor: Vendor) -> None:
    async def test(stt: Stt, server: Any) -> None:
        stream = await stt.open()
        assert words(await final(stream, audio(stt, "one two"))) == "one two"
        assert words(await final(stream, audio(stt, "three"))) == "one two three"

    run(vendor, test)


@everywhere(VENDORS)
def test_utterances_are_told_apart(vendor: Vendor) -> None:
    async def test(stt: Stt, server: Any) -> None:
        stream = await stt.open()
        for number, text in enumerate(["one two", "three", "four five"]):
            got = await final(stream, vendor.audio(stt.capabilities.sample_rate, text, lead=0.4, tail=0.6))
            assert vendor.heard(got, text) and got.utterance == number
            stream.reset()

    run(vendor, test)


@every_vendor
def test_what_was_dropped_is_not_in_the_next(vendor: Vendor) -> None:
    async def test(stt: Stt, server: Any) -> None:
        stream = await stt.open()
        stream.send(audio(stt, "one two"))
        await asyncio.sleep(0.1)
        stream.reset()
        got = await until_final(stream, audio(stt, "three four", lead=0.4))
        assert words(got[-1]) == "three four" and got[-1].utterance == 1

    run(vendor, test)


@everywhere(VENDORS)
def test_silence_is_understood_as_nothing(vendor: Vendor) -> None:
    async def test(stt: Stt, server: Any) -> None:
        stream = await stt.open()
        got = await final(stream, bytes(stt.capabilities.sample_rate))
        assert (got.text, got.utterance) == ("", 0)
        assert vendor.heard(await final(stream, vendor.audio(stt.capabilities.sample_rate, "yes")), "yes")

    run(vendor, test)


@every_vendor
def test_two_streams_at_once_do_not_mix(vendor: Vendor) -> None:
    async def test(stt: Stt, server: Any) -> None:
        one, two = await stt.open(), await stt.open()
        got = await asyncio.gather(final(one, audio(stt, "one two")), final(two, audio(stt, "three four")))
        assert [words(transcript) for transcript in got] == ["one two", "three four"]

    run(vendor, test)


async def stopping(stt: Stt, server: Any) -> float:
    """Seconds until a stop reaches the vendor."""
    stream = await stt.open()
    stream.send(audio(stt, "one two three"))
    with suppress(TimeoutError):  # not all say something before they are asked for a final
        async with asyncio.timeout(0.3):
            await anext(aiter(stream))
    began = asyncio.get_running_loop().time()
    await stream.aclose()
    await stream.aclose()
    return float(await server.left()) - began


@pytest.mark.parametrize("vendor", [vendor for vendor in VENDORS if vendor.socket], ids=repr)
def test_closing_reaches_the_vendor(vendor: Vendor) -> None:
    async def test(stt: Stt, server: Any) -> None:
        took = [await stopping(stt, server) for _ in range(5)]
        assert min(took) <= SEEN  # the machine may be busy with other things

    run(vendor, test)


@everywhere(VENDORS)
def test_a_closed_stream_ends_and_says_no_more(vendor: Vendor) -> None:
    async def test(stt: Stt, server: Any) -> None:
        stream = await stt.open()
        listening = asyncio.ensure_future(anext(aiter(stream), None))
        await asyncio.sleep(0)
        await stream.aclose()
        assert await listening is None
        stream.send(audio(stt, "one"))
        stream.finalize()
        stream.reset()
        assert [transcript async for transcript in stream] == []

    run(vendor, test)


@everywhere(VENDORS)
def test_a_listener_can_be_cancelled(vendor: Vendor) -> None:
    async def test(stt: Stt, server: Any) -> None:
        stream = await stt.open()
        listening = asyncio.ensure_future(anext(aiter(stream)))
        await asyncio.sleep(0)
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
        assert vendor.heard(await final(stream, vendor.audio(stt.capabilities.sample_rate, "yes")), "yes")

    run(vendor, test)


@everywhere(VENDORS)
def test_a_provider_that_was_closed_says_so(vendor: Vendor) -> None:
    async def test(stt: Stt, server: Any) -> None:
        stream = await stt.open()
        await stt.aclose()
        await stt.aclose()
        with pytest.raises(ProviderError) as caught:
            await anext(aiter(stream))
        assert (caught.value.stage, caught.value.provider) == ("stt", stt.name)
        with pytest.raises(ProviderError):
            await stt.open()

    run(vendor, test)


@every_vendor
def test_warming_proves_the_key_once(vendor: Vendor) -> None:
    async def test(stt: Stt, server: Any) -> None:
        await asyncio.gather(stt.warm(), stt.warm())
        await stt.warm()
        assert server.connections == 1

    run(vendor, test)


@every_vendor
def test_one_connection_serves_a_whole_call(vendor: Vendor) -> None:
    async def test(stt: Stt, server: Any) -> None:
        await stt.warm()
        before = server.connections
        stream = await stt.open()
        for text in ("one two", "three"):
            await final(stream, audio(stt, text))
            stream.reset()
            stream.send(bytes(10 * 2 * stt.capabilities.sample_rate))  # the caller listens for 10 s
        assert server.connections <= before + 1

    run(vendor, test)


def test_a_second_turn_after_silence_is_warm() -> None:
    async def one(vendor: Vendor) -> None:
        async with vendor.running() as (stt, server):
            stream = await stt.open()
            await final(stream, audio(stt, "one two"))
            stream.reset()
            before = server.connections
            for _ in range(100):
                stream.send(bytes(stt.capabilities.sample_rate // 10 * 2))
                await asyncio.sleep(SILENCE / 100)
            assert words(await final(stream, audio(stt, "three"))) == "three"
            assert server.connections == before, vendor

    async def main() -> None:
        await asyncio.gather(*(one(vendor) for vendor in VENDORS))  # all at once: it is real time

    asyncio.run(main())


@pytest.mark.parametrize(("vendor", "fault"), CELLS)
def test_each_fault_ends_in_its_error_and_in_time(vendor: Vendor, fault: Fault) -> None:
    async def test(stt: Stt, server: Any) -> None:
        with pytest.raises(ProviderError) as caught:
            async with asyncio.timeout(3):
                await final(await stt.open(), audio(stt, "one two three four"))
        error = caught.value
        assert type(error) in EXPECTED[fault], repr(error)
        assert (error.stage, error.provider) == ("stt", stt.name)
        assert error.elapsed is not None and error.elapsed < 3
        assert KEY not in str(error)
        assert not isinstance(error, RateLimited) or error.retry_after == RETRY_AFTER

    run(vendor, test, fault)


EXPECTED: dict[Fault, tuple[type[ProviderError], ...]] = {
    Fault.REFUSE: (Disconnected,),
    Fault.HANG: (ProviderTimeout, Disconnected),
    Fault.SLOW_FIRST_BYTE: (ProviderTimeout,),
    Fault.STALL: (ProviderTimeout,),
    Fault.AUTH: (AuthError,),
    Fault.QUOTA: (QuotaError,),
    Fault.RATE_LIMITED: (RateLimited,),
    Fault.SERVER_ERROR: (Overloaded,),
    Fault.UNAVAILABLE: (Overloaded,),
    Fault.OVERLOADED: (Overloaded,),
    Fault.ERROR_EVENT: (Overloaded, Disconnected),
    Fault.RESET: (Disconnected,),
    Fault.GARBAGE: (Disconnected,),
    Fault.SESSION_EXPIRED: (Disconnected,),
}


@every_vendor
def test_without_a_key_nothing_is_asked(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(vendor.live_key, raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")  # Google's library would ask the machine it runs on

    async def main() -> None:
        with pytest.raises(AuthError, match=f"set {vendor.live_key}"):
            await vendor.live().open()

    asyncio.run(main())


def test_no_vendor_is_left_out() -> None:
    here = {"moonshine", "whisper"}  # they run here, and have tests of their own
    assert {vendor.live().name.partition("/")[0] for vendor in VENDORS} == set(registry.names("stt")) - here
