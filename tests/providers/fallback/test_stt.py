"""A chain of transcribers, in whole calls in virtual time: whatever goes wrong with one, no word is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from antiphon.conversation import notices as out
from antiphon.errors import AuthError, Disconnected, Overloaded, ProviderError, QuotaError, RateLimited
from antiphon.lab import virtual
from antiphon.lab.scripted import ScriptedStt, SttFaults
from antiphon.lab.simulated_call import SimulatedCall, scripted_stages
from antiphon.lab.tones import ToneCode
from antiphon.providers.base import SttCapabilities
from antiphon.providers.fallback.breaker import Health
from antiphon.providers.fallback.limits import Limits
from antiphon.providers.fallback.stt import FallbackStt

CODE = ToneCode(["okay i want to book a table for two please"])
ORDER = "I want to book a table for two please"


def stt(**options: Any) -> ScriptedStt:
    return ScriptedStt(CODE, **options)


def refusing(error: ProviderError) -> ScriptedStt:
    return stt(faults=SttFaults(open_error=error), name="scripted/bad")


class Hangs(ScriptedStt):
    """Takes for ever to connect."""

    async def open(self, **options: Any) -> Any:
        await asyncio.Event().wait()


class Deaf(ScriptedStt):
    """Takes audio, and never says a word."""

    async def open(self, **options: Any) -> Any:
        stream = await super().open(**options)
        stream.send = lambda pcm: None  # type: ignore[method-assign]
        stream.finalize = lambda: None  # type: ignore[method-assign]
        return stream


BROKEN: dict[str, Callable[[], ScriptedStt]] = {
    "auth": lambda: refusing(AuthError("401")),
    "quota": lambda: refusing(QuotaError("402")),
    "rate limited": lambda: refusing(RateLimited("429", retry_after=7)),
    "overloaded": lambda: refusing(Overloaded("503")),
    "refuse": lambda: refusing(Disconnected("refused")),
    "hang": lambda: Hangs(CODE),
    "reset before speech": lambda: stt(faults=SttFaults(disconnect_after=0.3)),
    "reset in the middle": lambda: stt(faults=SttFaults(disconnect_after=2.0)),
    "reset at the end": lambda: stt(faults=SttFaults(disconnect_after=4.6)),
    "silence": lambda: Deaf(CODE),
    "no finals": lambda: stt(faults=SttFaults(no_finals=True)),
}


def call(chain: FallbackStt, scenario: Callable[[SimulatedCall], Any]) -> Any:
    async def main() -> Any:
        async with SimulatedCall(CODE, stages=replace(scripted_stages(CODE), stt=chain)) as simulated:
            result = await scenario(simulated)
        await chain.aclose()
        return result

    return virtual.run(main(), limit=600)


async def order(simulated: SimulatedCall) -> float:
    """The caller orders a second after the call began. Returns how long the caller waited for an answer."""
    simulated.pause(1.0)
    spoken = simulated.say(ORDER)
    await simulated.client.until(out.ReplyDone)
    assert [notice.text for notice in simulated.client.all(out.UserTranscript)] == [ORDER.lower()]
    return simulated.first_audible(0) - spoken.ends


@pytest.mark.parametrize("fault", BROKEN)
def test_no_word_is_lost_and_the_answer_comes_in_time(fault: str) -> None:
    waited = call(FallbackStt([BROKEN[fault](), stt()]), order)
    assert waited < 0.6 + 3.0  # from the end of the turn, which a pause of 0.6 s makes


@pytest.mark.parametrize("fault", BROKEN)
def test_the_next_session_begins_with_one_that_works(fault: str) -> None:
    first, second = BROKEN[fault](), stt(name="scripted/second")
    chain = FallbackStt([first, second])
    call(chain, order)
    if fault != "reset at the end":
        assert chain.order()[0].provider is second


@pytest.mark.parametrize("rates", [(16_000, 8_000), (8_000, 16_000), (16_000, 24_000)])
def test_each_hears_at_its_own_rate(rates: tuple[int, int]) -> None:
    chain = FallbackStt([stt(sample_rate=rates[0], faults=SttFaults(disconnect_after=2)), stt(sample_rate=rates[1])])
    assert chain.capabilities.sample_rate == rates[0]
    call(chain, order)


def test_the_last_is_waited_for() -> None:
    slow = stt()
    slow.timing = replace(slow.timing, final_delay=1.8)
    assert call(FallbackStt([slow]), order) < 3.6
    assert slow.opened == 1


def test_a_caller_who_thinks_for_long_is_no_failure() -> None:
    first, second = stt(), stt(name="scripted/second")

    async def scenario(simulated: SimulatedCall) -> None:
        await asyncio.sleep(25)
        await order(simulated)

    call(FallbackStt([first, second]), scenario)
    assert (first.opened, second.opened) == (1, 0)


def test_keyterms_go_to_those_who_take_them() -> None:
    first, second = refusing(Overloaded("busy")), stt()
    plain = stt()
    plain.capabilities = SttCapabilities(keyterms=False)

    async def main() -> None:
        for last in (second, plain):
            chain = FallbackStt([first, last])
            await (await chain.open(keyterms=("Antiphon",))).aclose()
            await chain.aclose()

    virtual.run(main())
    assert (second.keyterms, plain.keyterms) == (("Antiphon",), ())


def test_a_stream_that_is_closed_ends_and_blames_nobody() -> None:
    async def main() -> None:
        chain = FallbackStt([stt()])
        stream = await chain.open()
        listening = asyncio.create_task(anext(aiter(stream), None))
        await asyncio.sleep(0.1)
        await stream.aclose()
        await stream.aclose()
        assert await listening is None
        assert chain.members[0].breaker.health is Health.CLOSED

    virtual.run(main())


def test_when_none_can_be_opened_it_says_why() -> None:
    async def main() -> None:
        chain = FallbackStt([Hangs(CODE), refusing(AuthError("no key"))], limits=Limits(connect=0.2))
        with pytest.raises(AuthError, match="no key"):
            await chain.open()
        assert asyncio.get_running_loop().time() == pytest.approx(0.2)
        await chain.aclose()

    virtual.run(main())
