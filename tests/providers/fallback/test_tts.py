"""A chain of voices, in virtual time: whatever goes wrong with one, the next goes on, and no word is spoken twice."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.errors import AuthError, BadRequest, Disconnected, Overloaded, ProviderError, QuotaError, RateLimited
from antiphon.lab import virtual
from antiphon.lab.scripted import ScriptedTts, TtsFaults, TtsTiming
from antiphon.lab.tones import ToneCode, words_of
from antiphon.providers.base import SpeechChunk, WordTime
from antiphon.providers.fallback import budget
from antiphon.providers.fallback.budget import Budget
from antiphon.providers.fallback.limits import Limits
from antiphon.providers.fallback.tts import FallbackTts

TEXTS = ("We have several tables tonight, ", "one by the window, ", "and another near your kitchen.")
CODE = ToneCode(["".join(TEXTS), "hello there"])
RATE = 24_000
PACE = TtsTiming(first_audio=0.2, burst=(0.3, 0.3), speed=(3.0, 3.0), jitter=0)


def voice(**options: Any) -> ScriptedTts:
    return ScriptedTts(CODE, **{"timing": PACE, **options})


def broken(*, after: float = 0.0, error: ProviderError | None = None, **options: Any) -> ScriptedTts:
    return voice(faults=TtsFaults(fail_after=after, error=error), name="scripted/broken", **options)


def stalled(*, after: float = 0.0, **options: Any) -> ScriptedTts:
    return voice(faults=TtsFaults(stall_after=after), name="scripted/stalled", **options)


@dataclass
class Spoken:
    segments: list[list[SpeechChunk]] = field(default_factory=lambda: [[]])
    first: float = math.inf  # seconds to the first audio
    error: ProviderError | None = None

    @property
    def pcm(self) -> bytes:
        return b"".join(chunk.pcm for segment in self.segments for chunk in segment)

    @property
    def words(self) -> list[str]:
        return [word.text for word in CODE.decode(self.pcm, RATE, text="".join(TEXTS))]


async def speak(tts: FallbackTts, texts: Sequence[str] = TEXTS, *, within: float = 3.0, pause: float = 0.0) -> Spoken:
    loop = asyncio.get_running_loop()
    began, spoken = loop.time(), Spoken()
    budget.begin(Budget(began + within))
    stream = tts.open(sample_rate=RATE)

    async def send() -> None:
        for text in texts:
            stream.send(text)
            await asyncio.sleep(pause)
        stream.end()

    sending = asyncio.create_task(send())
    try:
        async for chunk in stream:
            if chunk.pcm:
                spoken.first = min(spoken.first, loop.time() - began)
            spoken.segments[-1].append(chunk)
            if chunk.last:
                spoken.segments.append([])
    except ProviderError as error:
        spoken.error = error
    await sending
    await stream.aclose()
    return spoken


def run(test: Callable[[FallbackTts], Awaitable[Any]], *voices: ScriptedTts, **limits: Any) -> Any:
    async def main() -> Any:
        tts = FallbackTts(voices, limits=Limits(**limits))
        try:
            return await test(tts)
        finally:
            await tts.aclose()
            assert all(voice.opened == voice.finished + voice.cancelled for voice in voices)

    return virtual.run(main(), limit=3600)


ALL = [word for _, word in words_of("".join(TEXTS))]
AT_ONCE = {
    "auth": AuthError("401"),
    "quota": QuotaError("402"),
    "rate limited": RateLimited("429", retry_after=7),
    "server error": Overloaded("503"),
    "bad request": BadRequest("400"),
    "refuse": Disconnected("refused"),
}


@pytest.mark.parametrize("pause", [0.0, 2.0])
@pytest.mark.parametrize("fault", [*AT_ONCE, "hang", "slow"])
def test_the_next_speaks_all_of_it(fault: str, pause: float) -> None:
    def make() -> ScriptedTts:
        if fault in AT_ONCE:
            return broken(error=AT_ONCE[fault])
        return stalled() if fault == "hang" else voice(timing=replace(PACE, first_audio=4.0))

    spoken = run(lambda tts: speak(tts, pause=pause), make(), voice())
    assert spoken.words == ALL and spoken.error is None
    assert spoken.first < 1.0
    assert len(spoken.segments) == 1 + len(TEXTS)


@pytest.mark.parametrize("after", [0.05, 0.4, 1.0, 1.7, 2.3, 3.1])
@pytest.mark.parametrize("make", [broken, stalled])
def test_a_voice_that_fails_in_the_middle_is_gone_on_from_at_the_next_word(
    make: Callable[..., ScriptedTts], after: float
) -> None:
    spoken = run(speak, make(after=after), voice())
    assert spoken.words == ALL and spoken.error is None
    assert len(spoken.segments) == 1 + len(TEXTS)
    assert not any(chunk.cut for segment in spoken.segments for chunk in segment)


@pytest.mark.parametrize("after", [0.05, 0.4, 1.0, 1.7, 2.3, 3.1])
@pytest.mark.parametrize("make", [broken, stalled])
def test_without_word_times_it_is_gone_on_from_at_the_next_segment(
    make: Callable[..., ScriptedTts], after: float
) -> None:
    spoken = run(speak, make(after=after, word_times=False), voice(word_times=False))
    (cut,) = [number for number, segment in enumerate(spoken.segments) if segment and segment[-1].cut]
    lost = ALL.copy()
    for word in spoken.words:
        lost.remove(word)  # none twice
    assert lost == [word for word in lost if word in [word for _, word in words_of(TEXTS[cut])]]
    assert len(spoken.segments) == 1 + len(TEXTS)


def test_word_times_fit_the_whole_segment() -> None:
    spoken = run(speak, broken(after=1.0), voice())
    segment = spoken.segments[0]
    times = [word for chunk in segment for word in chunk.words]
    assert [word.char for word in times] == [offset for offset, _ in words_of(TEXTS[0])]
    pcm = b"".join(chunk.pcm for chunk in segment)
    for (_, word), time in zip(words_of(TEXTS[0]), times, strict=True):
        assert CODE.decode(pcm[time.start * SAMPLE_BYTES :], RATE)[0].text in (word, "")


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_the_next_may_have_another_rate(rate: int) -> None:
    spoken = run(speak, broken(), voice(sample_rates=(rate,)))
    assert spoken.words == ALL
    assert all(isinstance(word, WordTime) for segment in spoken.segments for chunk in segment for word in chunk.words)


@pytest.mark.parametrize("first", [voice, broken])
def test_a_voice_that_cannot_tell_segments_apart_gets_a_stream_for_each(first: Callable[..., ScriptedTts]) -> None:
    spoken = run(lambda tts: speak(tts, pause=1.0), first(segments=False), voice(segments=False))
    assert spoken.words == ALL
    assert len(spoken.segments) == 1 + len(TEXTS)


def test_when_all_fail_the_last_error_comes_within_the_budget() -> None:
    loop_time: list[float] = []

    async def test(tts: FallbackTts) -> None:
        spoken = await speak(tts)
        loop_time.append(asyncio.get_running_loop().time())
        assert spoken.error and spoken.error.stage == "tts" and not spoken.pcm

    run(test, stalled(), stalled())
    assert loop_time[0] <= 3.0


def test_one_that_is_alone_is_asked_again_once() -> None:
    alone = broken(error=Overloaded("busy"))

    async def test(tts: FallbackTts) -> None:
        speaking = asyncio.create_task(speak(tts))
        await asyncio.sleep(0.1)
        alone.faults = TtsFaults()
        assert (await speaking).words == ALL

    run(test, alone)
    assert alone.opened == 2


def test_the_last_has_whatever_remains() -> None:
    slow = voice(timing=replace(PACE, first_audio=1.5))
    assert run(speak, slow).words == ALL
    assert run(speak, stalled(), slow).words == ALL


def test_who_has_only_failed_ones_behind_it_is_the_last() -> None:
    first, slow = broken(error=AuthError("no key")), voice(timing=replace(PACE, first_audio=1.5))

    async def test(tts: FallbackTts) -> None:
        await speak(tts)
        assert (await speak(tts)).words == ALL

    run(test, first, slow)
    assert (first.opened, slow.opened) == (1, 2)


def test_the_next_reply_does_not_wait_for_who_failed() -> None:
    async def test(tts: FallbackTts) -> None:
        await speak(tts)
        assert (await speak(tts)).first == pytest.approx(0.2)

    run(test, stalled(), voice())


def test_silence_while_there_is_nothing_to_speak_is_no_failure() -> None:
    first, second = voice(), voice(name="scripted/second")
    spoken = run(lambda tts: speak(tts, pause=60), first, second)
    assert spoken.words == ALL and second.opened == 0


def test_nothing_to_speak_is_no_failure_either() -> None:
    first, second = voice(), voice(name="scripted/second")
    assert run(lambda tts: speak(tts, ()), first, second).error is None
    assert first.opened == second.opened == 0


def test_closing_it_stops_the_voice() -> None:
    first = voice()

    async def test(tts: FallbackTts) -> None:
        stream = tts.open(sample_rate=RATE)
        stream.send("hello there")
        await anext(aiter(stream))
        await stream.aclose()
        await stream.aclose()
        assert first.cancelled == 1
        assert [chunk async for chunk in stream] == []

    run(test, first)


def test_a_voices_name_is_for_the_first_alone() -> None:
    asked: list[tuple[str, str | None]] = []

    class Named(ScriptedTts):
        def open(self, *, sample_rate: int, voice: str | None = None) -> Any:
            asked.append((self.name, voice))
            return super().open(sample_rate=sample_rate, voice=voice)

    first = Named(CODE, faults=TtsFaults(fail_after=0), name="first")

    async def test(tts: FallbackTts) -> None:
        stream = tts.open(sample_rate=RATE, voice="nova")
        stream.send("hello there")
        stream.end()
        assert [chunk async for chunk in stream]
        await stream.aclose()

    run(test, first, Named(CODE, name="second"))
    assert asked == [("first", "nova"), ("second", None)]
