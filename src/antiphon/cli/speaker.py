"""What waits to be played, and how much of each reply has been: filled by the loop, emptied by the sound card."""

from __future__ import annotations

from collections import deque
from threading import Lock

SAMPLE = 2  # bytes


class Speaker:
    """16-bit mono at any one rate; everything is counted in samples. May be used from two threads."""

    def __init__(self) -> None:
        self.latency = 0  # samples that the device has taken and not yet made audible
        self._lock = Lock()
        self._waiting: deque[tuple[str, bytearray]] = deque()  # reply and audio, not yet taken
        self._in_device: deque[tuple[str | None, int]] = deque()  # taken in the last `latency` samples; None: silence
        self._in_device_samples = 0
        self._played: dict[str, int] = {}
        self._silent = 0  # samples of silence made audible since the last that was not

    def play(self, reply_id: str, pcm: bytes) -> None:
        """Adds audio of a reply behind what waits."""
        with self._lock:
            self._waiting.append((reply_id, bytearray(pcm)))

    def flush(self) -> None:
        """Drops what waits."""
        with self._lock:
            self._waiting.clear()

    def played(self, reply_id: str) -> int:
        """How much of the reply has been heard."""
        with self._lock:
            return self._played.get(reply_id, 0)

    @property
    def quiet_for(self) -> int:
        """Samples since anything was heard; 0 while something is, or waits."""
        with self._lock:
            busy = self._waiting or any(reply_id is not None for reply_id, _ in self._in_device)
            return 0 if busy else self._silent

    def take(self, samples: int) -> bytes:
        """The next audio for the device, filled up with silence."""
        with self._lock:
            taken = bytearray()
            while self._waiting and (room := SAMPLE * samples - len(taken)) > 0:
                reply_id, pcm = self._waiting[0]
                taken += pcm[:room]
                self._note(reply_id, min(room, len(pcm)) // SAMPLE)
                del pcm[:room]
                if not pcm:
                    self._waiting.popleft()
            self._note(None, samples - len(taken) // SAMPLE)
            return bytes(taken.ljust(SAMPLE * samples, b"\0"))

    def _note(self, reply_id: str | None, samples: int) -> None:
        """The device has taken `samples`; as many come out at its other end."""
        if samples:
            self._in_device.append((reply_id, samples))
            self._in_device_samples += samples
        while (excess := self._in_device_samples - self.latency) > 0:
            oldest, count = self._in_device.popleft()
            heard = min(count, excess)
            if count > heard:
                self._in_device.appendleft((oldest, count - heard))
            self._in_device_samples -= heard
            self._count(oldest, heard)

    def _count(self, reply_id: str | None, samples: int) -> None:
        if reply_id is None:
            self._silent += samples
        else:
            self._silent = 0
            self._played[reply_id] = self._played.get(reply_id, 0) + samples
