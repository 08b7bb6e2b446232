"""Voices that are models run here: what they are given, that they speak, and that they stop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("espeakng_loader", reason="the extra local is not installed")

from antiphon.errors import AtCapacity, BadRequest, ConfigError, Disconnected, ModelStoreError, ProviderError
from antiphon.providers import models, registry
from antiphon.providers.base import SpeechChunk
from antiphon.providers.tts.kokoro import Kokoro, letter_ids
from antiphon.providers.tts.neural import NeuralVoice, sentences
from antiphon.providers.tts.piper import Piper, phoneme_ids
from antiphon.providers.tts.spelling import Speller
from tests.providers.tts.vendors import collect, open_stream, segments

LONG = "This sentence goes on and on, and says very little, as sentences of this kind will do. " * 4
needs_piper = pytest.mark.local("piper-en-us-joe", "piper-en-us-joe-config")
needs_kokoro = pytest.mark.local("kokoro-82m", "kokoro-voices")
every_voice = pytest.mark.parametrize(
    "name", [pytest.param("piper", marks=needs_piper), pytest.param("kokoro", marks=needs_kokoro)]
)


def run(name: str, test: Callable[[Any], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        tts = registry.create("tts", name, **options)
        try:
            await test(tts)
        finally:
            await tts.aclose()

    asyncio.run(main())


async def hear(tts: NeuralVoice, *texts: str, voice: str | None = None) -> list[SpeechChunk]:
    """A model may take its time on a busy machine."""
    return await collect(open_stream(tts, *texts, voice=voice), within=60)


def seconds(chunks: list[SpeechChunk], rate: int) -> float:
    return sum(len(chunk.pcm) for chunk in chunks) / 2 / rate


def spell(text: str, language: str = "en-us") -> str:
    async def main() -> str:
        speller = Speller()
        try:
            return await speller.spell(text, language)
        finally:
            await speller.aclose()

    return asyncio.run(main())


# --- spelling -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "language", "spelled"),
    [
        ("Hello there, caller. Yes!", "en-us", "həlˈoʊ ðˈɛɹ, kˈɔːlɚ. jˈɛs!"),
        ("Really? It's 9: go on; now", "en-us", "ɹˈiəli? ɪts nˈaɪn: ɡˌoʊ ˈɔn; nˈaʊ"),
        ("Schöne Grüße.", "de", "ʃˈøːnə ɡɾˈyːsə."),
        ("...", "en-us", "."),
        ("", "en-us", ""),
    ],
)
def test_a_text_is_spelled_as_it_is_said_and_keeps_its_marks(text: str, language: str, spelled: str) -> None:
    assert spell(text, language) == spelled


def test_sentences_are_spoken_one_by_one() -> None:
    assert list(sentences("wˌʌn, tˈuː. θɹˈiː? . fˈoːɹ")) == ["wˌʌn, tˈuː.", "θɹˈiː?", "fˈoːɹ"]


# --- what the models are given ------------------------------------------------------------------------------------


def test_pipers_phonemes_are_padded_and_decomposed() -> None:
    known = {symbol: [number] for number, symbol in enumerate(("_", "^", "$", "a", "b", "\u0327", "c"))}
    assert phoneme_ids("ab(en)?", known) == [1, 0, 3, 0, 4, 0, 2]
    assert phoneme_ids("ç", known) == [1, 0, 6, 0, 5, 0, 2]
    assert phoneme_ids("?", known) is None


def test_kokoros_letters_have_its_numbers() -> None:
    assert letter_ids("həlˈoʊ, ɡ§") == [50, 83, 54, 156, 57, 135, 3, 16, 92]


def test_a_kokoro_voice_is_spelled_in_its_language() -> None:
    kokoro = Kokoro()
    assert [kokoro.language(voice) for voice in ("af_heart", "bm_george", "jf_alpha")] == ["en-us", "en-gb", "ja"]
    assert Kokoro(language="de").language("af_heart") == "de"


# --- speaking -----------------------------------------------------------------------------------------------------


@every_voice
def test_each_segment_is_spoken_at_a_natural_pace(name: str) -> None:
    async def test(tts: NeuralVoice) -> None:
        await tts.warm()
        chunks = await hear(tts, "Hello there, how can I help you today?", "...")
        spoken, silent = segments(chunks)
        samples = np.frombuffer(spoken, "<i2")
        assert 1.2 < len(samples) / tts.capabilities.sample_rates[0] < 4
        assert np.abs(samples).max() > 3000 and not silent

    run(name, test)


@every_voice
def test_faster_is_shorter(name: str) -> None:
    async def length(speed: float) -> float:
        tts = registry.create("tts", name, speed=speed)
        spoken = seconds(await hear(tts, "How long does this take?"), tts.capabilities.sample_rates[0])
        await tts.aclose()
        return spoken

    assert asyncio.run(length(1.6)) < 0.85 * asyncio.run(length(1.0))


@needs_piper
def test_closing_frees_the_thread() -> None:
    async def test(tts: NeuralVoice) -> None:
        await tts.warm()
        stream = open_stream(tts, LONG)
        await anext(aiter(stream))
        await stream.aclose()
        assert [chunk async for chunk in stream] == []
        assert len(segments(await hear(tts, "Next."))) == 1

    run("piper", test)


@needs_piper
def test_the_loop_is_not_kept_waiting() -> None:
    async def test(tts: NeuralVoice) -> None:
        await tts.warm()
        speaking = asyncio.create_task(hear(tts, LONG))
        ticks = 0
        while not speaking.done():
            await asyncio.sleep(0.005)
            ticks += 1
        assert ticks > 20 and segments(await speaking)

    run("piper", test)


@needs_piper
def test_too_many_at_once_are_refused_and_may_be_retried() -> None:
    async def test(tts: Piper) -> None:
        await tts.warm()
        streams = [open_stream(tts, "A sentence of some length.") for _ in range(24)]
        results = await asyncio.gather(*(collect(stream, within=60) for stream in streams), return_exceptions=True)
        refused = [result for result in results if isinstance(result, AtCapacity)]
        assert refused and all(error.retryable and error.provider == tts.name for error in refused)
        assert len(results) - len(refused) >= 16

    run("piper", test)


@needs_piper
def test_a_model_of_ones_own_is_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "voice.onnx").symlink_to(models.path("piper-en-us-joe"))
    config = json.loads(models.path("piper-en-us-joe-config").read_text())
    config["audio"]["sample_rate"] = 16_000
    (tmp_path / "voice.onnx.json").write_text(json.dumps(config))

    async def test(tts: Piper) -> None:
        assert tts.capabilities.sample_rates == (16_000,) and tts.weights == ()
        assert len(segments(await hear(tts, "Hello."))) == 1

    run(f"piper/{tmp_path}/voice.onnx", test)


# --- what goes wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["piper", "kokoro"])
def test_without_weights_it_says_how_to_get_them(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANTIPHON_CACHE", str(tmp_path))

    async def test(tts: NeuralVoice) -> None:
        with pytest.raises(ModelStoreError, match=f"antiphon models pull {name}"):
            await tts.warm()
        with pytest.raises(BadRequest, match=f"antiphon models pull {name}") as caught:
            await hear(tts, "Hello.")
        assert (caught.value.stage, caught.value.provider) == ("tts", tts.name)

    run(name, test)


def test_a_voice_that_is_no_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="onnx"):
        registry.create("tts", f"piper/{tmp_path}/nobody.onnx")


def test_a_model_that_is_no_model_is_a_provider_error(tmp_path: Path) -> None:
    (tmp_path / "voices.npz").write_bytes(b"")
    np.savez(tmp_path / "voices.npz", af_heart=np.zeros((510, 1, 256), np.float32))
    (tmp_path / "model.onnx").write_bytes(b"nonsense")

    async def test(tts: Kokoro) -> None:
        with pytest.raises(Disconnected, match="model"):
            await hear(tts, "Hello.")

    run("kokoro", test, model_file=str(tmp_path / "model.onnx"), voices_file=str(tmp_path / "voices.npz"))


@needs_kokoro
def test_a_voice_kokoro_does_not_have_is_refused() -> None:
    async def test(tts: Kokoro) -> None:
        with pytest.raises(BadRequest, match="af_heart"):
            await hear(tts, "Hello.", voice="nobody")

    run("kokoro", test)


@pytest.mark.parametrize("name", ["piper", "kokoro"])
def test_after_the_end_nothing_but_a_provider_error(name: str) -> None:
    async def test(tts: NeuralVoice) -> None:
        await tts.aclose()
        with pytest.raises(ProviderError) as caught:
            await hear(tts, "Hello.")
        assert (caught.value.stage, caught.value.provider) == ("tts", tts.name)

    run(name, test)


@pytest.mark.parametrize(("name", "options"), [("piper", {"speed": 9}), ("kokoro", {"workers": 0})])
def test_an_option_out_of_range_is_a_config_error(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{name}.*{next(iter(options))}"):
        registry.create("tts", name, **options)
