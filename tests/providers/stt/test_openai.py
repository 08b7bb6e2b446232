"""OpenAI's two wires for speech-to-text: what is their own. What they have in common with all is in test_vendors."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon.errors import Disconnected, RateLimited
from antiphon.lab.scripted import EnergyVad
from antiphon.providers.base import Transcript
from antiphon.providers.stt.openai import OpenAI, wav
from antiphon.providers.stt.openai_realtime import OpenAIRealtime
from tests.emulators.faults import Fault
from tests.emulators.hearing import say
from tests.emulators.openai_transcription import OpenAIRealtimeTranscription, OpenAITranscriptions, Transcribed
from tests.providers.stt.vendors import final, until_final

Test = Callable[[Any, Any], Awaitable[None]]


def run(test: Test, model: str = "", fault: Fault | None = None, *, realtime: bool = False, **options: Any) -> None:
    async def main() -> None:
        async with (OpenAIRealtimeTranscription if realtime else OpenAITranscriptions)(fault) as server:
            make: Any = OpenAIRealtime if realtime else OpenAI
            stt = make(model, base_url=server.url, api_key=server.key, vad=EnergyVad(), **options)
            try:
                async with asyncio.timeout(10):
                    await test(stt, server)
            finally:
                await stt.aclose()

    asyncio.run(main())


# --- whole utterances ---------------------------------------------------------------------------------------------


def test_the_form_says_what_was_wanted() -> None:
    async def test(stt: OpenAI, server: OpenAITranscriptions) -> None:
        stream = await stt.open(keyterms=("Ozempic", "Roma"), language="de")
        await final(stream, say("one"))
        assert server.forms == [
            {"model": "gpt-transcribe", "response_format": "json", "keywords[]": ["Ozempic", "Roma"], "language": "de"}
        ]
        assert server.requests[0].headers["authorization"] == f"Bearer {server.key}"

    run(test)


def test_models_that_know_no_keywords_are_given_a_prompt() -> None:
    async def test(stt: OpenAI, server: OpenAITranscriptions) -> None:
        await final(await stt.open(keyterms=("Ozempic", "Roma")), say("one"))
        assert server.forms[0]["prompt"] == "Ozempic, Roma" and server.forms[0]["temperature"] == "0"

    run(test, "whisper-large-v3-turbo", extra={"temperature": "0"})


def test_silence_costs_nothing() -> None:
    async def test(stt: OpenAI, server: OpenAITranscriptions) -> None:
        stream = await stt.open()
        assert (await final(stream, bytes(320_000))).text == ""
        assert server.requests == []
        assert stream.used == {stt.billed_as: (0, 0.0)}
        await final(stream, say("one"))
        ((_, seconds),) = stream.used.values()
        assert 0.2 < seconds < 3.0  # a word and what is around it, of more than ten seconds

    run(test)


def test_much_audio_at_once_leaves_the_loop_to_others() -> None:
    async def test(stt: OpenAI, server: OpenAITranscriptions) -> None:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        stream = await stt.open()
        counting = asyncio.create_task(others())
        await asyncio.sleep(0)
        stream.send(bytes(8 * 32_000))
        stream.finalize()
        assert (await anext(aiter(stream))).final
        counting.cancel()
        assert turns > 16

    run(test)


def test_partials_where_they_are_wanted() -> None:
    async def test(stt: OpenAI, server: OpenAITranscriptions) -> None:
        assert stt.capabilities.partials
        stream = await stt.open()
        pcm = say("one two three four")
        for at in range(0, len(pcm), 3200):  # 100 ms, at twice the pace of speech
            stream.send(pcm[at : at + 3200])
            await asyncio.sleep(0.05)
        got = await until_final(stream)
        assert [transcript.final for transcript in got].count(True) == 1 and len(got) > 2
        assert all("one two three four".startswith(transcript.text) for transcript in got)

    run(test, partial_every=0.3)


def test_a_partial_that_fails_is_no_failure() -> None:
    async def test(stt: OpenAI, server: OpenAITranscriptions) -> None:
        stream = await stt.open()
        stream.send(say("one two", tail=0.0))
        await asyncio.sleep(0.1)
        server.fault = None
        assert (await final(stream, say("three"))).text == "one two three"

    run(test, fault=Fault.RATE_LIMITED, partial_every=0.3)


def test_closing_takes_back_what_is_asked() -> None:
    async def took(stt: OpenAI, server: OpenAITranscriptions) -> float:
        stream = await stt.open()
        stream.send(say("one"))
        stream.finalize()
        await asyncio.sleep(0.2)
        server.someone_left.clear()
        began = asyncio.get_running_loop().time()
        await stream.aclose()
        await server.someone_left.wait()
        return asyncio.get_running_loop().time() - began

    async def test(stt: OpenAI, server: OpenAITranscriptions) -> None:
        assert min([await took(stt, server) for _ in range(5)]) <= 0.05  # the machine may be busy with other things

    run(test, fault=Fault.HANG)


def test_what_whisper_doubts_itself_is_not_heard() -> None:
    async def test(stt: OpenAI, server: OpenAITranscriptions) -> None:
        doubt = {"no_speech_prob": 0.9, "avg_logprob": -1.5}
        server.replies.append(Transcribed(said="Thanks for watching!", segments=[doubt]))
        server.replies.append(Transcribed(said="Yes.", segments=[doubt, {"no_speech_prob": 0.1, "avg_logprob": -0.2}]))
        stream = await stt.open()
        assert (await final(stream, say("one"))).text == ""
        stream.reset()
        assert (await final(stream, say("yes"))).text == "Yes."

    run(test, extra={"response_format": "verbose_json"})


def test_the_vendors_own_client_is_content_with_the_emulator() -> None:
    own = pytest.importorskip("openai")

    async def main() -> str:
        async with OpenAITranscriptions() as server:
            client = own.AsyncOpenAI(base_url=server.url, api_key=server.key, max_retries=0)
            async with client:
                audio = wav(_floats(say("one two three")))
                answer = await client.audio.transcriptions.create(
                    file=("a.wav", audio, "audio/wav"), model="gpt-transcribe", keywords=["pizza"]
                )
            assert server.forms[0]["keywords[]"] == ["pizza"]
            return str(answer.text)

    assert asyncio.run(main()) == "one two three"


def _floats(pcm: bytes) -> Any:
    from antiphon.audio.pcm import to_float

    return to_float(pcm)


# --- sessions -----------------------------------------------------------------------------------------------------


def test_the_session_is_asked_for_what_was_wanted() -> None:
    async def test(stt: OpenAIRealtime, server: OpenAIRealtimeTranscription) -> None:
        await stt.open(keyterms=("Ozempic",), language="de")
        await asyncio.sleep(0.05)
        (visit,) = server.visits
        assert (visit.path, visit.query) == ("/realtime", {"intent": "transcription"})
        heard = visit.received[0]["session"]["audio"]["input"]
        assert heard["format"] == {"type": "audio/pcm", "rate": 24_000} and heard["turn_detection"] is None
        assert heard["transcription"] == {
            "model": "gpt-live-transcribe",
            "language": "de",
            "keywords": ["Ozempic"],
            "delay": "minimal",
        }

    run(test, realtime=True, extra={"delay": "minimal"})


def test_words_come_while_they_are_spoken() -> None:
    async def test(stt: OpenAIRealtime, server: OpenAIRealtimeTranscription) -> None:
        got = await until_final(await stt.open(), say("one two three"))
        assert [transcript.text for transcript in got] == ["one", "one two", "one two three", "one two three"]

    run(test, realtime=True)


def test_only_voice_is_paid_for() -> None:
    async def test(stt: OpenAIRealtime, server: OpenAIRealtimeTranscription) -> None:
        stream = await stt.open()
        got = await final(stream, bytes(10 * 32_000) + say("one", tail=0.1))
        stream.reset()
        stream.send(bytes(10 * 32_000))
        assert got == Transcript("one", 0, final=True)
        await asyncio.sleep(0.05)
        heard = len(server.visits[0].audio) / 48_000
        assert heard < 1.2  # seconds: a word, and what is around it
        assert stream.used[stt.billed_as][1] == pytest.approx(heard, abs=0.05)

    run(test, realtime=True)


def test_a_session_that_has_lasted_too_long_is_a_broken_connection() -> None:
    async def test(stt: OpenAIRealtime, server: OpenAIRealtimeTranscription) -> None:
        with pytest.raises(Disconnected, match="age limit"):
            await final(await stt.open(), say("one two three"))

    run(test, fault=Fault.SESSION_EXPIRED, realtime=True)


def test_an_error_has_the_meaning_of_its_code() -> None:
    async def test(stt: OpenAIRealtime, server: OpenAIRealtimeTranscription) -> None:
        stream = await stt.open()
        error = {"type": "invalid_request_error", "code": "rate_limit_exceeded", "message": "Slow down."}
        await server.visits[0].send({"type": "error", "error": error})
        with pytest.raises(RateLimited, match=r"Slow down\."):
            await anext(aiter(stream))

    run(test, realtime=True)


def test_the_vendors_own_client_is_content_with_the_sessions_of_the_emulator() -> None:
    own = pytest.importorskip("openai")

    async def main() -> list[Any]:
        async with OpenAIRealtimeTranscription() as server:
            client = own.AsyncOpenAI(api_key=server.key, websocket_base_url=server.url)
            heard: list[Any] = []
            async with client, client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
                sound = {"format": {"type": "audio/pcm", "rate": 24_000}, "turn_detection": None}
                sound["transcription"] = {"model": "gpt-live-transcribe"}
                await connection.session.update(session={"type": "transcription", "audio": {"input": sound}})
                audio = base64.b64encode(say("one two", rate=24_000)).decode()
                await connection.input_audio_buffer.append(audio=audio)
                await connection.input_audio_buffer.commit()
                async with asyncio.timeout(3):
                    async for event in connection:
                        heard.append(event)
                        if event.type.endswith("completed"):
                            return heard
            return heard

    heard = asyncio.run(main())
    assert heard[0].type == "session.created" and heard[-1].transcript == "one two"
    assert [event.delta for event in heard if event.type.endswith("delta")] == ["one", " two"]
