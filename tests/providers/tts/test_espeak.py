"""espeak-ng: audio, word times, silence, cancelling, and processes that come and go."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from antiphon.errors import AtCapacity, ConfigError, Disconnected
from antiphon.providers.base import SpeechChunk, WordTime
from antiphon.providers.tts.espeak import SAMPLE_RATE, Espeak, EspeakStream

pytest.importorskip("espeakng_loader")
LONG = "This sentence goes on and on and says very little. " * 200


def run(test: Callable[[Espeak], Awaitable[None]], **options: int) -> None:
    async def main() -> None:
        tts = Espeak(**options)
        try:
            await test(tts)
        finally:
            await tts.aclose()

    asyncio.run(main())


def open_stream(tts: Espeak, *texts: str, voice: str | None = None) -> EspeakStream:
    stream = tts.open(sample_rate=SAMPLE_RATE, voice=voice)
    for text in texts:
        stream.send(text)
    stream.end()
    return stream


async def speak(tts: Espeak, *texts: str, voice: str | None = None) -> list[SpeechChunk]:
    return [chunk async for chunk in open_stream(tts, *texts, voice=voice)]


def samples(chunks: list[SpeechChunk]) -> np.ndarray:
    return np.frombuffer(b"".join(chunk.pcm for chunk in chunks), dtype="<i2")


def words(chunks: list[SpeechChunk]) -> list[WordTime]:
    return [word for chunk in chunks for word in chunk.words]


def running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "zombie" not in status.read_text()


async def alive(pid: int, *, for_at_most: float = 5) -> bool:
    end = time.monotonic() + for_at_most
    while time.monotonic() < end:
        if not running(pid):
            return False
        await asyncio.sleep(0.01)
    return True


def test_a_word_begins_where_its_time_says() -> None:
    async def test(tts: Espeak) -> None:
        text = "Wait. Then speak."
        chunks = await speak(tts, text)
        heard, times = samples(chunks), words(chunks)
        assert [text[word.char :].split()[0] for word in times] == ["Wait.", "Then", "speak."]
        assert times[0].start == 0
        before = heard[times[1].start - 1500 : times[1].start - 300]  # the pause between the sentences
        after = heard[times[1].start : times[1].start + 2000]
        assert np.abs(before).max() < 200 < np.abs(after).max()

    run(test)


def test_audio_is_sound_from_its_first_samples_to_near_its_last() -> None:
    async def test(tts: Espeak) -> None:
        heard = np.abs(samples(await speak(tts, "Hello there.")))
        assert heard[: SAMPLE_RATE // 100].max() > 100
        assert heard[-SAMPLE_RATE // 5 :].max() > 100
        assert 0.4 < len(heard) / SAMPLE_RATE < 1.5

    run(test)


def test_phonemes_are_spoken_where_they_are_asked_for() -> None:
    async def test(tts: Espeak) -> None:
        spelled = samples(await speak(tts, "[['Vh'V]]"))
        tts.phonemes = True
        assert 0.2 < len(samples(await speak(tts, "[['Vh'V]]"))) / SAMPLE_RATE < 0.5
        assert len(spelled) / SAMPLE_RATE > 0.5

    run(test)


def test_segments_come_in_order_and_each_ends_once() -> None:
    async def test(tts: Espeak) -> None:
        chunks = await speak(tts, "One two three.", "...", "", "Four.")
        assert sum(chunk.last for chunk in chunks) == 4
        assert chunks[-1].last
        assert len(words(chunks)) == 4

    run(test)


def test_words_are_counted_in_characters_of_any_script() -> None:
    async def test(tts: Espeak) -> None:
        text = "Café naïve, größer: 5 < 6 & <b>so</b> \x00 on"
        starts = {word.char for word in words(await speak(tts, text))}
        assert {text.index(word) for word in ("Café", "naïve", "größer", "so", "on")} <= starts

    run(test)


def test_words_come_no_later_than_their_audio() -> None:
    async def test(tts: Espeak) -> None:
        heard = 0
        for chunk in await speak(tts, LONG[:400]):
            assert all(word.start >= heard - SAMPLE_RATE // 10 for word in chunk.words)
            heard += len(chunk.pcm) // 2

    run(test)


def test_a_faster_rate_is_shorter_and_a_wrong_one_is_refused() -> None:
    async def length(rate: int) -> int:
        tts = Espeak(rate=rate)
        chunks = await speak(tts, "How long does this take to say?")
        await tts.aclose()
        return len(samples(chunks))

    assert asyncio.run(length(300)) < asyncio.run(length(120))
    with pytest.raises(ConfigError, match="words a minute"):
        Espeak(rate=20)


def test_voices_differ_and_an_unknown_one_is_the_default(caplog: pytest.LogCaptureFixture) -> None:
    async def test(tts: Espeak) -> None:
        default, british, unknown = [samples(await speak(tts, "Tomato", voice=v)) for v in (None, "en-gb", "ivy")]
        assert len(unknown) == pytest.approx(len(default), abs=50)  # the library is not exact to the sample
        assert len(british) != pytest.approx(len(default), abs=50)
        await speak(tts, "Tomato", voice="ivy")

    with caplog.at_level("DEBUG", logger="antiphon"):
        run(test)
    assert len([record for record in caplog.records if "ivy" in record.message]) == 1


def test_closing_stops_the_speech_and_frees_the_process() -> None:
    async def test(tts: Espeak) -> None:
        stream = open_stream(tts, LONG)
        chunks: AsyncIterator[SpeechChunk] = aiter(stream)
        await anext(chunks)
        await stream.aclose()
        assert [chunk async for chunk in chunks] == []
        assert len(samples(await speak(tts, "Next."))) > 0  # the one process is not kept by the long text

    run(test)


def test_closing_takes_a_waiting_stream_out_of_the_queue() -> None:
    async def test(tts: Espeak) -> None:
        first, second = open_stream(tts, "One."), open_stream(tts, "Two.")
        await second.aclose()
        assert [chunk async for chunk in second] == []
        assert len(samples([chunk async for chunk in first])) > 0

    run(test)


def test_a_long_reply_does_not_keep_a_short_one_waiting() -> None:
    async def test(tts: Espeak) -> None:
        done: list[str] = []

        async def listen(name: str, *texts: str) -> None:
            await speak(tts, *texts)
            done.append(name)

        await asyncio.gather(listen("long", *(["A sentence of some length."] * 30)), listen("short", "Hi."))
        assert done == ["short", "long"]

    run(test)


def test_too_many_at_once_are_refused_and_may_be_retried() -> None:
    async def test(tts: Espeak) -> None:
        streams = [open_stream(tts, "Hi.") for _ in range(40)]
        results = await asyncio.gather(*(drain(stream) for stream in streams), return_exceptions=True)
        refused = [result for result in results if isinstance(result, AtCapacity)]
        assert refused and all(error.retryable and error.stage == "tts" for error in refused)
        assert len(results) - len(refused) >= 32

    run(test)


async def drain(stream: EspeakStream) -> int:
    return len(samples([chunk async for chunk in stream]))


def test_a_killed_process_fails_one_stream_and_is_replaced() -> None:
    async def test(tts: Espeak) -> None:
        stream = open_stream(tts, LONG)
        chunks: AsyncIterator[SpeechChunk] = aiter(stream)
        await anext(chunks)
        (pid,) = tts.pool.pids
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(Disconnected) as caught:
            async for _ in chunks:
                pass
        assert caught.value.retryable and caught.value.provider == "espeak/en-us"
        assert len(samples(await speak(tts, "Back again."))) > 0
        assert not await alive(pid)

    run(test)


def test_a_process_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.providers.tts.espeak_pool._PROGRESS_TIMEOUT", 0.2)

    async def test(tts: Espeak) -> None:
        await tts.warm()
        os.kill(tts.pool.pids[0], signal.SIGSTOP)
        with pytest.raises(Exception, match="silent for"):
            await speak(tts, "Hello.")
        assert len(samples(await speak(tts, "Hello."))) > 0

    run(test)


def test_no_process_outlives_the_provider() -> None:
    async def test(tts: Espeak) -> None:
        await asyncio.gather(*(speak(tts, "Hello.") for _ in range(4)))
        pids = tts.pool.pids
        assert 1 <= len(pids) <= 2
        await tts.aclose()
        assert not any([await alive(pid) for pid in pids])
        with pytest.raises(Disconnected):
            await speak(tts, "Too late.")

    run(test, workers=2)


def test_no_process_outlives_a_killed_parent() -> None:
    program = """
        import asyncio
        from antiphon.providers.tts.espeak import Espeak

        async def main():
            tts = Espeak()
            await tts.warm()
            print(tts.pool.pids[0], flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    assert not asyncio.run(alive(pid))


def test_a_library_that_does_not_load_is_a_provider_error() -> None:
    async def test(tts: Espeak) -> None:
        tts.pool._command[-2] = "no-such-library.so"
        with pytest.raises(Disconnected, match="did not start"):
            await speak(tts, "Hello.")

    run(test)
