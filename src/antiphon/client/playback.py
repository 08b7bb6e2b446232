"""What the caller hears: each piece of a reply plays when it arrives, or when the piece before it has been played.

Plain arithmetic on times that are given, in seconds of any one clock. Audio is 16-bit mono at the output rate; nothing
is added for a sound device or a jitter buffer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from antiphon.audio.pcm import SAMPLE_BYTES, first_audible

ROUNDING = 1e-6  # of a sample: times are floats, and n / rate seconds are n samples


@dataclass(slots=True)
class Piece:
    """Audio of one reply that plays without a gap."""

    reply_id: str
    begins: float
    pcm: bytearray = field(default_factory=bytearray)

    @property
    def samples(self) -> int:
        return len(self.pcm) // SAMPLE_BYTES


class Playback:
    def __init__(self, rate: int) -> None:
        """`rate` in Hz."""
        self.rate = rate
        # In the order they play; never overlapping.
        self.pieces: list[Piece] = []
        # When the last sample received so far has been played.
        self.ends = float("-inf")

    def receive(self, reply_id: str, pcm: bytes, at: float) -> None:
        """Audio has arrived."""
        last = self.pieces[-1] if self.pieces else None
        if last is None or last.reply_id != reply_id or at > self.ends:
            last = Piece(reply_id, begins=max(at, self.ends))
            self.pieces.append(last)
        last.pcm += pcm
        self.ends = last.begins + last.samples / self.rate

    def flush(self, at: float) -> None:
        """Drop what has not been played."""
        for piece in self.pieces:
            del piece.pcm[SAMPLE_BYTES * self._played(piece, at) :]
        self.pieces = [piece for piece in self.pieces if piece.pcm]
        self.ends = min(self.ends, at)

    def played(self, reply_id: str, at: float) -> int:
        """How many samples of the reply have been played."""
        return sum(self._played(piece, at) for piece in self.pieces if piece.reply_id == reply_id)

    def first_audible(self, reply_id: str) -> float | None:
        """When the reply's first audible sample was played, or will be; None while there is none."""
        for piece in self.pieces:
            if piece.reply_id == reply_id and (index := first_audible(bytes(piece.pcm))) is not None:
                return piece.begins + index / self.rate
        return None

    def track(self, begin: float) -> bytes:
        """All of it on one timeline whose first sample is at `begin`."""
        track = bytearray()
        for piece in self.pieces:
            gap = round((piece.begins - begin) * self.rate) - len(track) // SAMPLE_BYTES
            track += bytes(SAMPLE_BYTES * max(gap, 0)) + piece.pcm
        return bytes(track)

    def audio(self) -> bytes:
        """All that was played, back to back."""
        return b"".join(bytes(piece.pcm) for piece in self.pieces)

    def _played(self, piece: Piece, at: float) -> int:
        return max(0, min(piece.samples, int((at - piece.begins) * self.rate + ROUNDING)))
