"""Silero: probabilities, windows, batching, and the gate before the network."""

from __future__ import annotations

import asyncio

import pytest

from antiphon.errors import ModelStoreError
from antiphon.lab import virtual
from antiphon.providers.vad.silero import Silero
from tests.providers.conftest import noise, silence, tone

pytestmark = pytest.mark.local("silero-vad")


@pytest.fixture(scope="module")
def vad() -> Silero:
    return Silero()


def test_speech_is_told_from_noise_and_silence(vad: Silero, speech: bytes) -> None:
    stream = vad.open()
    assert max(stream.feed(silence(1))) < 0.1
    assert max(stream.feed(noise(1))) < 0.5
    heard = stream.feed(speech)
    assert sum(p > 0.5 for p in heard) > len(heard) // 2
    assert max(stream.feed(silence(1))[-10:]) < 0.1


def test_a_probability_for_each_full_window(vad: Silero) -> None:
    stream = vad.open()
    assert [len(stream.feed(tone(0.02))) for _ in range(8)] == [0, 1, 0, 1, 1, 0, 1, 1]
    assert stream.feed(b"") == []


def test_how_audio_is_cut_changes_nothing(vad: Silero, speech: bytes) -> None:
    whole, pieces = vad.open(), vad.open()
    got = [p for at in range(0, len(speech), 638) for p in pieces.feed(speech[at : at + 638])]
    assert got == pytest.approx(whole.feed(speech))


def test_a_batch_of_streams_gives_what_each_alone_gives(vad: Silero, speech: bytes) -> None:
    inputs = [speech, noise(0.5), silence(2), b"", speech[32_000:]]
    together = vad.feed_many([(vad.open(), pcm) for pcm in inputs])
    for alone, batched in zip((vad.open().feed(pcm) for pcm in inputs), together, strict=True):
        assert batched == pytest.approx(alone, abs=1e-4)


def test_speech_after_long_silence_is_heard_as_well(vad: Silero, speech: bytes) -> None:
    stream = vad.open()
    stream.feed(silence(30))
    heard = stream.feed(speech)
    fresh = vad.open().feed(speech)
    assert sum((a > 0.5) != (b > 0.5) for a, b in zip(heard, fresh, strict=True)) <= 2


def test_reset_forgets(vad: Silero, speech: bytes) -> None:
    stream = vad.open()
    first = stream.feed(speech)
    stream.feed(b"\0\0" * 100)
    stream.reset()
    assert stream.feed(speech) == first


def test_warming_at_the_same_time_loads_once() -> None:
    async def main() -> None:
        vad = Silero()
        await asyncio.gather(vad.warm(), vad.warm(), vad.warm())
        assert vad.open().feed(tone(0.1))

    asyncio.run(main())


def test_without_weights_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("ANTIPHON_CACHE", str(tmp_path))
    with pytest.raises(ModelStoreError, match="antiphon models pull silero-vad"):
        asyncio.run(Silero().warm())


def test_streams_that_submit_are_answered_together_and_as_if_alone(vad: Silero, speech: bytes) -> None:
    pieces = [speech[at : at + 640] for at in range(0, len(speech), 640)]

    async def main() -> list[list[float]]:
        streams = [vad.open() for _ in range(3)]
        got: list[list[float]] = [[] for _ in streams]
        for piece in pieces:
            for stream, heard in zip(streams, got, strict=True):
                stream.submit(piece, heard.extend)
            await asyncio.sleep(0.003)
        await asyncio.sleep(0.02)
        return got

    alone = vad.open().feed(b"".join(pieces))
    for heard in virtual.run(main()):
        assert heard == pytest.approx(alone, abs=1e-5)


def test_a_stream_alone_never_waits(vad: Silero, speech: bytes) -> None:
    async def main() -> None:
        stream, loop = vad.open(), asyncio.get_running_loop()
        answered: list[float] = []
        for at in range(0, 64_000, 640):
            asked = loop.time()
            stream.submit(speech[at : at + 640], lambda heard: answered.append(loop.time()))
            await asyncio.sleep(0.02)
            assert answered and answered[-1] == asked

    virtual.run(main())
