"""Speech to text by Moonshine tiny (English), on one CPU thread: partials while the caller speaks, a final on demand.

The open utterance is transcribed anew every 0.2 s while there is speech in it.
"""

from __future__ import annotations

import numpy as np

from antiphon.errors import ConfigError
from antiphon.providers import models
from antiphon.providers.stt.moonshine_model import Heard, MoonshineModel
from antiphon.providers.stt.segmented import Job
from antiphon.providers.stt.threaded import ThreadedStt
from antiphon.providers.stt.utterance import SAMPLE_RATE, Floats
from antiphon.providers.vad.silero import Silero

_PARTIAL_EVERY = 0.2  # seconds
_MODELS = {"": "moonshine-tiny-en", "tiny": "moonshine-tiny-en", "tiny-en": "moonshine-tiny-en"}


class Moonshine(ThreadedStt[MoonshineModel]):
    """The STT named "moonshine": `model` is "tiny" or empty. It knows English only, and takes no hints.

    `threads` is how many transcriptions run at once, one thread each. `vad_threshold` is the probability from which a
    window counts as speech for it: what is below is never transcribed.
    """

    weights = ("moonshine-tiny-en", "silero-vad")

    def __init__(self, model: str = "", *, threads: int = 1, vad_threshold: float = 0.4) -> None:
        if model not in _MODELS:
            raise ConfigError(f"moonshine has no model {model!r}; there is: tiny")
        models.path(_MODELS[model])  # what is not installed is missed here rather than in the middle of a call
        self._weights = _MODELS[model]
        super().__init__(
            "moonshine/tiny", vad=Silero(), vad_threshold=vad_threshold, partial_every=_PARTIAL_EVERY, threads=threads
        )

    def load(self) -> MoonshineModel:
        return MoonshineModel(models.path(self._weights))

    def transcribe(self, model: MoonshineModel, audio: Floats, job: Job) -> Heard:
        return model.transcribe(audio, lambda: job.given_up)

    def probe(self, model: MoonshineModel) -> None:
        model.transcribe(np.zeros(SAMPLE_RATE // 2, dtype=np.float32))
