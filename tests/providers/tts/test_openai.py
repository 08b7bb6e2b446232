"""The openai voices against a server on the loopback interface: what is asked for, and what is not audio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from antiphon.errors import AuthError, BadRequest, ConfigError, Disconnected
from antiphon.providers import registry
from antiphon.providers.tts.openai import OpenAI
from antiphon.providers.tts.speech import WholeSamples
from tests.emulators.openai_speech import OpenAISpeech, Spoken
from tests.emulators.voice import speech
from tests.providers.tts.vendors import KEY, collect, open_stream


def run(test: Callable[[OpenAI, OpenAISpeech], Awaitable[None]], **options: object) -> None:
    async def main() -> None:
        async with OpenAISpeech() as server:
            tts = registry.create("tts", "openai/some/model", base_url=server.url, api_key=KEY, **options)
            await test(tts, server)
            await tts.aclose()

    asyncio.run(main())


def test_the_request_names_model_and_voice_as_given() -> None:
    async def test(tts: OpenAI, server: OpenAISpeech) -> None:
        await collect(open_stream(tts, "Hello."))
        await collect(open_stream(tts, "Hello.", voice="af_bella+af_sky"))
        one, two = server.requests
        assert (one.method, one.path) == ("POST", "/v1/audio/speech")
        assert one.headers["authorization"] == f"Bearer {KEY}"
        assert one.body == {
            "model": "some/model",
            "voice": "alto",
            "input": "Hello.",
            "response_format": "pcm",
            "instructions": "Whisper.",
            "speed": 1.1,
        }
        assert two.body["voice"] == "af_bella+af_sky"

    run(test, voice="alto", instructions="Whisper.", extra={"speed": 1.1})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Spoken(raw=b"RIFF....WAVEfmt "), BadRequest),
        (Spoken(raw=b"ID3", content_type="audio/mpeg"), BadRequest),
        (Spoken(raw=b"{}", content_type="application/json; charset=utf-8"), Disconnected),
        (Spoken(), Disconnected),
    ],
)
def test_what_is_no_raw_audio_is_not_played(answer: Spoken, error: type[Exception]) -> None:
    async def test(tts: OpenAI, server: OpenAISpeech) -> None:
        server.replies.append(answer)
        with pytest.raises(error, match="sent"):
            await collect(open_stream(tts, "Hello."))

    run(test)


def test_a_key_that_is_openais_goes_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    async def main() -> None:
        async with OpenAISpeech() as server:
            tts = OpenAI("toy", base_url=server.url)
            await collect(open_stream(tts, "Hello."))
            assert "authorization" not in server.requests[0].headers
            await tts.aclose()

    asyncio.run(main())


def test_without_a_key_openai_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    async def main() -> None:
        with pytest.raises(AuthError, match="OPENAI_API_KEY"):
            await collect(open_stream(OpenAI("gpt-4o-mini-tts"), "Hello."))

    asyncio.run(main())


def test_a_model_must_be_named() -> None:
    with pytest.raises(ConfigError, match="name a model"):
        registry.create("tts", "openai")


def test_samples_are_whole_however_they_come() -> None:
    samples, pcm = WholeSamples(), bytes(range(100))
    pieces = [samples.feed(pcm[at : at + 7]) for at in range(0, 100, 7)]
    assert b"".join(pieces) == pcm
    assert not any(len(piece) % 2 for piece in pieces)


def test_the_official_client_hears_the_same() -> None:
    openai = pytest.importorskip("openai", reason="the openai package is not installed")

    async def main() -> None:
        async with OpenAISpeech() as server, openai.AsyncOpenAI(api_key=KEY, base_url=server.url) as client:
            speaking = client.audio.speech.with_streaming_response.create(
                model="toy", voice="alto", input="Hello.", response_format="pcm"
            )
            async with speaking as response:
                heard = b"".join([piece async for piece in response.iter_bytes()])
            assert heard == speech("Hello.", 24_000)

    asyncio.run(main())
