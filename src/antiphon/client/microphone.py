"""Our end of the line into the server: what is to be said as frames of 20 ms, a quiet room in between, and the times at
which all of it was sent."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass

from antiphon.audio.g711 import codec
from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.audio.resample import resample
from antiphon.audio.speech import speech_extent
from antiphon.types import AudioFormat

FRAME = 0.020  # seconds of audio in one message
LOOK_BACK = 5.0  # seconds before a moment in which the end of the speech before it is looked for first
ROOM_TONE = 3  # largest sample of the noise that stands for an empty room: about -80 dBFS


@dataclass(slots=True)
class Utterance:
    """Something to be said in one go. Times are set as it is sent: `ends` when the first frame after it is due."""

    pcm: bytes  # whole frames, at the microphone's rate
    begins: float | None = None
    ends: float | None = None
    sent: int = 0  # bytes of `pcm`


class Microphone:
    """One frame is taken every 20 ms, in `audio_format`. Times are given, in seconds of any one clock."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self.rate = audio_format.sample_rate
        self._frame_size = SAMPLE_BYTES * round(FRAME * self.rate)
        self._encode = codec(audio_format).encode
        self._tone = _room_tone(self._frame_size // SAMPLE_BYTES)
        self._waiting: deque[Utterance] = deque()  # what is being said, and what is to be said after it

        # Every frame sent so far, room tone included, and when. Both grow together.
        self._sent = bytearray()
        self._times: list[float] = []

    @property
    def speaking(self) -> bool:
        """Whether there is something still to be sent."""
        return bool(self._waiting)

    def say(self, pcm: bytes, *, rate: int) -> Utterance:
        """Says 16-bit mono at `rate` Hz, after whatever is being said now."""
        pcm = resample(pcm, rate, self.rate)
        utterance = Utterance(pcm + bytes(-len(pcm) % self._frame_size))
        if utterance.pcm:
            self._waiting.append(utterance)
        return utterance

    def frame(self, *, at: float) -> bytes:
        """The next frame, sent at the time `at`: of what is being said, or of the quiet room."""
        pcm = self._next(at) if self._waiting else self._tone
        self._sent += pcm
        self._times.append(at)
        return self._encode(pcm)

    def _next(self, at: float) -> bytes:
        utterance = self._waiting[0]
        if utterance.begins is None:
            utterance.begins = at
        pcm = utterance.pcm[utterance.sent : utterance.sent + self._frame_size]
        utterance.sent += len(pcm)
        if utterance.sent == len(utterance.pcm):
            utterance.ends = at + FRAME
            self._waiting.popleft()
        return pcm

    def last_voiced(self, before: float) -> float | None:
        """When the last voiced sample sent before the time `before` was spoken; None when there was none. A frame is
        sent when its last sample has been spoken."""
        sent = bisect_left(self._times, before)
        begin = max(sent - round(LOOK_BACK / FRAME), 0)
        extent = speech_extent(self._frames(begin, sent), self.rate)
        if extent is None:
            begin, extent = 0, speech_extent(self._frames(0, sent), self.rate)
        if extent is None:
            return None
        frame, offset = divmod(extent[1] * SAMPLE_BYTES - 1, self._frame_size)
        return self._times[begin + frame] - (self._frame_size - 1 - offset) / SAMPLE_BYTES / self.rate

    def track(self, begin: float) -> bytes:
        """What was sent, on a timeline whose first sample is at `begin`. Frames that went out late, and were caught up
        with, stand where they were due; only time that was never made up for is a gap."""
        track = bytearray()
        for n, time in enumerate(self._due_times()):
            gap = SAMPLE_BYTES * round((time - begin) * self.rate) - len(track)
            track += bytes(gap if 2 * gap >= self._frame_size else 0)
            track += self._frames(n, n + 1)
        return bytes(track)

    def _due_times(self) -> list[float]:
        """When each frame was due, if each of those after it took its 20 ms: the latest that fits all their times."""
        due: list[float] = []
        latest = float("inf")
        for time in reversed(self._times):
            latest = min(latest - FRAME, time)
            due.append(latest)
        return due[::-1]

    def _frames(self, begin: int, end: int) -> bytes:
        return bytes(self._sent[begin * self._frame_size : end * self._frame_size])


def _room_tone(samples: int) -> bytes:
    noise = random.Random(0)
    values = (noise.randint(-ROOM_TONE, ROOM_TONE) for _ in range(samples))
    return b"".join(value.to_bytes(SAMPLE_BYTES, "little", signed=True) for value in values)
