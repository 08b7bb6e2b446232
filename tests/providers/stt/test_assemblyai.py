"""AssemblyAI's streaming API: what is its own. What it has in common with all vendors is in test_contract."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon.errors import AuthError, BadRequest, Disconnected, Overloaded, QuotaError, RateLimited
from antiphon.providers.base import Transcript
from antiphon.providers.stt.assemblyai import AssemblyAI, fitting, from_code
from tests.emulators.assemblyai import AssemblyAIServer
from tests.emulators.hearing import say


def run(
    test: Callable[[AssemblyAI, AssemblyAIServer], Awaitable[None]], model: str = "u3-rt-pro", **options: Any
) -> None:
    async def main() -> None:
        async with AssemblyAIServer() as server:
            stt = AssemblyAI(model, base_url=server.url, api_key=server.key, **options)
            try:
                async with asyncio.timeout(10):
                    await test(stt, server)
            finally:
                await stt.aclose()

    asyncio.run(main())


async def until_final(stream: Any) -> list[Transcript]:
    got = []
    async with asyncio.timeout(3):
        async for transcript in stream:
            got.append(transcript)
            if transcript.final:
                break
    return got


def test_the_session_is_asked_for_what_was_wanted() -> None:
    async def test(stt: AssemblyAI, server: AssemblyAIServer) -> None:
        await stt.open(keyterms=("Ozempic", "x" * 51), language="de")
        visit = server.visits[0]
        assert visit.path == "/v3/ws"
        assert visit.query == {
            "sample_rate": "16000",
            "encoding": "pcm_s16le",
            "speech_model": "u3-rt-pro",
            "mode": "min_latency",
            "keyterms_prompt": '["Ozempic"]',
            "language_codes": '["de"]',
            "acknowledge_silence": "true",
            "min_turn_silence": "200",
        }
        assert visit.headers["authorization"] == server.key and visit.headers["assemblyai-version"] == "2025-05-12"

    run(test, extra={"min_turn_silence": 200})


def test_what_only_the_newer_family_knows_is_not_asked_of_the_older() -> None:
    async def test(stt: AssemblyAI, server: AssemblyAIServer) -> None:
        await stt.open(language="en")
        assert set(server.visits[0].query) == {"sample_rate", "encoding", "speech_model"}

    run(test, model="universal-streaming-english")


def test_no_more_than_a_hundred_keyterms() -> None:
    assert len(fitting(tuple(f"term {i}" for i in range(150)))) == 100


def test_partials_then_the_turn_that_ends_by_itself_then_a_final_at_once() -> None:
    async def test(stt: AssemblyAI, server: AssemblyAIServer) -> None:
        stream = await stt.open()
        stream.send(say("one two three", tail=0.5))
        transcripts = aiter(stream)
        got = [await anext(transcripts)]
        while not got[-1].end_of_turn:
            got.append(await anext(transcripts))
        assert got[0] == Transcript("one", 0) and got[-1].text == "One two three."
        stream.finalize()
        assert await anext(transcripts) == Transcript("One two three.", 0, final=True)
        assert {"type": "ForceEndpoint"} not in server.visits[0].received

    run(test)


def test_a_turn_still_open_is_forced_to_end() -> None:
    async def test(stt: AssemblyAI, server: AssemblyAIServer) -> None:
        stream = await stt.open()
        stream.send(say("yes please", tail=0.1))
        stream.finalize()
        got = await until_final(stream)
        assert got[-1] == Transcript("Yes please.", 0, final=True)
        assert server.visits[0].received == [{"type": "ForceEndpoint"}]

    run(test)


def test_all_turns_of_an_utterance_are_its_text() -> None:
    async def test(stt: AssemblyAI, server: AssemblyAIServer) -> None:
        stream = await stt.open()
        stream.send(say("one two", tail=0.4) + say("three", tail=0.1))
        stream.finalize()
        assert (await until_final(stream))[-1].text == "One two. Three."

    run(test)


def test_a_formatted_final_is_waited_for_if_the_user_wants_it() -> None:
    async def test(stt: AssemblyAI, server: AssemblyAIServer) -> None:
        stream = await stt.open()
        stream.send(say("hello world", tail=0.1))
        stream.finalize()
        got = await until_final(stream)
        assert [transcript.text for transcript in got if transcript.final] == ["Hello world."]

    run(test, model="universal-streaming-english", extra={"format_turns": True})


def test_what_belongs_to_an_utterance_dropped_in_its_middle_is_not_in_the_next() -> None:
    async def test(stt: AssemblyAI, server: AssemblyAIServer) -> None:
        stream = await stt.open()
        stream.send(say("one two", tail=0.1))
        assert (await anext(aiter(stream))).text.startswith("one")
        stream.reset()
        stream.send(say("three four", lead=0.3, tail=0.1))
        stream.finalize()
        got = await until_final(stream)
        assert got[-1] == Transcript("Three four.", 1, final=True)
        assert all(transcript.utterance == 1 and "one" not in transcript.text.lower() for transcript in got[1:])

    run(test)


def test_a_session_is_changed_while_it_runs() -> None:
    async def test(stt: AssemblyAI, server: AssemblyAIServer) -> None:
        stream = await stt.open()
        stream.update(keyterms_prompt=["pizza"], min_turn_silence=1000)
        stream.send(say("pizza", tail=0.1))
        stream.finalize()
        await until_final(stream)
        assert server.visits[0].received[0] == {
            "type": "UpdateConfiguration",
            "keyterms_prompt": ["pizza"],
            "min_turn_silence": 1000,
        }

    run(test)


def test_a_key_that_is_refused_is_told_when_the_stream_is_opened() -> None:
    async def test(stt: AssemblyAI, server: AssemblyAIServer) -> None:
        wrong = AssemblyAI(base_url=server.url, api_key="wrong")
        with pytest.raises(AuthError, match="Invalid API key") as caught:
            await wrong.warm()
        assert (caught.value.stage, caught.value.provider) == ("stt", "assemblyai/universal-3-6-pro")
        assert "wrong" not in str(caught.value)

    run(test)


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (1008, "Invalid API key", AuthError),
        (1008, "Insufficient funds: add a balance", QuotaError),
        (1008, "Too many concurrent sessions", RateLimited),
        (3005, "Session Cancelled", Overloaded),
        (3006, "Invalid 'mode'", BadRequest),
        (3007, "Input Duration Violation", BadRequest),
        (3008, "Session Expired", Disconnected),
        (3009, "Too many sessions", RateLimited),
    ],
)
def test_codes(code: int, reason: str, error: type[Exception]) -> None:
    assert type(from_code(code, reason)) is error


def test_the_vendors_own_client_is_content_with_the_emulator() -> None:
    v3 = pytest.importorskip("assemblyai.streaming.v3")

    async def main() -> None:
        async with AssemblyAIServer() as server:
            options = v3.RealTimeTranscriberOptions(api_host=server.url, api_key=server.key)
            client, turns, ended, errors = v3.AsyncRealTimeTranscriber(options), [], [], []
            client.on(v3.RealTimeEvents.Turn, lambda _, event: turns.append(event))
            client.on(v3.RealTimeEvents.Termination, lambda _, event: ended.append(event))
            client.on(v3.RealTimeEvents.Error, lambda _, error: errors.append(error))
            await client.connect(v3.RealTimeParameters(sample_rate=16_000, speech_model=v3.SpeechModel.u3_rt_pro))
            pcm = say("one two three", tail=0.05)
            for at in range(0, len(pcm) - 1600, 1600):
                await client.stream(pcm[at : at + 1600])
            await client.stream(pcm[-1600:])
            await client.force_endpoint()
            await client.disconnect(terminate=True)
            assert not errors and len(ended) == 1
            assert turns[-1].transcript == "One two three." and turns[-1].end_of_turn

    asyncio.run(main())
