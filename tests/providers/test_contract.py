"""What every local provider must do, whatever it is: stop when told, fail in the one error tree, serve two at once,
and be closed twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon.errors import ConfigError, MissingDependency, ProviderError
from antiphon.providers import registry
from antiphon.providers.base import Llm, LlmRequest, Stt, TextDelta, Transcript, Tts
from antiphon.types import Message, Role

LOCAL_STT = [pytest.param("moonshine", marks=pytest.mark.local("moonshine-tiny-en", "silero-vad"))]
LOCAL_LLM = [pytest.param("smollm2", marks=pytest.mark.local("smollm2-135m"))]
LOCAL_TTS = ["espeak"]
SAY = LlmRequest((Message(Role.USER, "Say hello."),), max_tokens=8)
SAY_MUCH = LlmRequest((Message(Role.USER, "Tell me a long story."),), max_tokens=1000)


def run(stage: registry.Stage, name: str, test: Callable[[Any], Awaitable[None]]) -> None:
    async def main() -> None:
        try:
            provider = registry.create(stage, name)
        except MissingDependency as missing:
            pytest.skip(str(missing))
        try:
            await test(provider)
        finally:
            await provider.aclose()

    asyncio.run(main())


async def final(stt: Stt, speech: bytes) -> Transcript:
    stream = await stt.open()
    stream.send(speech)
    stream.finalize()
    heard = await anext(transcript async for transcript in stream if transcript.final)
    await stream.aclose()
    return heard


async def speak(tts: Tts, text: str) -> bytes:
    stream = tts.open(sample_rate=tts.capabilities.sample_rates[0])
    stream.send(text)
    stream.end()
    return b"".join([chunk.pcm async for chunk in stream])


async def generate(llm: Llm, request: LlmRequest = SAY) -> str:
    return "".join([event.text async for event in llm.stream(request) if isinstance(event, TextDelta)])


async def warm_at_once_and_close_twice(provider: Any) -> None:
    assert provider.name.partition("/")[0] in registry.names(provider_stage(provider))
    await asyncio.gather(provider.warm(), provider.warm())
    await provider.warm()
    await provider.aclose()
    await provider.aclose()


def provider_stage(provider: Any) -> registry.Stage:
    return {"Moonshine": "stt", "SmolLM2": "llm", "Espeak": "tts"}[type(provider).__name__]  # type: ignore[return-value]


@pytest.mark.parametrize("name", LOCAL_STT)
class TestStt:
    def test_warming_at_once_and_closing_twice(self, name: str) -> None:
        run("stt", name, warm_at_once_and_close_twice)

    def test_two_streams_at_once(self, name: str, speech: bytes) -> None:
        async def test(stt: Stt) -> None:
            one, two = await asyncio.gather(final(stt, speech), final(stt, speech))
            assert one.text == two.text != ""

        run("stt", name, test)

    def test_a_stream_closed_twice_ends(self, name: str, speech: bytes) -> None:
        async def test(stt: Stt) -> None:
            stream = await stt.open()
            stream.send(speech)
            await stream.aclose()
            await stream.aclose()
            assert not [transcript async for transcript in stream if transcript.final]

        run("stt", name, test)

    def test_a_listener_can_be_cancelled(self, name: str) -> None:
        async def test(stt: Stt) -> None:
            stream = await stt.open()
            listening = asyncio.ensure_future(anext(aiter(stream)))
            await asyncio.sleep(0)
            listening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await listening
            await stream.aclose()

        run("stt", name, test)

    def test_after_the_end_nothing_but_a_provider_error(self, name: str) -> None:
        async def test(stt: Stt) -> None:
            stream = await stt.open()
            await stt.aclose()
            with pytest.raises(ProviderError) as caught:
                await anext(aiter(stream))
            assert caught.value.stage == "stt" and caught.value.provider == stt.name

        run("stt", name, test)


@pytest.mark.parametrize("name", LOCAL_LLM)
class TestLlm:
    def test_warming_at_once_and_closing_twice(self, name: str) -> None:
        run("llm", name, warm_at_once_and_close_twice)

    def test_two_streams_at_once(self, name: str) -> None:
        async def test(llm: Llm) -> None:
            assert all(await asyncio.gather(generate(llm), generate(llm)))

        run("llm", name, test)

    def test_cancelled_it_serves_the_next(self, name: str) -> None:
        async def test(llm: Llm) -> None:
            for _ in range(8):  # more than there are slots
                task = asyncio.create_task(generate(llm, SAY_MUCH))
                await asyncio.sleep(0.02)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert await generate(llm)

        run("llm", name, test)

    def test_a_failure_is_a_provider_error(self, name: str) -> None:
        async def test(llm: Llm) -> None:
            too_long = LlmRequest((Message(Role.USER, "word " * 2 * llm.capabilities.context_window),))
            with pytest.raises(ProviderError) as caught:
                await generate(llm, too_long)
            assert (caught.value.stage, caught.value.provider) == ("llm", llm.name)
            assert caught.value.elapsed is not None

        run("llm", name, test)


@pytest.mark.parametrize("name", LOCAL_TTS)
class TestTts:
    def test_warming_at_once_and_closing_twice(self, name: str) -> None:
        run("tts", name, warm_at_once_and_close_twice)

    def test_two_streams_at_once(self, name: str) -> None:
        async def test(tts: Tts) -> None:
            one, two = await asyncio.gather(speak(tts, "Hello."), speak(tts, "Hello to all of you."))
            assert 0 < len(one) < len(two)

        run("tts", name, test)

    def test_a_stream_closed_twice_ends(self, name: str) -> None:
        async def test(tts: Tts) -> None:
            stream = tts.open(sample_rate=tts.capabilities.sample_rates[0])
            stream.send("Hello. " * 500)
            await stream.aclose()
            await stream.aclose()
            assert [chunk async for chunk in stream] == []
            assert await speak(tts, "Hello.")

        run("tts", name, test)

    def test_a_listener_can_be_cancelled(self, name: str) -> None:
        async def test(tts: Tts) -> None:
            stream = tts.open(sample_rate=tts.capabilities.sample_rates[0])
            listening = asyncio.ensure_future(anext(aiter(stream)))
            await asyncio.sleep(0)
            listening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await listening
            await stream.aclose()

        run("tts", name, test)

    def test_after_the_end_nothing_but_a_provider_error(self, name: str) -> None:
        async def test(tts: Tts) -> None:
            await tts.aclose()
            with pytest.raises(ProviderError) as caught:
                await speak(tts, "Hello.")
            assert (caught.value.stage, caught.value.provider) == ("tts", tts.name)

        run("tts", name, test)


@pytest.mark.parametrize(("stage", "name"), [("stt", "moonshine"), ("llm", "smollm2"), ("tts", "espeak")])
def test_an_option_that_does_not_exist_is_a_config_error(stage: registry.Stage, name: str) -> None:
    with pytest.raises(ConfigError, match="options"):
        registry.create(stage, name, no_such_option=1)
