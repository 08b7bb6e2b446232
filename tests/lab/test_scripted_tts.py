from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from antiphon.audio.pcm import first_audible, silence
from antiphon.errors import BadRequest, Disconnected, QuotaError
from antiphon.lab import virtual
from antiphon.lab.scripted import EnergyVad, ScriptedTts, TtsFaults, TtsTiming
from antiphon.lab.tones import ToneCode
from antiphon.providers.base import SpeechChunk, Tts, TtsStream, Vad

CODE = ToneCode()
RATE = 24_000
STEADY = TtsTiming(burst=(0.2, 0.2), speed=(2, 2), jitter=0)

Timed = list[tuple[float, SpeechChunk]]


def speak(tts: Tts, segments: Sequence[str], *, rate: int = RATE, every: float = 0.0) -> Timed:
    """Sends the segments, `every` seconds apart; returns what is spoken, with its times."""

    async def main() -> Timed:
        stream = tts.open(sample_rate=rate)

        async def send() -> None:
            for segment in segments:
                stream.send(segment)
                await asyncio.sleep(every)
            stream.end()

        async with asyncio.TaskGroup() as group:
            group.create_task(send())
            heard = [(asyncio.get_running_loop().time(), chunk) async for chunk in stream]
        await stream.aclose()
        return heard

    return virtual.run(main())


def audio(heard: Timed) -> bytes:
    return b"".join(chunk.pcm for _, chunk in heard)


@pytest.mark.parametrize("rate", [8_000, 24_000])
def test_what_is_sent_is_spoken_in_order(rate: int) -> None:
    heard = speak(ScriptedTts(CODE), ["Hello there,", "how are you?"], rate=rate)
    words = CODE.decode(audio(heard), rate)
    assert [word.text for word in words] == ["hello", "there", "how", "are", "you"]
    assert sum(chunk.last for _, chunk in heard) == 2


def test_audio_comes_in_bursts_faster_than_it_plays() -> None:
    heard = speak(ScriptedTts(CODE, timing=STEADY), ["one two three four five six seven"])
    times = [time for time, _ in heard]
    assert times == pytest.approx([0.15 + 0.1 * i for i in range(len(heard))])
    assert {len(chunk.pcm) for _, chunk in heard[:-1]} == {RATE // 5 * 2}
    assert len(heard) > 5


def test_a_segment_waits_for_the_one_before_it() -> None:
    together = speak(ScriptedTts(CODE, timing=STEADY), ["one two three", "four"])
    apart = speak(ScriptedTts(CODE, timing=STEADY), ["one two three", "four"], every=5)
    length = len(CODE.speak("one two three", RATE)[0]) / 2 / RATE
    assert together[-1][0] >= 0.15 + length / 2
    assert apart[-1][0] == pytest.approx(5.15, abs=0.11)
    assert audio(together) == audio(apart)


def test_word_times_come_with_the_audio_they_are_about_and_count_from_the_segment() -> None:
    heard = speak(ScriptedTts(CODE, timing=TtsTiming(lead=0.1)), ["One, two three.", "Four five."])
    assert [word.char for _, chunk in heard for word in chunk.words] == [0, 5, 9, 0, 5]
    at = 0
    for _, chunk in heard:
        assert all(at <= word.start < at + len(chunk.pcm) // 2 for word in chunk.words)
        at = 0 if chunk.last else at + len(chunk.pcm) // 2
    assert heard[0][1].words[0].start == 2400
    assert 2400 < (first_audible(audio(heard)) or 0) < 2424


def test_word_times_can_be_left_out() -> None:
    tts = ScriptedTts(CODE, word_times=False)
    assert not tts.capabilities.word_times
    assert not any(chunk.words for _, chunk in speak(tts, ["one two"]))


def test_without_segments_a_stream_is_one_and_times_count_from_its_beginning() -> None:
    tts = ScriptedTts(CODE, segments=False)
    heard = speak(tts, ["One, two. ", "Three."])
    assert [chunk.last for _, chunk in heard] == [False] * (len(heard) - 1) + [True]
    assert [word.char for _, chunk in heard for word in chunk.words] == [0, 5, 10]
    starts = [word.start_sample for word in CODE.decode(audio(heard), RATE)]
    assert [word.start for _, chunk in heard for word in chunk.words] == pytest.approx(starts, abs=24)
    assert speak(tts, []) == []


def test_text_without_words_is_an_empty_segment() -> None:
    assert [chunk for _, chunk in speak(ScriptedTts(CODE), ["…"])] == [SpeechChunk(b"", last=True)]
    assert speak(ScriptedTts(CODE), []) == []


def test_instant_timing_takes_no_time() -> None:
    assert {time for time, _ in speak(ScriptedTts(CODE, timing=TtsTiming.instant()), ["one two", "three"])} == {0}


def test_the_same_seed_speaks_at_the_same_pace() -> None:
    runs = [speak(ScriptedTts(CODE, seed=seed), ["one two three four"]) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_closing_stops_at_once_and_is_seen() -> None:
    tts = ScriptedTts(CODE)

    async def main() -> None:
        stream = tts.open(sample_rate=RATE)
        stream.send("one two three four five six")
        listening = asyncio.create_task(_all(stream))
        await asyncio.sleep(0.2)
        await stream.aclose()
        await stream.aclose()
        stream.send("more")
        stream.end()
        chunks = await listening
        assert len(chunks) == 1
        assert asyncio.get_running_loop().time() == 0.2

    virtual.run(main())
    assert (tts.opened, tts.cancelled, tts.finished) == (1, 1, 0)


async def _all(stream: TtsStream) -> list[SpeechChunk]:
    return [chunk async for chunk in stream]


def test_a_stream_heard_to_its_end_is_not_cancelled() -> None:
    tts = ScriptedTts(CODE)
    speak(tts, ["one"])
    assert (tts.cancelled, tts.finished, tts.texts) == (0, 1, ["one"])


@pytest.mark.parametrize("seconds", [0, 0.3, 1.0])
def test_failing_after_some_audio(seconds: float) -> None:
    async def main() -> int:
        stream = ScriptedTts(CODE, faults=TtsFaults(fail_after=seconds)).open(sample_rate=RATE)
        stream.send("one two three")
        stream.send("four five six")
        stream.end()
        got = 0
        with pytest.raises(Disconnected, match="tts scripted/tts"):
            async for chunk in stream:
                got += len(chunk.pcm) // 2
        return got

    assert virtual.run(main()) == seconds * RATE


def test_stalling_after_some_audio() -> None:
    async def main() -> list[SpeechChunk]:
        stream = ScriptedTts(CODE, faults=TtsFaults(stall_after=0.1)).open(sample_rate=RATE)
        stream.send("one two three")
        stream.end()
        got: list[SpeechChunk] = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                async for chunk in stream:
                    got.append(chunk)
        return got

    assert [len(chunk.pcm) for chunk in virtual.run(main())] == [RATE // 10 * 2]


def test_the_error_can_be_chosen_and_a_rate_it_cannot_speak_is_refused_by_the_iterator() -> None:
    broke = ScriptedTts(CODE, faults=TtsFaults(fail_after=0, error=QuotaError("pay first")))
    for tts, rate, error in ((broke, RATE, QuotaError), (ScriptedTts(CODE), 44_100, BadRequest)):
        with pytest.raises(ExceptionGroup) as raised:
            speak(tts, ["one"], rate=rate)
        assert raised.group_contains(error)


# --- voice activity -----------------------------------------------------------------------------------------------


def test_the_vad_hears_level_window_by_window() -> None:
    vad: Vad = EnergyVad()
    stream = vad.open()
    pcm = silence(512 * 3) + CODE.speak("one", 16_000)[0][: 512 * 2 * 4]
    windows = [p for at in range(0, len(pcm), 333 * 2) for p in stream.feed(pcm[at : at + 333 * 2])]
    assert len(windows) == 7
    assert max(windows[:3]) < 0.01 and min(windows[3:]) > 0.99
    stream.feed(silence(511))
    stream.reset()
    assert stream.feed(silence(511)) == []


def test_around_the_threshold_the_vad_is_unsure() -> None:
    quiet = b"\x48\x01\xb8\xfe" * 256  # ±328: -40 dBFS
    assert EnergyVad().open().feed(quiet)[0] == pytest.approx(0.5, abs=0.01)
