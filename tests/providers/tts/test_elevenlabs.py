"""The elevenlabs voices against a server on the loopback interface: messages, contexts, what the words mean."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.client import connect

from antiphon.errors import AuthError, Disconnected, Overloaded, QuotaError, RateLimited
from antiphon.providers import registry
from antiphon.providers.base import SpeechChunk
from antiphon.providers.tts import lines
from antiphon.providers.tts.elevenlabs import ElevenLabs, _closing
from tests.emulators.elevenlabs import MOST, ElevenLabsSpeech
from tests.providers.tts.vendors import KEY, collect, open_stream, segments

LONG = "This sentence goes on and on and says very little. " * 20


def run(
    test: Callable[[ElevenLabs, ElevenLabsSpeech], Awaitable[None]],
    model: str = "elevenlabs/eleven_turbo_v2",
    *,
    pace: float = 0.0,
    **options: Any,
) -> None:
    async def main() -> None:
        async with ElevenLabsSpeech(pace=pace) as server:
            tts = registry.create("tts", model, base_url=server.url, api_key=KEY, **options)
            await test(tts, server)
            await tts.aclose()

    asyncio.run(main())


def test_model_and_voice_go_as_given_and_the_rate_is_asked_for() -> None:
    async def test(tts: ElevenLabs, server: ElevenLabsSpeech) -> None:
        stream = tts.open(sample_rate=8_000, voice="a/voice")
        stream.send("Hello.")
        stream.end()
        await collect(stream)
        (visit,) = server.visits
        assert visit.path == "/v1/text-to-speech/a%2Fvoice/multi-stream-input"
        assert visit.headers["xi-api-key"] == KEY
        assert (visit.query["model_id"], visit.query["output_format"]) == ("eleven_turbo_v2", "pcm_8000")
        assert (visit.query["sync_alignment"], visit.query["language_code"]) == ("true", "de")
        begin, text, end = visit.received
        context = begin["context_id"]
        assert begin == {"text": " ", "context_id": context, "voice_settings": {"speed": 1.1}}
        assert text == {"text": "Hello. ", "context_id": context, "flush": True}
        assert end == {"context_id": context, "close_context": True}

    run(test, language="de", voice_settings={"speed": 1.1})


def test_the_later_models_have_the_other_wire() -> None:
    async def test(tts: ElevenLabs, server: ElevenLabsSpeech) -> None:
        await collect(open_stream(tts, "Hello.", voice="toy"))
        assert server.visits[0].path == "/v1/text-to-dialogue/multi-stream-input"
        begin, text, _ = server.visits[0].received
        assert begin["voices"] == ["toy"]
        assert text["inputs"] == [{"text": "Hello. ", "voice_id": "toy", "new_turn": True}]

    run(test, "elevenlabs/eleven_v3_conversational")


def test_contexts_that_are_being_closed_count_and_do_not_block() -> None:
    async def test(tts: ElevenLabs, server: ElevenLabsSpeech) -> None:
        for _ in range(MOST + 2):  # interrupted faster than the vendor lets go
            stream = open_stream(tts, LONG)
            await anext(aiter(stream))
            await stream.aclose()
        assert len(segments(await collect(open_stream(tts, "Hello.")))) == 1
        assert server.connections == 2

    run(test, pace=0.05)


def test_a_context_that_waits_for_text_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "TICK", 0.05)

    async def test(tts: ElevenLabs, server: ElevenLabsSpeech) -> None:
        stream = tts.open(sample_rate=24_000)
        stream.send("One.")
        await asyncio.sleep(0.3)
        stream.send("Two.")
        stream.end()
        assert len(segments(await collect(stream))) == 2
        assert server.visits[0].received.count({"text": "", "context_id": server.visits[0].received[0]["context_id"]})

    run(test)


def test_a_context_the_vendor_has_ended_is_followed_by_another() -> None:
    async def test(tts: ElevenLabs, server: ElevenLabsSpeech) -> None:
        stream = tts.open(sample_rate=24_000)
        stream.send("One.")
        chunks = aiter(stream)
        while not (await anext(chunks)).last:
            pass
        context = server.visits[0].received[0]["context_id"]
        await server.visits[0].send({"isFinal": True, "contextId": context})
        await asyncio.sleep(0.05)
        stream.send("Two.")
        stream.end()
        assert len(segments([chunk async for chunk in chunks])) == 1
        assert server.connections == 1
        assert len({message["context_id"] for message in server.visits[0].received}) == 2

    run(test)


@pytest.mark.parametrize("normalized", ["", "はい" * 20])
def test_without_times_that_fit_it_speaks_all_the_same(normalized: str) -> None:
    async def test(tts: ElevenLabs, server: ElevenLabsSpeech) -> None:
        server.alignment, server.normalized = bool(normalized), normalized
        stream = tts.open(sample_rate=24_000)
        stream.send("One.")
        chunks: list[SpeechChunk] = []
        async for chunk in stream:
            chunks.append(chunk)
            if chunk.last and len(chunks) < 3:
                stream.send("Two.")
                stream.end()
        assert [len(pcm) for pcm in segments(chunks)] == [2 * 4 * 480] * 2

    run(test, gap_timeout=0.2)


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("quota_exceeded", QuotaError),
        ("Invalid API key", AuthError),
        ("max_active_conversations", RateLimited),
        ("system_busy", Overloaded),
    ],
)
def test_the_words_make_the_difference(reason: str, error: type[Exception]) -> None:
    assert isinstance(_closing(1008, reason), error)
    assert isinstance(_closing(1011, "oh"), Disconnected)


def test_without_a_key_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ELEVENLABS_API_KEY", raising=False)

    async def main() -> None:
        tts = ElevenLabs()
        for attempt in (tts.warm(), collect(open_stream(tts, "Hello."))):
            with pytest.raises(AuthError, match="ELEVENLABS_API_KEY"):
                await attempt

    asyncio.run(main())


def test_the_official_package_knows_our_messages() -> None:
    types = pytest.importorskip("elevenlabs.types", reason="the elevenlabs package is not installed")

    async def test(tts: ElevenLabs, server: ElevenLabsSpeech) -> None:
        await collect(open_stream(tts, "Hello."))
        for message in server.visits[0].received:
            assert not types.WebsocketTtsClientMessageMulti.model_validate(message).model_extra

    run(test)


def test_the_official_package_knows_the_servers_messages() -> None:
    """It has no asynchronous client for this wire, but the messages of one."""
    types = pytest.importorskip("elevenlabs.types", reason="the elevenlabs package is not installed")
    ours = [
        types.InitializeConnectionMulti(context_id="c"),
        types.SendTextMulti(text="Hello. ", context_id="c", flush=True),
        types.CloseContext(context_id="c", close_context=True),
    ]

    async def test(tts: ElevenLabs, server: ElevenLabsSpeech) -> None:
        url = f"{server.url}/v1/text-to-speech/toy/multi-stream-input?output_format=pcm_24000"
        async with connect(url) as socket:
            for message in ours:
                await socket.send(message.model_dump_json(exclude_none=True))
            heard = [types.WebsocketTtsServerMessageMulti.model_validate_json(await socket.recv()) for _ in range(2)]
            final = types.FinalOutputMulti.model_validate_json(await socket.recv())
        assert heard[0].alignment.chars == list("Hello") and heard[1].alignment.chars == [".", " "]
        assert not any(message.model_extra for message in heard)
        assert final.is_final and final.context_id == "c" and not final.model_extra

    run(test)
