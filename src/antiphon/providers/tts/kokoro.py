"""Kokoro's voices, run here: 82 million parameters, some fifty voices of one model, close to the vendors' in sound.

Phonemes come from espeak-ng, and are the model's own letters but for a few. Source of the model's inputs and of its
letters: the Kokoro-82M model's card and configuration, and the kokoro-onnx project, whose export of it this is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from antiphon.audio.pcm import Float32
from antiphon.errors import BadRequest, ConfigError, ModelStoreError
from antiphon.providers import models
from antiphon.providers.tts.neural import NeuralVoice

if TYPE_CHECKING:
    import onnxruntime

SAMPLE_RATE = 24_000  # Hz
DEFAULT_VOICE = "af_heart"
_WEIGHTS = ("kokoro-82m", "kokoro-voices")
_MOST = 510  # phonemes the model takes at once
# The model's letters, each with its number.
_LETTERS = {
    letter: number
    for first, letters in (
        (1, ";:,.!?"),
        (9, '—…"()“” \u0303ʣʥʦʨᵝꭧAI'),
        (31, "O"),
        (33, "Q"),
        (35, "ST"),
        (39, "W"),
        (41, "Yᵊabcdef"),
        (50, "hijklmnopqrstuvwxyzɑɐɒæ"),
        (75, "βɔɕç"),
        (80, "ɖðʤə"),
        (85, "ɚɛɜ"),
        (90, "ɟ"),
        (92, "ɡ"),
        (99, "ɥ"),
        (101, "ɨɪʝ"),
        (110, "ɯɰŋɳɲɴø"),
        (118, "ɸθœ"),
        (123, "ɹ"),
        (125, "ɾɻ"),
        (128, "ʁɽʂʃʈʧ"),
        (135, "ʊʋ"),
        (138, "ʌɣɤ"),
        (142, "χʎ"),
        (147, "ʒʔ"),
        (156, "ˈˌː"),
        (162, "ʰ"),
        (164, "ʲ"),
        (169, "↓"),
        (171, "→↗↘"),
        (177, "ᵻ"),
    )
    for number, letter in enumerate(letters, first)
}
# A voice's name begins with its language.
_LANGUAGES = {
    "a": "en-us",
    "b": "en-gb",
    "e": "es",
    "f": "fr-fr",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt-br",
    "z": "cmn",
}


class Kokoro(NeuralVoice):
    """The TTS named "kokoro/<voice>", "af_heart" where that is empty. All its voices are in one model, and may be asked
    for by any stream.

    `language` is what texts are spelled in, an espeak voice such as "en-gb"; without it, the language of the voice.
    `model_file` and `voices_file` replace the weights of the store. `speed` is a factor. `workers` is how many
    sentences are spoken at once, `threads` how many threads each of them uses.
    """

    def __init__(
        self,
        model: str = "",
        *,
        language: str | None = None,
        speed: float = 1.0,
        model_file: str | None = None,
        voices_file: str | None = None,
        workers: int = 1,
        threads: int = 2,
    ) -> None:
        if not 0.5 <= speed <= 2:
            raise ConfigError(f"kokoro: speed must be 0.5 to 2, not {speed}")
        self.voice = model or DEFAULT_VOICE
        self._language = language
        self._speed = speed
        self._files = (model_file, voices_file)
        self.weights = tuple(name for name, file in zip(_WEIGHTS, self._files, strict=True) if file is None)
        self._voices: Mapping[str, Float32] = {}
        super().__init__(f"kokoro/{self.voice}", sample_rate=SAMPLE_RATE, voices=(), workers=workers, threads=threads)

    def load(self) -> onnxruntime.InferenceSession:
        model, voices = (
            Path(file) if file else models.path(name) for name, file in zip(_WEIGHTS, self._files, strict=True)
        )
        try:
            self._voices = np.load(voices)
        except (OSError, ValueError) as error:
            raise ModelStoreError(f"{voices} holds no voices: {error}") from error
        return self._open(str(model))

    def language(self, voice: str) -> str:
        return self._language or _LANGUAGES.get(voice[:1], "en-us")

    def inputs(self, phonemes: str, voice: str) -> Mapping[str, Any] | None:
        ids = letter_ids(phonemes)[:_MOST]
        if not ids:
            return None
        if voice not in self._voices:
            raise BadRequest(f"kokoro has no voice {voice!r}; it has: {', '.join(sorted(self._voices))}")
        styles = self._voices[voice]  # one for each number of phonemes
        return {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": np.asarray(styles[min(len(ids), len(styles)) - 1], np.float32).reshape(1, -1),
            "speed": np.array([self._speed], np.float32),
        }


def letter_ids(phonemes: str) -> list[int]:
    """The numbers of the phonemes that the model knows."""
    return [_LETTERS[letter] for letter in phonemes if letter in _LETTERS]
