"""The caller of a call: a recording as frames to send, and when each was sent."""

from __future__ import annotations

import random
from bisect import bisect_left

from antiphon.audio.g711 import codec
from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.audio.resample import resample
from antiphon.audio.speech import speech_extent
from antiphon.types import AudioFormat

FRAME = 0.020  # seconds of audio in one message
LOOK_BACK = 5.0  # seconds before a moment in which the end of the speech before it is looked for first
ROOM_TONE = 3  # largest sample of the noise that stands for an empty room: about -80 dBFS


class Caller:
    """`pcm` at `rate` Hz is brought to the session's input format once, and cut into frames of 20 ms."""

    def __init__(self, pcm: bytes, *, rate: int, audio_format: AudioFormat) -> None:
        self.rate = audio_format.sample_rate
        self._frame_size = SAMPLE_BYTES * round(FRAME * self.rate)
        self._encode = codec(audio_format).encode
        whole = resample(pcm, rate, self.rate)
        self._recording = whole + bytes(-len(whole) % self._frame_size)
        self._tone = _room_tone(self._frame_size // SAMPLE_BYTES)

        # Every frame sent so far, room tone included, and when. Both grow together.
        self._sent = bytearray()
        self._times: list[float] = []

        # Which of those frames were the recording's: None until the first and the last have been sent.
        self.begins: int | None = None
        self.finished = not self._recording

    def frame(self, *, speak: bool, at: float) -> bytes:
        """The next frame to send at the time `at`: of the recording, or of the quiet room before and after it."""
        if speak and not self.finished:
            self.begins = len(self._times) if self.begins is None else self.begins
            spoken = (len(self._times) - self.begins) * self._frame_size
            pcm = self._recording[spoken : spoken + self._frame_size]
            self.finished = spoken + self._frame_size >= len(self._recording)
        else:
            pcm = self._tone
        self._sent += pcm
        self._times.append(at)
        return self._encode(pcm)

    def last_voiced(self, before: float) -> float | None:
        """When the last voiced sample sent before the time `before` was sent; None when there was none."""
        sent = bisect_left(self._times, before)
        begin = max(sent - round(LOOK_BACK / FRAME), 0)
        extent = speech_extent(self._frames(begin, sent), self.rate)
        if extent is None:
            begin, extent = 0, speech_extent(self._frames(0, sent), self.rate)
        return None if extent is None else self._times[begin + (extent[1] - 1) * SAMPLE_BYTES // self._frame_size]

    def track(self, begin: float) -> bytes:
        """What was sent, on a timeline whose first sample is at `begin`: gapless but where a frame was late by half."""
        track = bytearray()
        for n, time in enumerate(self._times):
            late = SAMPLE_BYTES * round((time - begin) * self.rate) - len(track)
            track += bytes(late if 2 * late >= self._frame_size else 0)
            track += self._frames(n, n + 1)
        return bytes(track)

    def _frames(self, begin: int, end: int) -> bytes:
        return bytes(self._sent[begin * self._frame_size : end * self._frame_size])


def _room_tone(samples: int) -> bytes:
    noise = random.Random(0)
    values = (noise.randint(-ROOM_TONE, ROOM_TONE) for _ in range(samples))
    return b"".join(value.to_bytes(SAMPLE_BYTES, "little", signed=True) for value in values)
