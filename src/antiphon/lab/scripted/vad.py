"""Voice activity by level alone: a true function of the audio, which tones, speech and noise all satisfy."""

from __future__ import annotations

import math

from antiphon.audio.pcm import SAMPLE_BYTES, rms_dbfs

_WINDOW = 512  # samples at 16 kHz, 32 ms


class EnergyVad:
    """The probability of speech is 0.5 in a window of level `threshold` (dBFS), and goes from 0.1 to 0.9 within
    `width` dB around it."""

    def __init__(self, *, threshold: float = -40.0, width: float = 8.0) -> None:
        self.name = "scripted/energy"
        self._threshold = threshold
        self._slope = 2 * math.log(9) / width

    async def warm(self) -> None:
        pass

    def open(self) -> EnergyVadStream:
        return EnergyVadStream(self)

    def probability(self, window: bytes) -> float:
        level = max(rms_dbfs(window), -200.0)
        return 1 / (1 + math.exp(-self._slope * (level - self._threshold)))


class EnergyVadStream:
    def __init__(self, vad: EnergyVad) -> None:
        self._vad = vad
        self._pending = b""  # of the window not yet full

    def feed(self, pcm: bytes) -> list[float]:
        pcm = self._pending + pcm
        size = _WINDOW * SAMPLE_BYTES
        full = len(pcm) // size * size
        self._pending = pcm[full:]
        return [self._vad.probability(pcm[at : at + size]) for at in range(0, full, size)]

    def reset(self) -> None:
        self._pending = b""
