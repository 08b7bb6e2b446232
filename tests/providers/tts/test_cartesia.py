"""The cartesia voices against a server on the loopback interface: messages, contexts, words, the official client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon.errors import AuthError, QuotaError
from antiphon.providers import registry
from antiphon.providers.base import WordTime
from antiphon.providers.tts.cartesia import API_VERSION, Cartesia, _Context
from tests.emulators.cartesia import CartesiaSpeech
from tests.emulators.voice import speech
from tests.providers.tts.vendors import KEY, collect, open_stream, segments


def run(
    test: Callable[[Cartesia, CartesiaSpeech], Awaitable[None]], *, pace: float = 0.0, model: str = "", **options: Any
) -> None:
    async def main() -> None:
        async with CartesiaSpeech(pace=pace) as server:
            tts = registry.create("tts", f"cartesia/{model}", base_url=server.url, api_key=KEY, **options)
            await test(tts, server)
            await tts.aclose()

    asyncio.run(main())


def test_model_and_voice_go_as_given_and_each_segment_is_flushed() -> None:
    async def test(tts: Cartesia, server: CartesiaSpeech) -> None:
        stream = tts.open(sample_rate=8_000, voice="a/voice")
        stream.send("Hello.")
        stream.end()
        await collect(stream)
        (visit,) = server.visits
        assert (visit.path, visit.headers["cartesia-version"]) == ("/tts/websocket", API_VERSION)
        assert visit.headers["authorization"] == f"Bearer {KEY}"
        text, flush, end = visit.received
        same = {name: value for name, value in text.items() if name not in ("transcript", "continue", "flush")}
        assert same == {
            "context_id": text["context_id"],
            "model_id": "sonic-9-preview",
            "voice": {"mode": "id", "id": "a/voice"},
            "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 8_000},
            "add_timestamps": True,
            "max_buffer_delay_ms": 0,
            "language": "de",
            "generation_config": {"speed": 1.1},
        }
        assert text == same | {"transcript": "Hello. ", "continue": True}
        assert flush == same | {"transcript": "", "continue": True, "flush": True}
        assert end == same | {"transcript": "", "continue": False}

    run(test, model="sonic-9-preview", language="de", extra={"generation_config": {"speed": 1.1}})


def test_sentences_of_one_breath_share_a_context_and_later_ones_do_not() -> None:
    async def test(tts: Cartesia, server: CartesiaSpeech) -> None:
        stream = tts.open(sample_rate=24_000)
        stream.send("One.")
        stream.send("Two.")
        listening = asyncio.create_task(collect(stream))
        await asyncio.sleep(0.8)  # until the vendor would soon end the context
        stream.send("Three.")
        stream.end()
        assert len(segments(await listening)) == 3
        contexts = [message["context_id"] for message in server.visits[0].received]
        assert len(set(contexts[:4])) == 1 and len(set(contexts)) == 2
        assert server.connections == 1

    run(test)


def test_a_segment_ends_also_where_only_the_count_says_so() -> None:
    async def main() -> None:
        context = _Context(lambda message: None, rate=1000, fields={})
        context.speak("One two.")
        context.speak("Three.")
        chunk = {"type": "chunk", "data": "AAAAAA=="}
        times = {"words": ["One", "two.", "Three."], "start": [0.0, 0.001, 0.002]}
        assert [c.last for c in context.read(chunk | {"flush_id": 1})] == [False]
        (early,) = context.read({"type": "timestamps", "flush_id": 1, "word_timestamps": times})
        assert early.words == (WordTime(0, 0), WordTime(4, 1))
        assert [c.last for c in context.read(chunk | {"flush_id": 2})] == [True, False]
        assert not list(context.read({"type": "something new"}))
        assert [c.last for c in context.read({"type": "done"})] == [True]

    asyncio.run(main())


def test_an_error_is_of_its_context_alone() -> None:
    async def test(tts: Cartesia, server: CartesiaSpeech) -> None:
        one, two = open_stream(tts, "Hello. " * 20), open_stream(tts, "Good day.")
        first = await anext(aiter(one))
        assert first
        context_id = server.visits[0].received[0]["context_id"]
        error = {"type": "error", "context_id": context_id, "status_code": 402, "message": "out of credits"}
        await server.visits[0].send(error)
        with pytest.raises(QuotaError, match="out of credits"):
            await collect(one)
        assert len(segments(await collect(two))) == 1

    run(test, pace=0.02)


def test_without_a_key_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARTESIA_API_KEY", raising=False)

    async def main() -> None:
        with pytest.raises(AuthError, match="CARTESIA_API_KEY"):
            await collect(open_stream(Cartesia(), "Hello."))

    asyncio.run(main())


def test_the_official_client_hears_the_same() -> None:
    cartesia = pytest.importorskip("cartesia", reason="the cartesia package is not installed")

    async def main() -> None:
        async with CartesiaSpeech() as server:
            client = cartesia.AsyncCartesia(api_key=KEY, websocket_base_url=server.url)
            async with client.tts.websocket_connect() as connection:
                context = connection.context(
                    model_id="toy",
                    voice={"mode": "id", "id": "alto"},
                    output_format={"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24_000},
                    add_timestamps=True,
                )
                await context.push("Hello there.")
                await context.no_more_inputs()
                events = [event async for event in context.receive()]
            assert [event.type for event in events][-2:] == ["flush_done", "done"]
            assert b"".join(event.audio for event in events if event.type == "chunk") == speech("Hello there.", 24_000)
            assert events[0].word_timestamps.words == ["Hello", "there."]
            await client.close()

    asyncio.run(main())
