"""The openai-realtime voices against a server on the loopback interface: sessions, responses, what strays, the SDK."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon.errors import AuthError, Disconnected, QuotaError
from antiphon.providers import registry
from antiphon.providers.tts.openai_realtime import OpenAIRealtime, _Context
from tests.emulators.openai_realtime_speech import OpenAIRealtimeSpeech
from tests.emulators.voice import speech
from tests.providers.tts.vendors import KEY, collect, open_stream, segments


def run(
    test: Callable[[OpenAIRealtime, OpenAIRealtimeSpeech], Awaitable[None]],
    model: str = "openai-realtime",
    *,
    pace: float = 0.0,
    **options: Any,
) -> None:
    async def main() -> None:
        async with OpenAIRealtimeSpeech(pace=pace) as server:
            tts = registry.create("tts", model, base_url=f"{server.url}/v1", api_key=KEY, **options)
            await test(tts, server)
            await tts.aclose()

    asyncio.run(main())


def test_model_and_voice_go_as_given_and_each_segment_is_a_response_of_its_own() -> None:
    async def test(tts: OpenAIRealtime, server: OpenAIRealtimeSpeech) -> None:
        stream = tts.open(sample_rate=8_000, voice="cedar")
        stream.send("One.")
        stream.send("Two.")
        stream.end()
        assert len(segments(await collect(stream))) == 2
        (visit,) = server.visits
        assert (visit.path, visit.query) == ("/v1/realtime", {"model": "gpt-realtime-9"})
        assert visit.headers["authorization"] == f"Bearer {KEY}"
        session, one, two = visit.received
        output = {"format": {"type": "audio/pcmu"}, "voice": "cedar", "speed": 1.1}
        assert session["session"]["audio"] == {"input": {"turn_detection": None}, "output": output}
        assert session["session"]["instructions"] == "Sing it."
        assert [item["response"]["input"][0]["content"][0]["text"] for item in (one, two)] == ["One.", "Two."]
        assert one["response"]["conversation"] == "none"

    run(test, "openai-realtime/gpt-realtime-9", instructions="Sing it.", speed=1.1)


def test_a_reply_cut_off_before_its_response_has_a_name_is_stopped_when_it_has() -> None:
    sent: list[dict[str, Any]] = []
    context = _Context(sent.append, mulaw=False, provider="toy")
    context.speak("One.")
    context.cancel()
    assert [message["type"] for message in sent] == ["response.create"] and not context.over
    created = {"type": "response.created", "response": {"id": "r1", "metadata": {"context": context.id}}}
    assert not list(context.read(created))
    assert sent[-1] == {"type": "response.cancel", "event_id": context.id, "response_id": "r1"}
    assert not list(context.read({"type": "response.done", "response": {"id": "r1", "status": "cancelled"}}))
    assert context.over


@pytest.mark.parametrize(
    ("status", "details", "error"),
    [
        ("failed", {"error": {"code": "insufficient_quota", "message": "pay"}}, QuotaError),
        ("incomplete", {"reason": "content_filter"}, Disconnected),
        ("completed", {}, Disconnected),  # without a sound
    ],
)
def test_a_response_that_is_no_speech_is_an_error(status: str, details: dict[str, Any], error: type[Exception]) -> None:
    context = _Context(lambda message: None, mulaw=False, provider="toy")
    context.speak("One.")
    list(context.read({"type": "response.created", "response": {"id": "r1", "metadata": {"context": context.id}}}))
    response = {"id": "r1", "status": status, "status_details": details}
    with pytest.raises(error):
        list(context.read({"type": "response.done", "response": response}))


def test_a_model_that_strays_is_told_on(caplog: pytest.LogCaptureFixture) -> None:
    async def test(tts: OpenAIRealtime, server: OpenAIRealtimeSpeech) -> None:
        await collect(open_stream(tts, "What is the time?"))
        assert not caplog.records
        server.strays = "It is half past nine, and a lovely evening."
        await collect(open_stream(tts, "What is the time?"))
        (told,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert "spoke other words" in told and "half past nine" not in told

    run(test)


def test_streams_share_a_socket() -> None:
    async def test(tts: OpenAIRealtime, server: OpenAIRealtimeSpeech) -> None:
        texts = [f"Sentence number {number}." for number in range(4)]
        heard = await asyncio.gather(*(collect(open_stream(tts, text)) for text in texts))
        assert [segments(chunks) for chunks in heard] == [[speech(text, 24_000)] for text in texts]
        assert server.connections == 1

    run(test, pace=0.002)


def test_without_a_key_openai_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_API_KEY_FILE", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)

    async def main() -> None:
        with pytest.raises(AuthError, match="OPENAI_API_KEY"):
            await collect(open_stream(OpenAIRealtime(), "Hello."))

    asyncio.run(main())


def test_the_official_client_hears_the_same() -> None:
    openai = pytest.importorskip("openai", reason="the openai package is not installed")
    audio: Any = {"output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "marin"}}
    item: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}

    async def main() -> None:
        async with OpenAIRealtimeSpeech() as server:
            client = openai.AsyncOpenAI(api_key=KEY, websocket_base_url=f"{server.url}/v1")
            async with client.realtime.connect(model="toy") as connection:
                await connection.session.update(session={"type": "realtime", "audio": audio})
                await connection.response.create(response={"conversation": "none", "input": [item]})
                heard, kinds = b"", []
                async for event in connection:
                    kinds.append(event.type)
                    if event.type == "response.output_audio.delta":
                        heard += base64.b64decode(event.delta)
                    if event.type == "response.done":
                        break
            assert heard == speech("Hello.", 24_000)
            assert kinds[:3] == ["session.created", "session.updated", "response.created"]
            assert event.response.status == "completed"

    asyncio.run(main())
