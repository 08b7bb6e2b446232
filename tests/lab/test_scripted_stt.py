from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from antiphon.audio.pcm import silence
from antiphon.errors import BadRequest, Disconnected, Overloaded
from antiphon.lab import virtual
from antiphon.lab.scripted import ScriptedStt, SttFaults, SttTiming
from antiphon.lab.tones import ToneCode
from antiphon.providers.base import Stt, SttStream, Transcript

RATE = 16_000
CODE = ToneCode()
STEADY = SttTiming(jitter=0)

Timed = list[tuple[float, Transcript]]


def noise(seconds: float) -> bytes:
    return (np.random.default_rng(1).standard_normal(int(seconds * RATE)) * 3000).astype("<i2").tobytes()


async def feed(stream: SttStream, pcm: bytes) -> None:
    """Sends audio in real time, 20 ms at a time: what is sent has been said by then."""
    step = RATE // 50 * 2
    for at in range(0, len(pcm), step):
        await asyncio.sleep(0.02)
        stream.send(pcm[at : at + step])


async def listen(stream: SttStream) -> Timed:
    return [(asyncio.get_running_loop().time(), transcript) async for transcript in stream]


def hear(stt: Stt, steps: Sequence[bytes | str]) -> Timed:
    """Sends audio, and calls the method named by each string; returns all transcripts with their times."""

    async def main() -> Timed:
        stream = await stt.open()
        listening = asyncio.create_task(listen(stream))
        for step in steps:
            if isinstance(step, bytes):
                await feed(stream, step)
            else:
                getattr(stream, step)()
        await asyncio.sleep(1)
        await stream.aclose()
        return await listening

    return virtual.run(main())


def texts(heard: Timed) -> list[str]:
    return [transcript.text for _, transcript in heard]


def test_each_word_comes_in_a_partial_a_quarter_second_after_it_was_said() -> None:
    pcm, words = CODE.speak("one two three", RATE)
    heard = hear(ScriptedStt(CODE, timing=STEADY), [pcm + silence(RATE // 2)])
    assert texts(heard) == ["one", "one two", "one two three"]
    ends = [word.start / RATE + CODE.duration(said) for word, said in zip(words, ["one", "two", "three"], strict=True)]
    for (time, _), end in zip(heard, ends, strict=True):
        assert end + 0.25 <= time <= end + 0.25 + 0.04


def test_the_final_answers_finalize_with_all_that_was_heard_and_no_partial_follows_it() -> None:
    pcm, _ = CODE.speak("one two three", RATE)
    heard = hear(ScriptedStt(CODE, timing=STEADY), [pcm[: -RATE // 50 * 2], "finalize"])
    time, final = heard[-1]
    assert final == Transcript("one two three", 0, final=True)
    assert time == pytest.approx(len(pcm) / 2 / RATE - 0.02 + 0.15, abs=0.025)


def test_a_final_may_be_asked_for_again_and_covers_the_whole_utterance() -> None:
    one, two = (CODE.speak(word, RATE)[0] + silence(RATE) for word in ("one", "two"))
    heard = hear(ScriptedStt(CODE), ["finalize", one, "finalize", two, "finalize"])
    assert [transcript.text for _, transcript in heard if transcript.final] == ["", "one", "one two"]


def test_reset_begins_another_utterance_and_late_results_keep_their_number() -> None:
    one, two = (CODE.speak(word, RATE)[0] + silence(RATE // 50) for word in ("one", "two"))
    heard = hear(ScriptedStt(CODE), [one, "reset", two, "finalize"])
    assert [(transcript.text, transcript.utterance) for _, transcript in heard] == [("one", 0), ("two", 1)]
    assert heard[0][0] > len(one) / 2 / RATE


def test_the_same_seed_is_as_late_and_another_is_not() -> None:
    pcm, _ = CODE.speak("one two three", RATE)
    times = [[time for time, _ in hear(ScriptedStt(CODE, seed=seed), [pcm, "finalize"])] for seed in (1, 1, 2)]
    assert times[0] == times[1] != times[2]


def test_instant_timing_adds_nothing() -> None:
    pcm, _ = CODE.speak("one", RATE)
    pcm = pcm[: len(pcm) // 640 * 640]
    heard = hear(ScriptedStt(CODE, timing=SttTiming.instant()), [pcm, "finalize"])
    time, final = heard[-1]
    assert final == Transcript("one", 0, final=True)
    assert time == pytest.approx(len(pcm) / 2 / RATE)


def test_without_partials_there_are_only_finals() -> None:
    heard = hear(ScriptedStt(CODE, partials=False), [CODE.speak("one two", RATE)[0], "finalize"])
    assert texts(heard) == ["one two"]


def test_noise_is_nothing_or_whatever_it_is_taken_for() -> None:
    rustle = noise(0.5) + silence(RATE)
    assert texts(hear(ScriptedStt(CODE), [rustle, "finalize"])) == [""]
    imagining = ScriptedStt(CODE, faults=SttFaults(hallucination="thank you"))
    assert texts(hear(imagining, [rustle, "finalize"])) == ["thank you"] * 2


def test_finals_that_never_come() -> None:
    stt = ScriptedStt(CODE, faults=SttFaults(no_finals=True))
    assert texts(hear(stt, [CODE.speak("one", RATE)[0] + silence(RATE), "finalize"])) == ["one"]


def test_disorder_swaps_partials_and_lets_one_follow_the_final() -> None:
    stt = ScriptedStt(CODE, faults=SttFaults(disorder=True))
    heard = hear(stt, [CODE.speak("one two three four", RATE)[0] + silence(RATE), "finalize"])
    assert texts(heard)[:4] == ["one two", "one", "one two three four", "one two three"]
    assert [transcript.final for _, transcript in heard[4:]] == [True, False]


def test_a_stream_dies_when_told_to_and_its_iterator_says_so() -> None:
    async def main() -> float:
        stream = await ScriptedStt(CODE, faults=SttFaults(disconnect_after=2)).open()
        with pytest.raises(Disconnected) as lost:
            await listen(stream)
        stream.send(silence(100))
        stream.finalize()
        assert await listen(stream) == []
        await stream.aclose()
        assert (lost.value.stage, lost.value.elapsed) == ("stt", 2)
        return asyncio.get_running_loop().time()

    assert virtual.run(main()) == 2


def test_opening_fails_when_told_to() -> None:
    with pytest.raises(Overloaded):
        hear(ScriptedStt(CODE, faults=SttFaults(open_error=Overloaded("full"))), [])


@pytest.mark.parametrize("stt", [ScriptedStt(CODE), ScriptedStt(utterances=["hello"])])
def test_half_a_sample_is_refused_by_the_iterator(stt: ScriptedStt) -> None:
    with pytest.raises(BadRequest):
        hear(stt, [b"abc"])


def test_closing_ends_the_iterator_at_once_and_twice_is_harmless() -> None:
    stt = ScriptedStt(CODE)

    async def main() -> None:
        stream = await stt.open()
        listening = asyncio.create_task(listen(stream))
        await feed(stream, CODE.speak("one", RATE)[0])
        stream.finalize()
        await stream.aclose()
        await stream.aclose()
        stream.send(silence(10))
        stream.finalize()
        assert await listening == []

    virtual.run(main())
    assert (stt.opened, stt.closed) == (1, 1)


# --- any voice for the texts it was given -------------------------------------------------------------------------


def test_each_voiced_segment_is_the_next_of_the_texts() -> None:
    stt = ScriptedStt(utterances=["I would like a table", "for two"])
    steps: list[bytes | str] = [
        noise(1.5),
        silence(RATE // 2),
        "finalize",
        "reset",
        noise(0.5),
        silence(RATE // 4),
        "finalize",
    ]
    heard = hear(stt, steps)
    assert [transcript for _, transcript in heard if transcript.final] == [
        Transcript("I would like a table", 0, final=True),
        Transcript("for two", 1, final=True),
    ]
    assert texts(heard)[:3] == ["I", "I would", "I would like"]


def test_a_click_and_a_short_pause_begin_no_segment() -> None:
    stt = ScriptedStt(utterances=["first", "second"])
    heard = hear(stt, [noise(0.04), silence(RATE), noise(0.3), silence(RATE // 4), noise(0.3), "finalize"])
    assert texts(heard)[-1] == "first"
