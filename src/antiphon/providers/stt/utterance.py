"""The audio of one open utterance: what is kept of a caller's endless sound, and where it may be cut.

Before the first speech only a little is kept, so that minutes of silence cost nothing. Long pauses are shortened. What
grows too long for the model is cut into pieces, at pauses: a closed piece is transcribed once, the open one again and
again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SAMPLE_RATE = 16_000  # Hz
WINDOW = 512  # samples that a probability of the VAD is about: 32 ms
_TAIL = int(0.6 * SAMPLE_RATE)  # silence the model is given after the last word: with less it loses short words
# In windows of 32 ms:
_PREROLL = 9  # kept before the one in which speech is first noticed
_PAUSE_KEPT = 30  # of a longer pause its beginning and the preroll of what follows, this much in all
_LEAST = 3  # of speech; less than that, with as much silence as a blip is given, was a noise
_BLIP = 16
# Longer pieces are cut at pauses of at least so many windows; without any, at the quietest place.
_CUTS = ((10 * SAMPLE_RATE, 12), (18 * SAMPLE_RATE, 4), (24 * SAMPLE_RATE, 0))
_SETTLED = 5  # windows (0.16 s) of silence after which a word has surely ended


class Heard(Protocol):
    """What a model understood."""

    @property
    def text(self) -> str: ...

    @property
    def plausible(self) -> bool:
        """False for words that were made up from noise."""


@dataclass(eq=False, slots=True)
class Piece:
    """Audio that is transcribed as one. A closed piece gets nothing more: `heard` is set when it has been transcribed,
    and its audio is dropped."""

    audio: Floats
    closed: bool = False
    heard: Heard | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a transcription needs: pieces in order, the last one still open. `speech` tells two snapshots apart: it is
    the number of samples up to the end of the last speech, counted over all pieces."""

    pieces: tuple[Piece, ...]
    speech: int
    settled: bool  # a pause had followed the last speech: more silence would not change the transcript


@dataclass(slots=True)
class Utterance:
    """Fed one VAD window at a time. `number` is the contract's count of resets."""

    number: int
    threshold: float  # probability from which a window is speech
    speech: int = 0  # samples of all pieces up to the end of the last window of speech
    silent: int = 0  # windows since then
    spoken: int = 0  # windows of speech
    _closed: list[Piece] = field(default_factory=list)
    _open: list[npt.NDArray[np.int16]] = field(default_factory=list)
    _probabilities: list[float] = field(default_factory=list)  # of the open piece's windows
    _before: int = 0  # samples in the closed pieces

    @property
    def begun(self) -> bool:
        return self.spoken >= _LEAST

    @property
    def settled(self) -> bool:
        return self.silent >= _SETTLED

    def add(self, window: npt.NDArray[np.int16], probability: float) -> None:
        """Adds 512 samples and the probability that they are speech."""
        self._open.append(window)
        self._probabilities.append(probability)
        if probability >= self.threshold:
            self.silent = 0
            self.spoken += 1
            self.speech = self._before + len(self._open) * WINDOW
        else:
            self.silent += 1
            self._shorten()
        self._cut()

    def snapshot(self) -> Snapshot:
        """The audio up to now, its end filled up with silence."""
        end = self.speech - self._before
        if end <= 0:  # what came since the last cut is silence
            return Snapshot(tuple(self._closed), self.speech, self.settled)
        piece = Piece(_with_tail(np.concatenate(self._open), end))
        return Snapshot((*self._closed, piece), self.speech, self.settled)

    def _shorten(self) -> None:
        """Drops silence that need not be kept: before the first speech, and out of long pauses."""
        if not self.begun and self.silent >= _BLIP:
            self.spoken = self.speech = 0
        if self.spoken == 0:
            surplus = max(0, len(self._open) - _PREROLL)
            del self._open[:surplus], self._probabilities[:surplus]
        elif self.silent > _PAUSE_KEPT and len(self._open) > _PAUSE_KEPT:
            del self._open[-_PREROLL - 1], self._probabilities[-_PREROLL - 1]

    def _cut(self) -> None:
        length = len(self._open) * WINDOW
        for longest, pause in _CUTS:
            if length > longest and (at := self._place(pause)):
                self._close(at)
                return

    def _place(self, pause: int) -> int:
        """The window before which to cut: the middle of a pause of so many windows just passed. 0 if there is none."""
        if pause == 0:
            last = len(self._probabilities) - 156  # 5 s
            return last + int(np.argmin(self._probabilities[last:]))
        quiet = all(p < self.threshold for p in self._probabilities[-pause:])
        return len(self._open) - pause // 2 if quiet else 0

    def _close(self, at: int) -> None:
        samples = np.concatenate(self._open[:at])
        self._closed.append(Piece(_with_tail(samples, len(samples)), closed=True))
        self._before += len(samples)
        del self._open[:at], self._probabilities[:at]


def _with_tail(samples: npt.NDArray[np.int16], end: int) -> Floats:
    """What was said up to sample `end`, as floats, with 0.6 s of silence after it: the real one as far as it goes."""
    audio = np.zeros(end + _TAIL, dtype=np.float32)
    real = samples[: end + _TAIL]
    audio[: len(real)] = real
    audio *= 1 / 32768
    return audio
