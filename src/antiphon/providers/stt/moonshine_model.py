"""The Moonshine network: an encoder over raw audio and a decoder of tokens, run greedily on onnxruntime.

Run here rather than through the package's own library, because the decoder's probabilities tell speech from noise that
was taken for words, a run can be given up between two tokens, and one thread suffices (15 ms for half a second of
speech, 30 for one, 100 for five). Source: Jeffries et al., "Moonshine: Speech Recognition for Live Transcription and
Voice Commands", arXiv 2410.15608; the files are those of the package.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnxruntime

Floats = npt.NDArray[np.float32]

SAMPLE_RATE = 16_000  # Hz
_START, _END = 1, 2  # tokens
_HEADS, _HEAD_SIZE = 8, 36  # of the tiny model
_TOKEN_RATE = 10.0  # tokens a second that nobody speaks faster than
_MOST_TOKENS = 190  # the decoder has 194 positions
# Repeating itself is how the decoder shows that it has lost the audio: so many tokens, so many times over.
_LOOPS = ((1, 8), (2, 5), (3, 4), (4, 4), (5, 3), (6, 3), (7, 3), (8, 3), (9, 3), (10, 3))


@dataclass(frozen=True, slots=True)
class Heard:
    """What was understood, and how sure the decoder was: natural logarithms of probabilities, 0 being certain."""

    text: str
    mean: float  # over all tokens, the last included
    first: float  # of the first token: low when the audio does not sound like the beginning of anything

    @property
    def plausible(self) -> bool:
        """False for words made up from noise. Of real speech this loses 1 in 200 openings of a sentence and 1 in 60
        single digits; of kitchen noise, dogs and horns it stops two of five, which is for what the VAD lets pass."""
        if any(mark in self.text for mark in ("♪", "©", "Thank you for watching")):
            return False
        return self.mean >= -1.1 and not (self.first < -1.5 and self.mean < -0.6)


NOTHING = Heard("", 0.0, 0.0)


class MoonshineModel:
    """Weights shared by all streams. `transcribe` may be called from several threads."""

    def __init__(self, folder: Path) -> None:
        self._encoder = _session(folder / "encoder_model.ort")
        self._decoder = _session(folder / "decoder_model_merged.ort")
        self._pieces = _read_vocabulary((folder / "tokenizer.bin").read_bytes())
        self._past = [node.name for node in self._decoder.get_inputs() if node.name.startswith("past_key_values")]
        self._present = [node.name for node in self._decoder.get_outputs()][1:]

    def transcribe(self, audio: Floats, given_up: Callable[[], bool] = lambda: False) -> Heard:
        """`audio` is mono at 16 kHz, -1 to 1. Gives up between two tokens when `given_up` says so; the result is then
        of no use."""
        if len(audio) < SAMPLE_RATE // 10:  # the encoder has no output for less
            return NOTHING
        mask = np.ones((1, len(audio)), dtype=np.int64)
        (encoded,) = self._encoder.run(None, {"input_values": audio[None], "attention_mask": mask})
        feed: dict[str, Any] = {"encoder_attention_mask": mask, "encoder_hidden_states": encoded}
        feed |= {name: np.zeros((1, _HEADS, 1, _HEAD_SIZE), dtype=np.float32) for name in self._past}
        tokens: list[int] = []
        certainty: list[float] = []
        token = _START
        limit = min(_MOST_TOKENS, math.ceil(len(audio) / SAMPLE_RATE * _TOKEN_RATE) + 4)
        while len(tokens) < limit and not given_up():
            token, logarithm = self._step(feed, token, first=not certainty)
            certainty.append(logarithm)
            if token == _END:
                break
            tokens.append(token)
            if period := _loop(tokens):
                del tokens[-period * (dict(_LOOPS)[period] - 1) :]
                break
        return Heard(self._text(tokens), float(np.mean(certainty or [0.0])), certainty[0] if certainty else 0.0)

    def _step(self, feed: dict[str, Any], token: int, *, first: bool) -> tuple[int, float]:
        """The likeliest next token and its log-probability. Keeps the attention's memory in `feed`."""
        feed["input_ids"] = np.array([[token]], dtype=np.int64)
        feed["use_cache_branch"] = np.array([not first])
        logits, *present = self._decoder.run(None, feed)
        for name, value in zip(self._present, present, strict=True):
            if first or ".decoder." in name:  # what the encoder said stays the same
                feed["past_key_values" + name.removeprefix("present")] = value
        scores = logits[0, -1]
        best = int(scores.argmax())
        return best, -float(np.log(np.exp(scores - scores[best]).sum()))

    def _text(self, tokens: list[int]) -> str:
        joined = b"".join(self._pieces[token] for token in tokens)
        return joined.decode("utf-8", "replace").replace("\u2581", " ").strip()


def _loop(tokens: list[int]) -> int:
    """The length of what the tokens end with several times over; 0 if they do not."""
    for period, times in _LOOPS:
        tail = tokens[-period * times :]
        if len(tail) == period * times and tail == tail[:period] * times:
            return period
    return 0


def _read_vocabulary(data: bytes) -> list[bytes]:
    """The bytes of each token. A token is its length, in one byte or (from 128 on) two, and its bytes; those that are
    signs to the decoder, such as <s>, count as nothing."""
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            length = data[at] * 128 + length - 128
            at += 1
        piece = data[at : at + length]
        pieces.append(b"" if length > 2 and piece[:1] == b"<" and piece[-1:] == b">" else piece)
        at += length
    return pieces


def _session(file: Path) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # two are no faster, and cost twice
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
