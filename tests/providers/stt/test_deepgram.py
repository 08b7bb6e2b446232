"""Deepgram's two wires: what is their own. What they have in common with all vendors is in test_vendors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon.errors import BadRequest, Disconnected, Overloaded, RateLimited
from antiphon.providers.base import Transcript
from antiphon.providers.stt import deepgram_flux, socket_stt
from antiphon.providers.stt.deepgram import Deepgram
from antiphon.providers.stt.deepgram_flux import reported
from tests.emulators.deepgram import DeepgramServer
from tests.emulators.hearing import say
from tests.providers.stt.vendors import final, until_final


def run(test: Callable[[Deepgram, DeepgramServer], Awaitable[None]], model: str = "", **options: Any) -> None:
    async def main() -> None:
        async with DeepgramServer() as server:
            stt = Deepgram(model, base_url=server.url, api_key=server.key, **options)
            try:
                async with asyncio.timeout(10):
                    await test(stt, server)
            finally:
                await stt.aclose()

    asyncio.run(main())


def test_flux_is_asked_for_what_was_wanted() -> None:
    async def test(stt: Deepgram, server: DeepgramServer) -> None:
        await stt.open(keyterms=("Ozempic", "Roma"), language="de")
        visit = server.visits[0]
        assert visit.path == "/v2/listen" and visit.headers["authorization"] == f"Token {server.key}"
        assert visit.query == {
            "model": "flux-general-multi",
            "encoding": "linear16",
            "sample_rate": "16000",
            "eager_eot_threshold": "0.4",
            "language_hint": "de",
            "keyterm": "Roma",
            "eot_timeout_ms": "3000",
        }
        assert "keyterm=Ozempic&keyterm=Roma" in str(visit.connection.request)

    run(test, model="flux-general-multi", eager=0.4, extra={"eot_timeout_ms": 3000})


def test_nova_is_asked_for_what_was_wanted() -> None:
    async def test(stt: Deepgram, server: DeepgramServer) -> None:
        await stt.open(keyterms=("Roma",), language="fr")
        visit = server.visits[0]
        assert visit.path == "/v1/listen"
        assert visit.query == {
            "model": "nova-2-phonecall",
            "encoding": "linear16",
            "sample_rate": "16000",
            "channels": "1",
            "interim_results": "true",
            "punctuate": "true",
            "endpointing": "300",
            "keywords": "Roma",
            "language": "fr",
            "smart_format": "true",
        }

    run(test, model="nova-2-phonecall", extra={"smart_format": True})


def test_when_flux_takes_a_turn_to_be_likely_over_the_final_is_there_at_once() -> None:
    async def test(stt: Deepgram, server: DeepgramServer) -> None:
        stream = await stt.open()
        stream.send(say("one two three", tail=0.3))
        transcripts = aiter(stream)
        while (await anext(transcripts)).text != "one two three":
            pass
        await asyncio.sleep(0.05)
        stream.finalize()
        assert await anext(transcripts) == Transcript("one two three", 0, final=True)
        assert server.visits[0].received == []

    run(test)


def test_flux_says_when_a_turn_is_over_and_not_when_it_is_only_likely_so() -> None:
    async def test(stt: Deepgram, server: DeepgramServer) -> None:
        stream = await stt.open()
        stream.send(say("one two", tail=0.3) + say("three", lead=0.0, tail=0.6))
        got = [transcript async for transcript in _until_over(stream)]
        assert [transcript.text for transcript in got if transcript.end_of_turn] == ["one two three"]

    run(test)


async def _until_over(stream: Any) -> Any:
    async for transcript in stream:
        yield transcript
        if transcript.end_of_turn:
            return


def test_flux_is_not_forced_while_audio_flows() -> None:
    async def test(stt: Deepgram, server: DeepgramServer) -> None:
        stream = await stt.open()
        asked = asyncio.create_task(final(stream, say("one two", tail=0.1)))
        await asyncio.sleep(0.05)
        stream.send(bytes(16_000))
        assert (await asked).text == "one two"
        assert server.visits[0].received == []

    run(test, eager=None)


def test_flux_is_forced_when_it_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepgram_flux, "_PATIENCE", 0.05)

    async def test(stt: Deepgram, server: DeepgramServer) -> None:
        stream = await stt.open()
        assert (await final(stream, say("one two", tail=0.16))).text == "one two"
        assert server.visits[0].received == [{"type": "ForceEndTurn"}]

    run(test, eager=None)


@pytest.mark.parametrize(("model", "words"), [("nova-3", [{"type": "KeepAlive"}]), ("flux-general-en", [])])
def test_a_caller_who_sends_nothing_is_still_there(
    model: str, words: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in (socket_stt.SocketSttStream, deepgram_flux.FluxStream):
        monkeypatch.setattr(stream, "idle", 0.1)

    async def test(stt: Deepgram, server: DeepgramServer) -> None:
        await stt.open()
        await asyncio.sleep(0.15)
        assert server.visits[0].received == words or server.visits[0].sizes
        assert len(server.visits[0].audio) == (0 if words else 2560)

    monkeypatch.setattr("antiphon.providers.stt.deepgram_nova.NovaStream.idle", 0.1)
    run(test, model=model)


def test_a_nova_stretch_that_is_settled_is_the_final_at_once() -> None:
    async def test(stt: Deepgram, server: DeepgramServer) -> None:
        stream = await stt.open()
        stream.send(say("one two", tail=0.4))
        got = [transcript async for transcript in _until_over(stream)]
        assert got[-1] == Transcript("one two", 0, end_of_turn=True)
        assert (await until_final(stream)) == [Transcript("one two", 0, final=True)]
        assert server.visits[0].received == []

    run(test, model="nova-3")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("INTERNAL_SERVER_ERROR", Overloaded),
        ("UNPARSABLE_CLIENT_MESSAGE", BadRequest),
        ("DATA-0000", BadRequest),
        ("TOO_MANY_REQUESTS", RateLimited),
        ("NET-0001", Disconnected),
    ],
)
def test_codes(code: str, error: type[Exception]) -> None:
    assert type(reported(code, "Oh dear.")) is error


async def _vendors_own(version: str, **options: Any) -> list[Any]:
    """What the vendor's own client hears from the emulator."""
    deepgram = pytest.importorskip("deepgram")
    from deepgram.core.events import EventType
    from deepgram.environment import DeepgramClientEnvironment

    async with DeepgramServer() as server:
        address = DeepgramClientEnvironment(
            base=server.url, production=server.url, agent=server.url, agent_rest=server.url
        )
        client = deepgram.AsyncDeepgramClient(api_key=server.key, environment=address)
        heard: list[Any] = []
        async with getattr(client.listen, version).connect(encoding="linear16", sample_rate=16_000, **options) as own:
            own.on(EventType.MESSAGE, heard.append)
            listening = asyncio.create_task(own.start_listening())
            await own.send_media(say("one two three", tail=0.5))
            await asyncio.sleep(0.2)
            await own.send_close_stream()
            async with asyncio.timeout(3):
                await listening
        return heard


def test_the_vendors_own_client_is_content_with_the_emulator_of_flux() -> None:
    heard = asyncio.run(_vendors_own("v2", model="flux-general-en", eager_eot_threshold=0.5))
    assert [type(message).__name__ for message in heard[:2]] == ["ListenV2Connected", "ListenV2TurnInfo"]
    assert (heard[-1].event, heard[-1].transcript, heard[-1].trigger) == ("EndOfTurn", "one two three", "model")


def test_the_vendors_own_client_is_content_with_the_emulator_of_nova() -> None:
    heard = asyncio.run(_vendors_own("v1", model="nova-3", interim_results=True))
    assert {type(message).__name__ for message in heard} == {"ListenV1Results", "ListenV1Metadata"}
    settled = [message for message in heard if message.type == "Results" and message.speech_final]
    assert settled[0].channel.alternatives[0].transcript == "one two three"
