"""Audio by tracks: the Voice Agent API with its audio beside it, as WebRTC and LiveKit have it.

What `/v1/ws` carries goes over a channel, except audio: `reply.audio` becomes the agent's track, and the caller's track
becomes `input.audio`. So a session that is resumed, cut or listened to behaves as it does there.

Nothing here knows of sockets or of Opus. Tracks are mono 16-bit PCM at 48 kHz, the rate of Opus (RFC 7587), in frames
of 20 ms. How much was heard follows from what was sent and when: a receiver's reports (RTCP, RFC 3550, section 6.4)
say how long the way is, and how uneven.
"""

from __future__ import annotations

import base64
from collections import deque
from dataclasses import dataclass
from typing import Any

import msgspec

from antiphon.audio.g711 import codec
from antiphon.audio.resample import Resampler
from antiphon.protocols.voice_agent import events
from antiphon.protocols.voice_agent.config import Session, Settings, to_config
from antiphon.types import PCM_24K, AudioFormat

RATE = 48_000  # Hz, of both tracks
FRAME = 0.02  # seconds
SAMPLES = int(FRAME * RATE)  # in a frame
BUFFERED = 0.06  # seconds that a client holds against jitter, at the least
REPORT_EVERY = 0.1  # seconds between two positions of a reply that is being played

_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Way:
    """What the client's last report says about the way to it. Seconds."""

    round_trip: float
    jitter: float

    @property
    def delay(self) -> float:
        """From a frame's leaving here until it is heard."""
        return self.round_trip / 2 + max(BUFFERED, 2 * self.jitter)


@dataclass(slots=True)
class _Reply:
    """The one whose audio came last. Samples are of the session's output rate."""

    id: str
    left: int = 0  # samples that went out
    told: int = -1  # samples that the server was told of
    told_at: float = 0.0


class Media:
    """The audio of one connection, both ways."""

    def __init__(self) -> None:
        self._hear(PCM_24K)
        self._speak(PCM_24K)
        self._waiting: deque[bytes] = deque()  # PCM at the session's rate, to go out
        self._reply = _Reply("")
        self._left: deque[tuple[float, int]] = deque()  # when, and how many samples of the reply had gone out then

    def _hear(self, audio_format: AudioFormat) -> None:
        self._input = audio_format
        self._encode = codec(audio_format).encode
        self._down = Resampler(RATE, audio_format.sample_rate)

    def _speak(self, audio_format: AudioFormat) -> None:
        self._output = audio_format
        self._decode = codec(audio_format).decode
        self._up = Resampler(audio_format.sample_rate, RATE)
        self._frame = int(FRAME * audio_format.sample_rate) * 2  # bytes

    # --- what the server says -------------------------------------------------------------------------------------

    def send(self, text: str, now: float) -> tuple[str, str]:
        """Takes one message of the server's. Returns what goes over the channel, and what is said to the server at
        once; empty: nothing."""
        match events.decode(text):
            case events.ReplyAudio(reply_id=reply_id, data=data):
                self._play(reply_id, self._decode(data))
                return "", ""
            case events.SessionUpdated(config=config) | events.SessionReady(config=config) if config:
                self._adopt(config)
            case events.InputSpeechStarted() | events.ReplyDone(status="interrupted"):
                return text, self._flush(now)
        return text, ""

    def _adopt(self, config: Any) -> None:
        found = to_config(Settings(session=msgspec.convert(config, Session, strict=False)))
        if found.input_format != self._input:
            self._hear(found.input_format)
        if found.output_format != self._output:
            self._speak(found.output_format)

    def _play(self, reply_id: str, pcm: bytes) -> None:
        if reply_id != self._reply.id:
            self._reply = _Reply(reply_id)
            self._left.clear()
            self._waiting.clear()
        self._waiting.append(pcm)

    # --- the tracks -----------------------------------------------------------------------------------------------

    def hear(self, pcm: bytes) -> str:
        """A frame of the caller's as a message to the server; empty: none is due."""
        audio = self._encode(self._down.process(pcm))
        return _tell("input.audio", audio=base64.b64encode(audio).decode()) if audio else ""

    def frame(self, now: float) -> bytes:
        """The next 20 ms of the agent's track, which leave now: silence where it says nothing."""
        pcm = self._take(self._frame)
        if pcm:
            self._reply.left += len(pcm) // 2
            self._left.append((now, self._reply.left))
        out = self._up.process(pcm.ljust(self._frame, b"\0"))
        return out[-SAMPLES * 2 :].rjust(SAMPLES * 2, b"\0")  # the first is short, by what the filter looks ahead

    def _take(self, size: int) -> bytes:
        taken = b""
        while self._waiting and len(taken) < size:
            piece = self._waiting.popleft()
            room = size - len(taken)
            taken += piece[:room]
            if len(piece) > room:
                self._waiting.appendleft(piece[room:])
        return taken

    # --- what was heard -------------------------------------------------------------------------------------------

    def _flush(self, now: float) -> str:
        """Drops what has not left. What has left will be heard, and that can be said at once."""
        self._waiting.clear()
        self._left.clear()
        return self._position(self._reply.left, now)

    def position(self, way: Way, now: float) -> str:
        """How much was heard by now, as a message to the server; empty: nothing new to say."""
        if self._waiting and now - self._reply.told_at < REPORT_EVERY:
            return ""
        heard = -1
        while self._left and self._left[0][0] + way.delay <= now:
            heard = self._left.popleft()[1]
        return self._position(heard, now)

    def _position(self, samples: int, now: float) -> str:
        reply = self._reply
        if not reply.id or samples <= reply.told:
            return ""
        reply.told, reply.told_at = samples, now
        return _tell("playout.position", reply_id=reply.id, samples=samples)


def _tell(kind: str, **fields: Any) -> str:
    return _ENCODER.encode({"type": kind, **fields}).decode()
