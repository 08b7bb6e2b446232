"""Piper's voices, run here: small, several times faster than speech on one core, one model a voice.

Only the voice's model and its list of phonemes are used; phonemes come from espeak-ng. Source of the model's inputs:
the Piper project's `voice.py` and `phoneme_ids.py`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from antiphon.errors import ConfigError, ModelStoreError
from antiphon.providers import models
from antiphon.providers.tts.neural import NeuralVoice

if TYPE_CHECKING:
    import onnxruntime

DEFAULT_VOICE = "en_US-joe-medium"
# The voices of the weight store: the model, and what it says of itself.
_STORED = {"en_US-joe-medium": ("piper-en-us-joe", "piper-en-us-joe-config")}
_STORED_RATE = 22_050  # Hz
_BEGIN, _END, _PAD = "^", "$", "_"
_LANGUAGE_SWITCH = re.compile(r"\([^)]+\)")  # espeak-ng's "(en)" before words of another language


class Piper(NeuralVoice):
    """The TTS named "piper/<voice>", "en_US-joe-medium" where that is empty: that one is pulled on first use. Any other
    is the path of a voice's model, with its ".onnx.json" beside it.

    `speed` is a factor. `speaker` is the number of one, for models with several. `workers` is how many sentences are
    spoken at once, `threads` how many threads each of them uses.
    """

    def __init__(
        self, model: str = "", *, speed: float = 1.0, speaker: int = 0, workers: int = 1, threads: int = 1
    ) -> None:
        if not 0.25 <= speed <= 4:
            raise ConfigError(f"piper: speed must be 0.25 to 4, not {speed}")
        self.voice = model or DEFAULT_VOICE
        self._speed = speed
        self._speaker = speaker
        self._config: dict[str, Any] = {}  # once it is loaded
        rate = _STORED_RATE
        if self.voice in _STORED:
            self.weights = _STORED[self.voice]
        else:
            self._config = _read_config(Path(f"{self.voice}.json"))
            rate = int(self._config["audio"]["sample_rate"])
        voices = (self.voice,)
        super().__init__(f"piper/{self.voice}", sample_rate=rate, voices=voices, workers=workers, threads=threads)

    def load(self) -> onnxruntime.InferenceSession:
        path: str | Path = self.voice
        if self.weights:
            path, config = (models.path(name) for name in self.weights)
            self._config = _read_config(config)
        return self._open(str(path))

    def language(self, voice: str) -> str:
        """That of the model: it has one voice, whatever it is called."""
        return str(self._config["espeak"]["voice"]) if self._config else "en-us"

    def inputs(self, phonemes: str, voice: str) -> Mapping[str, Any] | None:
        ids = phoneme_ids(phonemes, self._config["phoneme_id_map"])
        if ids is None:
            return None
        scales = self._config.get("inference") or {}
        length = float(scales.get("length_scale", 1.0)) / self._speed
        inputs = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([scales.get("noise_scale", 0.667), length, scales.get("noise_w", 0.8)], np.float32),
        }
        if self._config.get("num_speakers", 1) > 1:
            inputs["sid"] = np.array([self._speaker], np.int64)
        return inputs


def phoneme_ids(phonemes: str, known: Mapping[str, list[int]]) -> list[int] | None:
    """The numbers of the phonemes a model knows, padded as it was trained; None if it knows none of them."""
    symbols = unicodedata.normalize("NFD", _LANGUAGE_SWITCH.sub("", phonemes))
    found = [[*known[symbol], *known[_PAD]] for symbol in symbols if symbol in known]
    if not found:
        return None
    return [*known[_BEGIN], *known[_PAD], *(number for numbers in found for number in numbers), *known[_END]]


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        stored = ", ".join(_STORED)
        raise ConfigError(
            f"piper: {path} cannot be read ({error}); name a voice's .onnx file, or one of: {stored}"
        ) from error
    if not isinstance(config, dict) or not {"audio", "phoneme_id_map", "espeak"} <= config.keys():
        raise ModelStoreError(f"{path} does not describe a Piper voice with espeak phonemes")
    return config
