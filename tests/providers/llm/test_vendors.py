"""What every vendor of language models must do, whatever its wire: answer in pieces, call tools, stop at the vendor
when told, fail in the one error tree and in time, and be warm for the second turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon.errors import AuthError, Disconnected, Overloaded, ProviderError, ProviderTimeout, QuotaError, RateLimited
from antiphon.providers.base import Llm, LlmEvent, LlmRequest, TextDelta, Usage, rewarm
from antiphon.providers.fallback import budget
from antiphon.providers.fallback.budget import Budget
from antiphon.providers.fallback.llm import FallbackLlm
from antiphon.types import Message, Role, ToolCall, ToolSpec
from tests.emulators.faults import RETRY_AFTER, Fault
from tests.providers.live import everywhere
from tests.providers.llm.vendors import KEY, PATIENT, VENDORS, Vendor

SEEN = 0.05  # seconds in which a stop reaches the vendor
WITHIN = 3.0  # seconds in which a turn is answered
SILENCE = 10.0  # seconds between two turns, after which a connection is still warm
CLOCK = ToolSpec("clock", "Tells the time.", {"type": "object", "properties": {"zone": {"type": "string"}}})
ASKED = LlmRequest((Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "Hello")))
WORDS = ["word "] * 1000
every_vendor = pytest.mark.parametrize("vendor", VENDORS, ids=repr)
CELLS = [pytest.param(vendor, fault, id=f"{vendor}-{fault.name}") for vendor in VENDORS for fault in vendor.faults]


def run(
    vendor: Vendor, test: Callable[[Llm, Any], Awaitable[None]], fault: Fault | None = None, **options: float
) -> None:
    async def main() -> None:
        async with vendor.running(fault, **options) as (llm, server):
            await test(llm, server)

    asyncio.run(main())


async def ask(llm: Llm, request: LlmRequest = ASKED, within: float = 6) -> list[LlmEvent]:
    """All of an answer. Nothing may hang: TimeoutError after so many seconds."""
    async with asyncio.timeout(within):
        return [event async for event in llm.stream(request)]


def said(events: list[LlmEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@everywhere(VENDORS)
def test_text_comes_in_pieces_and_with_what_it_took(vendor: Vendor) -> None:
    async def test(llm: Llm, server: Any) -> None:
        server.replies.append(vendor.saying("Grüße ", "an ", "日本!"))
        events = await ask(llm, LlmRequest((Message(Role.USER, "Say exactly: Grüße an 日本!"),)))
        pieces = [event.text for event in events if isinstance(event, TextDelta)]
        assert "Grüße an 日本" in "".join(pieces)
        assert vendor.real or pieces == ["Grüße ", "an ", "日本!"]
        assert not vendor.real or any(isinstance(event, Usage) and event.input and event.output for event in events)

    run(vendor, test)


@every_vendor
@pytest.mark.parametrize("chop", [1, 7])
def test_how_the_bytes_are_cut_changes_nothing(vendor: Vendor, chop: int) -> None:
    async def test(llm: Llm, server: Any) -> None:
        server.replies.append(vendor.saying("Grüße ", "日本\u2028語", chop=chop))
        assert said(await ask(llm)) == "Grüße 日本\u2028語"

    run(vendor, test)


@everywhere(VENDORS)
def test_tools_are_called_side_by_side_and_answered(vendor: Vendor) -> None:
    async def test(llm: Llm, server: Any) -> None:
        asked = Message(Role.USER, "Call both tools at once, clock with the zone UTC first. Then tell me the time.")
        request = LlmRequest((asked,), tools=(CLOCK, ToolSpec("now", "Tells what day it is.")))
        server.replies.append(vendor.calling())
        calls = tuple(event for event in await ask(llm, request) if isinstance(event, ToolCall))
        assert [(call.name, call.arguments) for call in calls] == [("clock", {"zone": "UTC"}), ("now", {})]
        results = (Message(Role.TOOL, "noon", call_id=call.call_id) for call in calls)
        history = (asked, Message(Role.ASSISTANT, "", tool_calls=calls), *results)
        assert said(await ask(llm, LlmRequest(history, tools=request.tools)))

    run(vendor, test)


async def stopping(vendor: Vendor, llm: Llm, server: Any, by: str = "aclose") -> float:
    """Seconds until a stop reaches the vendor."""
    server.replies.append(vendor.saying(*WORDS, delay=0.01))
    server.someone_left.clear()
    stream, loop = llm.stream(ASKED), asyncio.get_running_loop()
    while not isinstance(await anext(stream), TextDelta):
        pass
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    began = loop.time()
    if by == "cancel":
        reading.cancel()
    else:
        await reading
        began = loop.time()
        await stream.aclose()
    async with asyncio.timeout(5):
        await server.someone_left.wait()
    await asyncio.gather(reading, return_exceptions=True)
    return float(server.left_at - began)


@every_vendor
@pytest.mark.parametrize("by", ["aclose", "cancel"])
def test_a_stop_reaches_the_vendor(vendor: Vendor, by: str) -> None:
    async def test(llm: Llm, server: Any) -> None:
        await llm.warm()
        took = [await stopping(vendor, llm, server, by) for _ in range(5)]
        assert min(took) <= SEEN  # the machine may be busy with other things

    run(vendor, test)


@everywhere(VENDORS)
def test_after_an_answer_was_cut_off_the_next_one_is_whole(vendor: Vendor) -> None:
    async def test(llm: Llm, server: Any) -> None:
        server.replies.append(vendor.saying(*WORDS, delay=0.01))
        stream = llm.stream(LlmRequest((Message(Role.USER, "Count from one to a hundred, in words."),)))
        while not isinstance(await anext(stream), TextDelta):
            pass
        await stream.aclose()
        await rewarm(llm)
        assert said(await ask(llm))

    run(vendor, test)


@every_vendor
def test_a_failure_in_the_middle_comes_after_what_was_said(vendor: Vendor) -> None:
    async def test(llm: Llm, server: Any) -> None:
        server.replies.append(vendor.saying("Hello ", "there.", end="error"))
        stream, heard = llm.stream(ASKED), ""
        with pytest.raises(Overloaded):
            async for event in stream:
                heard += event.text if isinstance(event, TextDelta) else ""
        assert heard == "Hello there."

    run(vendor, test)


@every_vendor
def test_warm_opens_one_connection_which_the_answers_use(vendor: Vendor) -> None:
    async def test(llm: Llm, server: Any) -> None:
        await llm.warm()
        for _ in range(3):
            assert said(await ask(llm)) == "Hello there."
        await llm.warm()
        assert server.connections == 1

    run(vendor, test)


@every_vendor
def test_a_connection_is_opened_again_after_an_answer_was_cut_off_and_only_then(vendor: Vendor) -> None:
    async def test(llm: Llm, server: Any) -> None:
        await ask(llm)
        await rewarm(llm)
        assert len(server.requests) == 1
        server.replies.append(vendor.saying(*WORDS, delay=0.01))
        stream = llm.stream(ASKED)
        await anext(stream)
        await stream.aclose()
        await asyncio.gather(rewarm(llm), rewarm(llm))
        before = server.connections, len(server.requests)
        assert said(await ask(llm)) == "Hello there."
        assert (server.connections, len(server.requests)) == (before[0], before[1] + 1) == (2, 4)

    run(vendor, test)


@every_vendor
def test_opening_a_connection_ahead_never_fails(vendor: Vendor) -> None:
    async def test(llm: Llm, server: Any) -> None:
        await rewarm(llm)

    run(vendor, test, Fault.REFUSE)
    run(vendor, test, Fault.AUTH)


def test_a_second_turn_after_silence_is_warm() -> None:
    async def one(vendor: Vendor) -> None:
        async with vendor.running() as (llm, server):
            await ask(llm)
            await asyncio.sleep(SILENCE)
            await ask(llm)
            assert server.connections == 1, vendor

    async def main() -> None:
        await asyncio.gather(*(one(vendor) for vendor in VENDORS))  # all at once: it is real time

    asyncio.run(main())


@pytest.mark.parametrize(("vendor", "fault"), CELLS)
def test_every_fault_ends_in_time(vendor: Vendor, fault: Fault) -> None:
    async def test(llm: Llm, server: Any) -> None:
        with pytest.raises(ProviderError) as caught:
            await ask(llm)
        error = caught.value
        assert isinstance(error, _expected(fault)), repr(error)
        assert (error.stage, error.provider) == ("llm", llm.name) and error.elapsed is not None
        assert KEY not in f"{error} {error!r}"
        if isinstance(error, RateLimited):
            assert error.retry_after == RETRY_AFTER

    run(vendor, test, fault)


@pytest.mark.parametrize(("vendor", "fault"), CELLS)
def test_warming_says_what_is_wrong(vendor: Vendor, fault: Fault) -> None:
    async def test(llm: Llm, server: Any) -> None:
        with pytest.raises(ProviderError) as caught:
            await asyncio.wait_for(llm.warm(), 5)
        assert (caught.value.stage, caught.value.provider) == ("llm", llm.name)

    if fault.status or fault in (Fault.REFUSE, Fault.HANG):
        run(vendor, test, fault)


async def answered(vendor: Vendor, fault: Fault) -> float:
    """Seconds to the whole answer, with another vendor behind the one that fails."""
    other = VENDORS[(VENDORS.index(vendor) + 1) % len(VENDORS)]
    loop = asyncio.get_running_loop()
    async with vendor.running(fault, **PATIENT) as (first, server), other.running() as (second, behind):
        await second.warm()
        for end, replies in ((vendor, server.replies), (other, behind.replies)):
            replies.append(end.saying("Hello ", "there, ", "caller."))
        chain = FallbackLlm([first, second])
        budget.begin(Budget(loop.time() + WITHIN))
        began = loop.time()
        assert said(await ask(chain)) == "Hello there, caller."
        took = loop.time() - began
        await chain.aclose()
    return took


@pytest.mark.parametrize(("vendor", "fault"), CELLS)
def test_with_another_vendor_behind_it_the_turn_is_answered_once(vendor: Vendor, fault: Fault) -> None:
    assert asyncio.run(answered(vendor, fault)) < WITHIN


def _expected(fault: Fault) -> type[ProviderError] | tuple[type[ProviderError], ...]:
    match fault:
        case Fault.AUTH:
            return AuthError
        case Fault.QUOTA:
            return QuotaError
        case Fault.RATE_LIMITED:
            return RateLimited
        case Fault.SERVER_ERROR | Fault.UNAVAILABLE | Fault.OVERLOADED | Fault.ERROR_EVENT:
            return Overloaded
        case Fault.HANG | Fault.SLOW_FIRST_BYTE | Fault.STALL:
            return ProviderTimeout
        case _:
            return Disconnected


@every_vendor
def test_after_a_fault_the_next_answer_is_whole(vendor: Vendor) -> None:
    async def test(llm: Llm, server: Any) -> None:
        with pytest.raises(ProviderError):
            await ask(llm)
        server.fault = None
        assert said(await ask(llm)) == "Hello there."

    run(vendor, test, Fault.RESET)


@everywhere(VENDORS)
def test_after_the_end_nothing_but_a_provider_error(vendor: Vendor) -> None:
    async def test(llm: Llm, server: Any) -> None:
        await llm.warm()
        await llm.aclose()
        await llm.aclose()
        with pytest.raises(ProviderError) as caught:
            await ask(llm)
        assert (caught.value.stage, caught.value.provider) == ("llm", llm.name)

    run(vendor, test)


@every_vendor
def test_the_key_is_not_shown_and_may_be_in_a_file(
    vendor: Vendor, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    monkeypatch.delenv(vendor.live_key, raising=False)
    monkeypatch.setenv(f"{vendor.live_key}_FILE", str(tmp_path / "key"))
    llm = vendor.live()
    assert KEY not in repr(llm) and KEY in str(llm._headers())  # type: ignore[attr-defined]
