"""Moonshine: transcripts while speech goes on, finals on demand, and nothing out of silence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from antiphon.errors import ConfigError, Disconnected
from antiphon.providers.base import Transcript
from antiphon.providers.stt.moonshine import Moonshine
from antiphon.providers.stt.moonshine_model import MoonshineModel
from antiphon.providers.stt.segmented import SegmentedStream
from tests.providers.conftest import noise, silence, tone

pytestmark = pytest.mark.local("moonshine-tiny-en", "silero-vad")


def run(test: Callable[[Moonshine], Awaitable[None]]) -> None:
    async def main() -> None:
        stt = Moonshine()
        try:
            await test(stt)
        finally:
            await stt.aclose()

    asyncio.run(main())


async def send(stream: SegmentedStream, pcm: bytes, *, frame: int = 640) -> None:
    """Sends audio in frames of 20 ms, letting the loop breathe."""
    for at in range(0, len(pcm), frame):
        stream.send(pcm[at : at + frame])
        await asyncio.sleep(0)


async def final(stream: SegmentedStream) -> Transcript:
    stream.finalize()
    async for transcript in stream:
        if transcript.final:
            return transcript
    raise AssertionError("the stream ended without a final")


def words(text: str) -> list[str]:
    return "".join(c for c in text.lower() if c.isalpha() or c == " ").split()


def test_a_reading_is_understood(speech: bytes) -> None:
    async def test(stt: Moonshine) -> None:
        stream = await stt.open()
        await send(stream, silence(1) + speech)
        heard = await final(stream)
        assert heard.utterance == 0
        assert words(heard.text)[:6] == "it was the best of times".split()

    run(test)


def test_partials_grow_towards_the_final(speech: bytes) -> None:
    async def test(stt: Moonshine) -> None:
        stream = await stt.open()
        partials: list[Transcript] = []

        async def listen() -> Transcript:
            async for transcript in stream:
                if transcript.final:
                    return transcript
                partials.append(transcript)
            raise AssertionError

        listening = asyncio.create_task(listen())
        for at in range(0, len(speech), 3200):
            stream.send(speech[at : at + 3200])
            await asyncio.sleep(0.05)
        stream.finalize()
        last = await listening
        assert len(partials) >= 3
        assert all(transcript.utterance == 0 and transcript.text for transcript in partials)
        assert words(partials[-1].text)[:4] == words(last.text)[:4]

    run(test)


@pytest.mark.parametrize("sound", [silence(3), noise(3, level=0.003), noise(3), tone(3)])
def test_what_is_not_speech_has_no_words(sound: bytes) -> None:
    async def test(stt: Moonshine) -> None:
        stream = await stt.open()
        await send(stream, sound)
        assert await final(stream) == Transcript("", 0, final=True)

    run(test)


def test_minutes_of_silence_cost_nothing_and_harm_nothing(speech: bytes) -> None:
    async def test(stt: Moonshine) -> None:
        fresh, waited = await stt.open(), await stt.open()
        await send(waited, silence(120), frame=32_000)
        assert len(waited._utterance.snapshot().pieces) == 0
        for stream in (fresh, waited):
            await send(stream, speech)
        assert words((await final(waited)).text)[:6] == words((await final(fresh)).text)[:6]

    run(test)


def test_a_result_carries_the_number_of_its_utterance(speech: bytes) -> None:
    async def test(stt: Moonshine) -> None:
        stream = await stt.open()
        await send(stream, speech)
        stream.finalize()
        stream.reset()
        first = await anext(t async for t in stream if t.final)
        assert (first.utterance, words(first.text)[:2]) == (0, ["it", "was"])
        assert await final(stream) == Transcript("", 1, final=True)

    run(test)


def test_a_second_final_covers_the_whole_utterance(speech: bytes) -> None:
    async def test(stt: Moonshine) -> None:
        stream = await stt.open()
        await send(stream, speech[:48_000] + silence(0.5))
        first = await final(stream)
        await send(stream, speech[48_000:] + silence(0.5))
        second = await final(stream)
        assert words(second.text)[:2] == words(first.text)[:2]
        assert len(words(second.text)) > len(words(first.text))

    run(test)


def test_a_long_pause_does_not_cut_off_the_words_after_it(speech: bytes) -> None:
    async def test(stt: Moonshine) -> None:
        stream = await stt.open()
        await send(stream, speech + silence(20) + speech)
        text = words((await final(stream)).text)
        assert text.count("best") == 2

    run(test)


def test_a_minute_of_speech_loses_no_sentence(speech: bytes) -> None:
    async def test(stt: Moonshine) -> None:
        stream = await stt.open()
        await send(stream, (speech + silence(0.6)) * 12)
        assert 10 <= words((await final(stream)).text).count("best") <= 13

    run(test)


def test_many_streams_share_one_model(speech: bytes) -> None:
    async def test(stt: Moonshine) -> None:
        streams = [await stt.open() for _ in range(4)]
        await asyncio.gather(*(send(stream, speech) for stream in streams))
        finals = await asyncio.gather(*(final(stream) for stream in streams))
        assert all(words(heard.text)[:6] == "it was the best of times".split() for heard in finals)

    run(test)


def test_a_final_goes_before_the_partials_of_others(speech: bytes) -> None:
    async def test(stt: Moonshine) -> None:
        await stt.warm()
        others = [await stt.open() for _ in range(8)]
        asked = await stt.open()
        for stream in (*others, asked):
            stream.send(speech)
        asked.finalize()
        assert (await anext(t async for t in asked if t.final)).text
        assert sum(not stream._transcripts.empty() for stream in others) < 8

    run(test)


def test_a_closed_stream_ends_and_is_forgotten(speech: bytes) -> None:
    async def test(stt: Moonshine) -> None:
        stream = await stt.open()
        stream.send(speech)
        stream.finalize()
        await stream.aclose()
        await stream.aclose()
        assert [t async for t in stream if t.final] == []
        stream.send(speech)
        stream.finalize()
        assert not stt._streams

    run(test)


def test_closing_the_provider_ends_its_streams(speech: bytes) -> None:
    async def test(stt: Moonshine) -> None:
        stream = await stt.open()
        await stt.aclose()
        with pytest.raises(Disconnected, match="moonshine/tiny"):
            async for _ in stream:
                pass

    run(test)


def test_a_run_can_be_given_up(speech: bytes) -> None:
    from antiphon.providers import models

    model = MoonshineModel(models.path("moonshine-tiny-en"))
    audio = np.frombuffer(speech, "<i2").astype(np.float32) / 32768
    assert model.transcribe(audio, lambda: True).text == ""
    assert words(model.transcribe(audio).text)[:3] == ["it", "was", "the"]
    assert model.transcribe(audio[:100]).text == ""


def test_an_unknown_model_names_the_known_one() -> None:
    with pytest.raises(ConfigError, match="tiny"):
        Moonshine("base")
