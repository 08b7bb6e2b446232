"""Speech to text by Whisper, here, with faster-whisper: 99 languages, no key.

Whisper hears whole utterances, and looks at 30 s however short they are: a transcription costs the same whether much or
little was said. So there are partials only where they are asked for, which a GPU is quick enough for. What it makes up
from noise is left out by its own doubts. A transcription that is not wanted any more stops at its next segment.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from antiphon.errors import ConfigError, ModelStoreError
from antiphon.providers.base import SttCapabilities, Vad
from antiphon.providers.models import cache_dir
from antiphon.providers.stt.segmented import Job
from antiphon.providers.stt.threaded import ThreadedStt
from antiphon.providers.stt.utterance import SAMPLE_RATE, Floats
from antiphon.providers.vad.silero import Silero

_NEEDED = ("model.bin", "config.json", "tokenizer.json")
# Above these, what was understood is taken for made up. The first two hold together. Source: Whisper's own defaults.
_NO_SPEECH, _UNSURE = 0.6, -1.0
_REPETITIVE = 2.4


@dataclass(frozen=True, slots=True)
class Understood:
    text: str
    plausible: bool = True


class Whisper(ThreadedStt[Any]):
    """The STT named "whisper/<model>": a size ("tiny", "base.en", "large-v3-turbo"), a model of the Hugging Face hub
    ("Systran/faster-distil-whisper-small.en"), or a folder ("whisper//opt/models/base").

    What is not a folder is downloaded when it is first warmed. `language` is for sessions that name none; None: it is
    recognised anew in each utterance, which takes longer. `compute_type` is int8 on a CPU unless it is named. `cores`
    is how many each transcription uses, `threads` how many run at once. `partial_every` is in seconds of new speech.
    """

    weights = ("silero-vad",)

    def __init__(
        self,
        model: str = "",
        *,
        language: str | None = "en",
        device: str = "auto",
        compute_type: str | None = None,
        cores: int = 0,
        threads: int = 1,
        partial_every: float | None = None,
        vad: Vad | None = None,
        vad_threshold: float = 0.4,
        beam_size: int = 1,
    ) -> None:
        if find_spec("faster_whisper") is None:
            raise ImportError("no module named faster_whisper")
        self._size = model or "base"
        _check_folder(self._size)
        self._language = language
        self._device = device
        self._compute_type = compute_type
        self._cores = cores
        self._workers = threads
        self._beam_size = beam_size
        super().__init__(
            f"whisper/{Path(self._size).name if os.path.isabs(self._size) else self._size}",
            vad=vad or Silero(),
            vad_threshold=vad_threshold,
            partial_every=partial_every,
            threads=threads,
        )
        self.capabilities = SttCapabilities(SAMPLE_RATE, partials=partial_every is not None, keyterms=True)

    def load(self) -> Any:
        from ctranslate2 import get_cuda_device_count
        from faster_whisper import WhisperModel

        on_cpu = self._device == "cpu" or (self._device == "auto" and not get_cuda_device_count())
        try:
            return WhisperModel(
                self._size,
                device=self._device,
                compute_type=self._compute_type or ("int8" if on_cpu else "default"),
                cpu_threads=self._cores,
                num_workers=self._workers,
                download_root=str(cache_dir() / "whisper"),
            )
        except (RuntimeError, ValueError, OSError) as error:  # the hub's errors are OSErrors or ValueErrors
            reason = " ".join(str(error).split())[:300]
            raise ModelStoreError(
                f"the model whisper/{self._size} could not be loaded: {reason}; where there is no hub, give the folder "
                f"of a converted model, as in whisper//opt/models/base"
            ) from error

    def transcribe(self, model: Any, audio: Floats, job: Job) -> Understood:
        hints = job.stream.hints
        segments, _ = model.transcribe(
            audio,
            language=hints.language.partition("-")[0] if hints.language else self._language,
            hotwords=", ".join(hints.keyterms) or None,
            beam_size=self._beam_size,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
            vad_filter=False,
        )
        heard = []
        for segment in segments:
            if job.given_up:
                break
            if _plausible(segment):
                heard.append(segment.text.strip())
        return Understood(" ".join(heard))

    def probe(self, model: Any) -> None:
        import numpy as np

        list(model.transcribe(np.zeros(SAMPLE_RATE, dtype=np.float32), language=self._language or "en")[0])


def _plausible(segment: Any) -> bool:
    doubted = segment.no_speech_prob > _NO_SPEECH and segment.avg_logprob < _UNSURE
    return not doubted and segment.compression_ratio <= _REPETITIVE


def _check_folder(model: str) -> None:
    """Raises ConfigError for a folder that is none of a model's: what is missed here is not missed in a call."""
    if not os.path.isabs(model):
        return
    if missing := [name for name in _NEEDED if not (Path(model) / name).is_file()]:
        raise ConfigError(
            f"whisper: {model} is no folder of a converted model: it lacks {', '.join(missing)}; convert one with "
            f"ct2-transformers-converter, or name a size, as in whisper/base"
        )
