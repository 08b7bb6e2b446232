"""Whisper here: its loading and its doubts, on a tiny model in the real format, which has learnt nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from antiphon.errors import ConfigError, Disconnected, MissingDependency, ModelStoreError
from antiphon.lab.scripted import EnergyVad
from antiphon.providers import registry
from tests.emulators.hearing import say
from tests.providers.stt.vendors import final

pytest.importorskip("faster_whisper", reason="the extra whisper, 430 MB, is not installed")

from antiphon.providers.stt.whisper import Whisper, _plausible
from tests.providers.stt import tiny_whisper


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_whisper.make(tmp_path_factory.mktemp("whisper"))


def test_a_folder_is_a_model(model: Path) -> None:
    async def main() -> None:
        stt = registry.create("stt", f"whisper/{model}", vad=EnergyVad(), cores=1)
        assert stt.name == f"whisper/{model.name}" and stt.capabilities.keyterms
        await asyncio.gather(stt.warm(), stt.warm())
        stream = await stt.open(keyterms=("Ozempic",), language="de-DE")
        heard = await final(stream, say("one two"))
        assert (heard.final, heard.utterance) == (True, 0)
        assert (await final(stream, bytes(64_000))).final
        await stt.aclose()
        with pytest.raises(Disconnected, match="closed"):
            await stt.open()

    asyncio.run(main())


def test_a_session_in_another_language_is_heard_in_it(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    async def main() -> None:
        stt = Whisper(str(model), vad=EnergyVad(), cores=1)
        await stt.warm()
        own = stt._model.transcribe

        def listening(audio: Any, **options: Any) -> Any:
            asked.append(options)
            return own(audio, **options)

        monkeypatch.setattr(stt._model, "transcribe", listening)
        await final(await stt.open(language="de-DE", keyterms=("Ozempic", "Roma")), say("one"))
        await stt.aclose()

    asyncio.run(main())
    assert (asked[0]["language"], asked[0]["hotwords"], asked[0]["vad_filter"]) == ("de", "Ozempic, Roma", False)


def test_a_folder_that_is_no_model_says_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"lacks model\.bin, tokenizer\.json"):
        Whisper(str(tmp_path))


def test_a_model_that_is_broken_says_so(tmp_path: Path) -> None:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(ModelStoreError, match="could not be loaded"):
        asyncio.run(Whisper(str(tmp_path), vad=EnergyVad()).warm())


def test_a_size_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(ModelStoreError, match=r"small\.en"):
        asyncio.run(Whisper("gigantic", vad=EnergyVad()).warm())


def test_without_the_package_it_is_told_which_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.providers.stt.whisper.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"antiphon\[whisper\]"):
        registry.create("stt", "whisper/base")


@dataclass
class Segment:
    no_speech_prob: float = 0.1
    avg_logprob: float = -0.3
    compression_ratio: float = 1.2


@pytest.mark.parametrize(
    ("segment", "believed"),
    [
        (Segment(), True),
        (Segment(no_speech_prob=0.9), True),
        (Segment(no_speech_prob=0.9, avg_logprob=-1.3), False),
        (Segment(compression_ratio=5.0), False),
    ],
)
def test_what_it_doubts_itself_is_not_believed(segment: Segment, believed: bool) -> None:
    assert _plausible(segment) is believed
