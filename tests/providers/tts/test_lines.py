"""The pool of sockets that several streams share: kept while they are of use, let go when they are not, and failing
each stream on its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon.errors import Disconnected, ProviderError, ProviderTimeout
from antiphon.providers.base import rewarm
from antiphon.providers.tts import lines
from antiphon.providers.tts.cartesia import Cartesia
from tests.emulators.cartesia import CartesiaSpeech
from tests.emulators.faults import Fault
from tests.providers.tts.vendors import KEY, collect, open_stream, segments

LONG = "This sentence goes on and on and says very little. " * 20


def run(
    test: Callable[[Cartesia, CartesiaSpeech], Awaitable[None]],
    *,
    pace: float = 0.0,
    fault: Fault | None = None,
    gap_timeout: float = 4.0,
    **pool: Any,
) -> None:
    async def main() -> None:
        async with CartesiaSpeech(fault, pace=pace) as server:
            tts = Cartesia(base_url=server.url, api_key=KEY, gap_timeout=gap_timeout)
            for name, value in pool.items():
                setattr(tts._lines, f"_{name}", value)
            await test(tts, server)
            await tts.aclose()

    asyncio.run(main())


async def closed(server: CartesiaSpeech) -> None:
    """The first connection has ended."""
    async with asyncio.timeout(2):
        await server.visits[0].connection.wait_closed()


def test_a_line_that_nobody_uses_is_closed_and_made_again_when_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "TICK", 0.02)

    async def test(tts: Cartesia, server: CartesiaSpeech) -> None:
        await tts.warm()
        await closed(server)
        await asyncio.gather(rewarm(tts), rewarm(tts))
        assert len(segments(await collect(open_stream(tts, "Hello.")))) == 1
        assert server.connections == 2

    run(test, idle=0.05)


def test_a_line_that_is_used_is_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "TICK", 0.02)

    async def test(tts: Cartesia, server: CartesiaSpeech) -> None:
        stream = open_stream(tts, LONG[:400])  # longer than a line may be idle
        assert len(segments(await collect(stream))) == 1
        assert server.connections == 1

    run(test, pace=0.005, idle=0.05)


def test_an_old_line_takes_no_more_streams_and_ends_after_its_last() -> None:
    async def test(tts: Cartesia, server: CartesiaSpeech) -> None:
        old = open_stream(tts, LONG)
        chunks = aiter(old)
        await anext(chunks)
        await asyncio.sleep(0.25)
        assert len(segments(await collect(open_stream(tts, "Hello.")))) == 1
        assert server.connections == 2 and server.visits[0].stopped_at is None
        await old.aclose()
        await closed(server)

    run(test, pace=0.01, oldest=0.2)


def test_more_streams_than_a_line_holds_open_another() -> None:
    async def test(tts: Cartesia, server: CartesiaSpeech) -> None:
        heard = await asyncio.gather(*(collect(open_stream(tts, "Hello there.")) for _ in range(5)))
        assert all(len(segments(chunks)) == 1 for chunks in heard)
        assert server.connections == 3

    run(test, pace=0.005, most=2)


def test_a_broken_line_fails_each_of_its_streams_on_its_own() -> None:
    async def test(tts: Cartesia, server: CartesiaSpeech) -> None:
        streams = [open_stream(tts, LONG) for _ in range(3)]
        errors = await asyncio.gather(*(collect(stream) for stream in streams), return_exceptions=True)
        assert [type(error) for error in errors] == [Disconnected] * 3
        assert len({id(error) for error in errors}) == 3

    run(test, pace=0.002, fault=Fault.RESET)


def test_a_line_that_fell_silent_is_given_up() -> None:
    async def test(tts: Cartesia, server: CartesiaSpeech) -> None:
        with pytest.raises(ProviderTimeout, match="silent"):
            await collect(open_stream(tts, LONG))
        await closed(server)
        server.fault = None
        assert len(segments(await collect(open_stream(tts, "Hello.")))) == 1
        assert server.connections == 2

    run(test, fault=Fault.STALL, gap_timeout=0.2)


def test_closing_the_provider_ends_its_streams_and_its_lines() -> None:
    async def test(tts: Cartesia, server: CartesiaSpeech) -> None:
        listening = asyncio.create_task(collect(open_stream(tts, LONG)))
        await asyncio.sleep(0.1)
        await tts.aclose()
        with pytest.raises(Disconnected, match="closed"):
            await listening
        await closed(server)

    run(test, pace=0.02)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "chunk", "data": 5},
        {"type": "chunk", "data": "not base64!"},
        {"type": "chunk", "flush_id": "one", "data": ""},
        {"type": "timestamps", "word_timestamps": ["Hello"]},
        {"type": "timestamps", "word_timestamps": {"words": [1], "start": ["now"]}},
        {"type": "error", "status_code": "none"},
    ],
)
def test_a_message_that_makes_no_sense_fails_its_stream_alone(fields: dict[str, Any]) -> None:
    async def test(tts: Cartesia, server: CartesiaSpeech) -> None:
        odd, sound = open_stream(tts, LONG), open_stream(tts, "Hello.")
        await anext(aiter(odd))
        await server.visits[0].send({"context_id": server.visits[0].received[0]["context_id"]} | fields)
        with pytest.raises(ProviderError):
            await collect(odd)
        assert len(segments(await collect(sound))) == 1

    run(test, pace=0.02)
