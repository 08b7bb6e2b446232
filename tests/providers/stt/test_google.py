"""Google Cloud Speech: what is its own. What it has in common with all vendors is in test_vendors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.speech_v2", reason="the extra google is not installed")

from antiphon.errors import ConfigError
from antiphon.providers.stt import google_stream
from antiphon.providers.stt.google import Google
from tests.emulators.google_transcription import GoogleTranscription
from tests.emulators.hearing import say
from tests.providers.stt.vendors import final, words


def run(test: Callable[[Google, GoogleTranscription], Awaitable[None]], model: str = "", **options: Any) -> None:
    async def main() -> None:
        async with GoogleTranscription() as server:
            stt = Google(model, project="roma", endpoint=server.url, **options)
            try:
                async with asyncio.timeout(15):
                    await test(stt, server)
            finally:
                await stt.aclose()

    asyncio.run(main())


def test_it_is_asked_for_what_was_wanted() -> None:
    async def test(stt: Google, server: GoogleTranscription) -> None:
        await final(await stt.open(keyterms=("Ozempic",), language="de-DE"), say("one"))
        config = server.configs[0].config
        assert server.requested == ["projects/roma/locations/eu/recognizers/_"]
        assert (config.model, list(config.language_codes)) == ("chirp_2", ["de-DE"])
        assert config.explicit_decoding_config.sample_rate_hertz == 16_000
        assert config.features.enable_automatic_punctuation
        assert config.adaptation.phrase_sets[0].inline_phrase_set.phrases[0].value == "Ozempic"
        assert server.configs[0].streaming_features.interim_results

    run(test, "chirp_2", location="eu")


@pytest.mark.parametrize(("asked", "sent"), [(None, "en-US"), ("en", "en-US"), ("en-GB", "en-GB"), ("fr", "fr")])
def test_a_language_without_a_region_is_given_the_defaults(asked: str | None, sent: str) -> None:
    async def test(stt: Google, server: GoogleTranscription) -> None:
        await final(await stt.open(language=asked), say("one"))
        assert list(server.configs[0].config.language_codes) == [sent]

    run(test)


def test_a_recognition_is_replaced_before_it_is_too_old_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google_stream, "_ROTATE", 0.3)

    async def test(stt: Google, server: GoogleTranscription) -> None:
        stream = await stt.open()
        texts = ["one two three", "four five", "six", "seven eight nine ten"]
        pcm = b"".join(say(text, tail=0.1) for text in texts)
        for at in range(0, len(pcm), 3200):  # 100 ms, at twice the pace of speech
            stream.send(pcm[at : at + 3200])
            await asyncio.sleep(0.05)
        got = await final(stream)
        assert words(got) == "one two three four five six seven eight nine ten"
        assert len(server.configs) > 2
        assert b"".join(server.audio).startswith(pcm)

    run(test)


def test_a_word_is_not_cut_by_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google_stream, "_ROTATE", 0.0)

    async def test(stt: Google, server: GoogleTranscription) -> None:
        stream = await stt.open()
        for word in ("one", "two", "three"):
            stream.send(say(word, lead=0.2, tail=0.2))
            await asyncio.sleep(0.05)
        assert words(await final(stream)) == "one two three"

    run(test)


def test_what_hears_no_audio_is_ended_before_the_vendor_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google_stream, "_IDLE", 0.1)

    async def test(stt: Google, server: GoogleTranscription) -> None:
        stream = await stt.open()
        stream.send(say("one"))
        await asyncio.sleep(0.3)
        assert words(await final(stream, say("two"))) == "one two"
        assert len(server.configs) == 2

    run(test)


def test_the_project_is_found_or_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with pytest.raises(ConfigError, match="GOOGLE_CLOUD_PROJECT"):
        Google()
    file = tmp_path / "key.json"
    file.write_text(json.dumps({"project_id": "from-a-file"}))
    assert "projects/from-a-file/" in Google(credentials_file=str(file)).recognizer
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "from-the-environment")
    assert "projects/from-the-environment/" in Google(credentials_file=str(file)).recognizer


def test_the_vendors_own_client_is_content_with_the_emulator() -> None:
    import grpc.aio
    from google.cloud.speech_v2 import SpeechAsyncClient, types
    from google.cloud.speech_v2.services.speech.transports import SpeechGrpcAsyncIOTransport

    async def requests() -> Any:
        decoding = types.ExplicitDecodingConfig(encoding="LINEAR16", sample_rate_hertz=16_000, audio_channel_count=1)
        config = types.RecognitionConfig(explicit_decoding_config=decoding, model="chirp_3", language_codes=["en-US"])
        recognizer = "projects/roma/locations/us/recognizers/_"
        streaming = types.StreamingRecognitionConfig(config=config)
        yield types.StreamingRecognizeRequest(recognizer=recognizer, streaming_config=streaming)
        pcm = say("one two three")
        for at in range(0, len(pcm), 3200):
            yield types.StreamingRecognizeRequest(audio=pcm[at : at + 3200])

    async def main() -> list[Any]:
        async with GoogleTranscription() as server:
            channel = grpc.aio.insecure_channel(server.url.removeprefix("http://"))
            client = SpeechAsyncClient(transport=SpeechGrpcAsyncIOTransport(channel=channel))
            heard = [response async for response in await client.streaming_recognize(requests=requests())]
            await channel.close()
            return heard

    heard = asyncio.run(main())
    assert heard[-1].results[0].is_final
    assert heard[-1].results[0].alternatives[0].transcript == "one two three"
