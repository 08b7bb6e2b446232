"""The google voices against a server on the loopback interface: what is asked, credentials, the official client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.texttospeech_v1", reason="the extra google is not installed")

from antiphon.errors import AuthError
from antiphon.providers import registry
from antiphon.providers.tts.google import Google
from tests.emulators.google_speech import GoogleSpeech
from tests.emulators.voice import speech
from tests.providers.tts.vendors import collect, open_stream, segments


def run(test: Callable[[Google, GoogleSpeech], Awaitable[None]], model: str = "google", **options: Any) -> None:
    async def main() -> None:
        async with GoogleSpeech() as server:
            tts = registry.create("tts", model, endpoint=server.url, **options)
            await test(tts, server)
            await tts.aclose()

    asyncio.run(main())


def test_a_voice_names_its_language_and_no_model() -> None:
    async def test(tts: Google, server: GoogleSpeech) -> None:
        stream = tts.open(sample_rate=8_000, voice="de-DE-Chirp3-HD-Kore")
        stream.send("Guten Tag.")
        stream.end()
        assert len(segments(await collect(stream))) == 1
        (config,) = server.configs
        assert (config.voice.name, config.voice.language_code) == ("de-DE-Chirp3-HD-Kore", "de-DE")
        assert config.voice.model_name == ""
        assert config.streaming_audio_config.audio_encoding.name == "PCM"
        assert config.streaming_audio_config.sample_rate_hertz == 8_000
        assert config.streaming_audio_config.speaking_rate == 1.25

    run(test, speaking_rate=1.25)


def test_a_model_goes_as_given_with_its_prompt() -> None:
    async def test(tts: Google, server: GoogleSpeech) -> None:
        await collect(open_stream(tts, "Hello."))
        (config,) = server.configs
        assert (config.voice.model_name, config.voice.name) == ("gemini-9-flash-tts", "Kore")
        assert (config.voice.language_code, server.prompts) == ("en-GB", ["Whisper."])

    run(test, "google/gemini-9-flash-tts", prompt="Whisper.", language="en-GB")


def test_without_credentials_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text("{}")

    async def main() -> None:
        tts = Google(credentials_file=str(tmp_path / "key.json"))
        for attempt in (tts.warm(), collect(open_stream(tts, "Hello."))):
            with pytest.raises(AuthError, match="GOOGLE_APPLICATION_CREDENTIALS"):
                await attempt
        await tts.aclose()

    asyncio.run(main())


def test_the_official_client_hears_the_same() -> None:
    import grpc.aio
    from google.cloud.texttospeech_v1 import TextToSpeechAsyncClient, types
    from google.cloud.texttospeech_v1.services.text_to_speech.transports import TextToSpeechGrpcAsyncIOTransport

    async def requests() -> Any:
        voice = types.VoiceSelectionParams(name="en-US-Chirp3-HD-Charon", language_code="en-US")
        audio = types.StreamingAudioConfig(audio_encoding=types.AudioEncoding.PCM, sample_rate_hertz=24_000)
        config = types.StreamingSynthesizeConfig(voice=voice, streaming_audio_config=audio)
        yield types.StreamingSynthesizeRequest(streaming_config=config)
        yield types.StreamingSynthesizeRequest(input=types.StreamingSynthesisInput(text="Hello."))

    async def test(tts: Google, server: GoogleSpeech) -> None:
        channel = grpc.aio.insecure_channel(server.url.removeprefix("http://"))
        client = TextToSpeechAsyncClient(transport=TextToSpeechGrpcAsyncIOTransport(channel=channel))
        stream = await client.streaming_synthesize(requests=requests())
        assert b"".join([answer.audio_content async for answer in stream]) == speech("Hello.", 24_000)
        assert (await client.list_voices()).voices[0].name == "en-US-Chirp3-HD-Charon"
        await channel.close()

    run(test)
