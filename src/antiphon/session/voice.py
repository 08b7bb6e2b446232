"""From the VAD's probabilities to two facts: a voice began, a voice ceased."""

from __future__ import annotations

from dataclasses import dataclass

WINDOW = 32  # ms a probability stands for
ONSET_WINDOWS = 2  # this many in a row are a voice: 64 ms
HANGOVER_WINDOWS = 3  # this many without are its end; shorter gaps are inside words
HYSTERESIS = 0.15  # a voice goes on at this much less probability than it takes to begin


@dataclass(frozen=True, slots=True)
class VoiceChange:
    """`at` is, in ms of received audio, where the voice began or where it was last heard."""

    started: bool
    at: int


class VoiceGate:
    def __init__(self, *, threshold: float = 0.5) -> None:
        self.threshold = threshold
        self.hangover = HANGOVER_WINDOWS
        self._position = 0  # ms, the end of the last window seen
        self.on = False  # there is a voice
        self._run = 0  # windows in a row that contradict `on`
        self._last_voice = 0

    def feed(self, probability: float) -> VoiceChange | None:
        """Takes the next window's probability; says if the voice began or ceased with it."""
        start, self._position = self._position, self._position + WINDOW
        bar = self.threshold - HYSTERESIS if self.on else self.threshold
        voiced = probability >= bar
        if voiced:
            self._last_voice = self._position
        if voiced == self.on:
            self._run = 0
            return None
        self._run += 1
        if self._run < (self.hangover if self.on else ONSET_WINDOWS):
            return None
        self.on, run, self._run = not self.on, self._run, 0
        if self.on:
            return VoiceChange(True, start - (run - 1) * WINDOW)
        return VoiceChange(False, self._last_voice)
