"""A caller's side of a call, made in advance: the audio, and the truth of what was said in it and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from antiphon.audio.pcm import FULL_SCALE, SAMPLE_BYTES, samples_of, silence, to_int16
from antiphon.audio.resample import resample
from antiphon.errors import ConfigError
from antiphon.lab.tones import ToneCode


@dataclass(frozen=True, slots=True)
class Label:
    """Something that was said. `text` is "" for a recording or a noise that nobody gave words to."""

    start_ms: float
    end_ms: float
    text: str


class Track:
    """A recording under construction. Each call adds to its end and returns the track.

    track = Track(16_000, code).silence(500).say("good morning").at(4000).say("stop")
    track.pcm, track.labels
    """

    def __init__(self, rate: int = 16_000, code: ToneCode | None = None, *, seed: int = 0) -> None:
        """`rate` in Hz. `code` is what `say` speaks; its hearers need the same one. `seed` is for noise."""
        self.rate = rate
        self.labels: list[Label] = []
        self._code = code
        self._seed = seed
        self._parts: list[bytes] = []
        self._samples = 0
        self._hiss: float | None = None  # dBFS

    def silence(self, ms: float) -> Track:
        return self._add(silence(self._length(ms)))

    def at(self, ms: float) -> Track:
        """What follows begins at this time of the track. Raises ConfigError if the track is longer already."""
        missing = self._length(ms) - self._samples
        if missing < 0:
            raise ConfigError(f"the track is {self.duration_ms:.0f} ms long: nothing more can begin at {ms:.0f} ms")
        return self._add(silence(missing))

    def say(self, text: str) -> Track:
        """The text in tones. Its label runs from the first word's beginning to the last one's end."""
        if self._code is None:
            raise ConfigError("this track has no tone code to say words in: make it with Track(rate, code)")
        return self._add(self._code.speak(text, self.rate)[0], text)

    def recording(self, pcm: bytes, *, text: str = "", rate: int | None = None) -> Track:
        """Someone else's audio, 16-bit mono; resampled if its `rate` is not that of the track."""
        return self._add(resample(pcm, rate or self.rate, self.rate), text)

    def noise(self, ms: float, *, dbfs: float = -25.0) -> Track:
        """A cough, a rustle: white noise of this level. It has a label without words."""
        return self._add(to_int16(self._noise(self._length(ms), dbfs, key=self._samples)).tobytes(), "")

    def background(self, dbfs: float) -> Track:
        """White noise of this level under all of the track, also under what is yet to come."""
        self._hiss = dbfs
        return self

    @property
    def duration_ms(self) -> float:
        return self._samples / self.rate * 1000

    @property
    def pcm(self) -> bytes:
        """All of it, as 16-bit little-endian mono."""
        pcm = b"".join(self._parts)
        if self._hiss is None:
            return pcm
        return to_int16(samples_of(pcm) + self._noise(self._samples, self._hiss)).tobytes()

    def frames(self, ms: float = 20.0) -> Iterator[bytes]:
        """The track in frames as a client sends them, the last one filled up with silence."""
        size, pcm = self._length(ms) * SAMPLE_BYTES, self.pcm
        for at in range(0, len(pcm), size):
            yield pcm[at : at + size].ljust(size, b"\0")

    def _add(self, pcm: bytes, text: str | None = None) -> Track:
        """`text` is what the label says; None: it has no label."""
        start_ms = self.duration_ms
        self._parts.append(pcm)
        self._samples += len(pcm) // SAMPLE_BYTES
        if text is not None:
            self.labels.append(Label(start_ms, self.duration_ms, text))
        return self

    def _length(self, ms: float) -> int:
        return round(ms * self.rate / 1000)

    def _noise(self, samples: int, dbfs: float, *, key: int = -1) -> npt.NDArray[np.float64]:
        """Noise in steps of 16 bits. The same seed and key make the same noise."""
        rng = np.random.default_rng((self._seed, key + 1))
        return rng.standard_normal(samples) * FULL_SCALE * 10 ** (dbfs / 20)
