"""The polly voices against a server on the loopback interface: requests, signatures, µ-law, words, the vendor's SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from antiphon.audio.g711 import decode_ulaw, encode_ulaw
from antiphon.errors import AuthError, BadRequest, ConfigError, RateLimited
from antiphon.providers import registry
from antiphon.providers.base import WordTime
from antiphon.providers.tts.polly import Polly
from tests.emulators.polly import KEY_ID, REGION, SECRET, PollySpeech, Synthesis
from tests.emulators.voice import speech
from tests.providers.tts.vendors import collect, open_stream, segments

pytest.importorskip("botocore", reason="the extra aws is not installed")
KEYS = {"access_key_id": KEY_ID, "secret_access_key": SECRET}


def run(test: Callable[[Polly, PollySpeech], Awaitable[None]], model: str = "polly", **options: Any) -> None:
    async def main() -> None:
        async with PollySpeech() as server:
            options.setdefault("region", REGION)
            tts = registry.create("tts", model, endpoint_url=server.url, **options)
            await test(tts, server)
            await tts.aclose()

    asyncio.run(main())


def test_engine_and_voice_go_as_given_and_the_request_is_signed() -> None:
    async def test(tts: Polly, server: PollySpeech) -> None:
        await collect(open_stream(tts, "Grüß Gott.", voice="Vicki"))
        (request,) = server.requests
        assert (request.method, request.path) == ("POST", "/v1/speech")
        assert request.body == {
            "Engine": "generative-9",
            "TextType": "text",
            "LanguageCode": "de-DE",
            "Text": "Grüß Gott.",
            "VoiceId": "Vicki",
            "SampleRate": "16000",
            "OutputFormat": "pcm",
        }
        assert request.headers["authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={KEY_ID}/")
        assert server.is_signed(request)

    run(test, "polly/generative-9", language="de-DE", **KEYS)


def test_keys_are_found_where_the_vendors_tools_find_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    profile = f"[profile talk]\nregion = {REGION}\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n"
    (tmp_path / "config").write_text(profile)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "talk")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)

    async def test(tts: Polly, server: PollySpeech) -> None:
        await tts.warm()
        assert len(segments(await collect(open_stream(tts, "Hello.")))) == 1

    run(test, region=None)


def test_without_keys_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)

    async def test(tts: Polly, server: PollySpeech) -> None:
        with pytest.raises(AuthError, match="AWS_ACCESS_KEY_ID"):
            await collect(open_stream(tts, "Hello."))
        assert server.connections == 0

    run(test)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(ConfigError, match="AWS_REGION"):
        Polly()


def test_a_wrong_key_is_refused() -> None:
    async def test(tts: Polly, server: PollySpeech) -> None:
        with pytest.raises(AuthError):
            await tts.warm()

    run(test, access_key_id=KEY_ID, secret_access_key="wrong")


@pytest.mark.parametrize(
    ("name", "error"), [("ThrottlingException", RateLimited), ("InvalidSsmlException", BadRequest)]
)
def test_a_400_is_told_apart_by_its_name(name: str, error: type[Exception]) -> None:
    async def test(tts: Polly, server: PollySpeech) -> None:
        server.replies.append(Synthesis(status=400, headers={"x-amzn-ErrorType": f"{name}:http://internal/"}))
        with pytest.raises(error):
            await collect(open_stream(tts, "Hello."))

    run(test, **KEYS)


def test_mu_law_is_half_the_bytes() -> None:
    async def test(tts: Polly, server: PollySpeech) -> None:
        stream = tts.open(sample_rate=8_000)
        stream.send("Hello.")
        stream.end()
        assert segments(await collect(stream)) == [decode_ulaw(encode_ulaw(speech("Hello.", 8_000)))]
        assert server.requests[0].body["OutputFormat"] == "mulaw"

    run(test, mulaw=True, **KEYS)


def test_words_are_had_by_a_second_request() -> None:
    async def test(tts: Polly, server: PollySpeech) -> None:
        chunks = await collect(open_stream(tts, "Grüß Gott alle."))
        each = 16_000 // 50  # samples a character
        assert chunks[0].words == (WordTime(0, 0), WordTime(5, 5 * each), WordTime(10, 10 * each))
        assert segments(chunks) == [speech("Grüß Gott alle.", 16_000)]
        assert {request.body["OutputFormat"] for request in server.requests} == {"pcm", "json"}

    run(test, word_times=True, **KEYS)


def test_audio_without_its_words_is_still_spoken() -> None:
    async def test(tts: Polly, server: PollySpeech) -> None:
        def answer() -> Synthesis:
            is_audio = server.requests[-1].body["OutputFormat"] == "pcm"
            return (
                Synthesis(body=speech("Hello.", 16_000), content_type="audio/pcm")
                if is_audio
                else Synthesis(status=500)
            )

        server.default = answer  # type: ignore[method-assign]
        assert segments(await collect(open_stream(tts, "Hello."))) == [speech("Hello.", 16_000)]

    run(test, word_times=True, **KEYS)


def test_the_official_client_hears_the_same() -> None:
    boto3 = pytest.importorskip("boto3", reason="the boto3 package is not installed")

    async def test(tts: Polly, server: PollySpeech) -> None:
        def speak() -> bytes:
            session = boto3.Session(KEY_ID, SECRET, region_name=REGION)
            client = session.client("polly", endpoint_url=server.url)
            answer = client.synthesize_speech(Text="Hello.", VoiceId="Joanna", OutputFormat="pcm", SampleRate="8000")
            heard: bytes = answer["AudioStream"].read()
            assert answer["ContentType"] == "audio/pcm" and client.describe_voices()["Voices"][0]["Id"] == "Joanna"
            return heard

        assert await asyncio.to_thread(speak) == speech("Hello.", 8_000)

    run(test, **KEYS)
