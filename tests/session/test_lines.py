"""Lines spoken into memory, for when no voice can be reached."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon.conversation.actions import Prompt, Script
from antiphon.lab import virtual
from antiphon.lab.scripted import ScriptedTts, TtsFaults
from antiphon.lab.tones import ToneCode, words_of
from antiphon.providers.base import SpeechChunk
from antiphon.session.lines import KEPT, Lines, RenderedStream
from antiphon.session.replying import Voice

LINE = "Sorry, I'm having trouble answering that: 3 times now. Please ask me again later."
CODE = ToneCode([LINE, "three"])


def tts(**options: Any) -> ScriptedTts:
    return ScriptedTts(CODE, **options)


def run(test: Callable[[], Awaitable[Any]]) -> Any:
    return virtual.run(test())


async def spoken(voice: Voice, line: str = LINE) -> list[SpeechChunk]:
    stream = voice.open(Script(line))
    assert isinstance(stream, RenderedStream)
    for _ in range(3):
        stream.send("the next segment")
    stream.end()
    return [chunk async for chunk in stream if chunk.pcm]


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
def test_a_line_is_said_as_it_would_be(rate: int) -> None:
    async def test() -> None:
        working = tts()
        voice = Voice(working, rate=rate, lines=Lines(working))
        await voice.prepare(LINE)
        working.faults = TtsFaults(fail_after=0)
        chunks = await spoken(voice)
        assert len(chunks) == 3 and all(chunk.last and chunk.words for chunk in chunks)
        heard = CODE.decode(b"".join(chunk.pcm for chunk in chunks), voice.tts_rate)
        assert [word.text for word in heard] == [word for _, word in words_of(LINE.replace("3", "three"))]

    run(test)


def test_another_voice_of_the_process_is_better_than_none() -> None:
    async def test() -> None:
        lines = Lines(tts())
        await Voice(tts(), rate=24_000, lines=lines).prepare(LINE)
        assert await spoken(Voice(tts(), rate=8_000, name="nova", lines=lines))

    run(test)


def test_a_line_is_spoken_by_the_spare_voice_if_the_tts_cannot() -> None:
    async def test() -> None:
        broken = tts(faults=TtsFaults(fail_after=0))
        voice = Voice(broken, rate=24_000, lines=Lines(broken, spare=lambda: tts(sample_rates=(16_000,))))
        await voice.prepare(LINE)
        assert await spoken(voice)

    run(test)


def test_without_any_voice_the_tts_is_asked_each_time() -> None:
    async def test() -> None:
        broken = tts(faults=TtsFaults(fail_after=0))
        voice = Voice(broken, rate=24_000, lines=Lines(broken))
        await voice.prepare(LINE)
        assert not isinstance(voice.open(Script(LINE)), RenderedStream)
        broken.faults = TtsFaults()
        await voice.prepare(LINE)
        assert isinstance(voice.open(Script(LINE)), RenderedStream)

    run(test)


def test_what_is_no_line_is_not_spoken_from_memory() -> None:
    async def test() -> None:
        voice = Voice(tts(), rate=24_000, lines=Lines(tts()))
        await voice.prepare(LINE)
        assert not isinstance(voice.open(Script("hello")), RenderedStream)
        assert not isinstance(voice.open(Prompt((), ())), RenderedStream)

    run(test)


def test_a_line_is_spoken_once_and_the_oldest_is_forgotten() -> None:
    async def test() -> None:
        working = tts()
        lines = Lines(working)
        for voice in ("a", "a", *map(str, range(KEPT))):
            await Voice(working, rate=24_000, name=voice, lines=lines).prepare(LINE)
        assert working.opened == 3 * (1 + KEPT)
        assert len(lines._lines) == KEPT

    run(test)
