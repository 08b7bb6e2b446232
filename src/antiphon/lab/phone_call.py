"""A call by telephone in one process: a real session behind the frames of Twilio's Media Streams.

The carrier hands on a packet of 20 ms when it is complete, plays what it is sent in order and without pause, gives each
mark back when what came before it was played, and all that are out on a clear.
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Iterable
from typing import Any

import msgspec

from antiphon.audio.g711 import encode_ulaw
from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.conversation import notices as out
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.lab.simulated_client import SimulatedClient
from antiphon.lab.tones import ToneCode
from antiphon.protocols.doors import Command
from antiphon.protocols.phone import PACKET
from antiphon.protocols.twilio import TwilioDoor
from antiphon.protocols.voice_agent.commands import Audio, PlayoutPosition
from antiphon.types import ULAW_8K, AudioFormat, SessionConfig

BURST = 3  # packets that are lost together, on average
START = {
    "event": "start",
    "streamSid": "MZ1",
    "start": {"callSid": "CA1", "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}},
}


class PhoneClient(SimulatedClient):
    """The carrier's side of the agent's audio."""

    def __init__(self, audio_format: AudioFormat, *, call: PhoneCall, **options: Any) -> None:
        super().__init__(audio_format, **options)
        self.clears: list[float] = []  # when they came
        self._call = call
        self._marks: dict[str, asyncio.TimerHandle] = {}  # not given back yet

    def _take(self, notice: out.Notice) -> None:
        now = self._loop.time()
        self.arrived.append((now, notice))
        for message in self._call.door.send(notice):
            frame = msgspec.json.decode(message)
            match frame["event"]:
                case "media":
                    assert isinstance(notice, out.ReplyAudio)
                    data = base64.b64decode(frame["media"]["payload"])
                    self.playback.receive(notice.reply_id, self._decode(data), now)
                case "mark":
                    name = frame["mark"]["name"]
                    self._marks[name] = self._loop.call_at(self.playback.ends, self._give_back, name)
                case "clear":
                    self.clears.append(now)
                    self.playback.flush(now)
                    for name in list(self._marks):
                        self._give_back(name)

    def _give_back(self, name: str) -> None:
        self._marks.pop(name).cancel()
        self._call.receive({"event": "mark", "mark": {"name": name}})


class PhoneCall(SimulatedCall):
    """A SimulatedCall whose frames are a carrier's."""

    client: PhoneClient

    def __init__(self, code: ToneCode, **options: Any) -> None:
        self.door = TwilioDoor()
        self._at = 0  # ms of the call
        config = SessionConfig(input_format=ULAW_8K, output_format=ULAW_8K)
        super().__init__(code, config=config, **options)
        self.receive(START)

    def _make_client(self, audio_format: AudioFormat, **options: Any) -> SimulatedClient:
        return PhoneClient(audio_format, call=self, **options)

    def _hear(self, data: bytes) -> None:
        self.receive(media(data, at=self._at))
        self._at += PACKET

    def receive(self, frame: dict[str, Any]) -> None:
        self._obey(self.door.receive(msgspec.json.encode(frame)))

    def _obey(self, commands: Iterable[Command]) -> None:
        for command in commands:
            match command:
                case Audio(data):
                    self.session.audio(data)
                case PlayoutPosition(reply_id, samples):
                    self.session.played(reply_id, samples)


def media(data: bytes, *, at: int) -> dict[str, Any]:
    """A packet of the caller's, which begins `at` ms of the call."""
    return {"event": "media", "media": {"payload": base64.b64encode(data).decode(), "timestamp": str(at)}}


def over_the_line(pcm: bytes, *, loss: float, seed: int = 0) -> bytes:
    """What the session is given of speech at 8 kHz: through µ-law, of whose packets the fraction `loss` never came, in
    bursts (Gilbert's model). 16-bit µ-law of the door's, without what was lost at the very end."""
    rng, door, lost = random.Random(seed), TwilioDoor(), False
    size = PACKET * ULAW_8K.sample_rate // 1000
    came: list[bytes] = []
    door.receive(msgspec.json.encode(START))
    data = encode_ulaw(pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES])
    for n, start in enumerate(range(0, len(data), size)):
        begins = loss / (1 - loss) / BURST  # so that `loss` is lost in the long run
        lost = rng.random() >= 1 / BURST if lost else rng.random() < begins
        if not lost or n == 0:
            packet = msgspec.json.encode(media(data[start : start + size], at=n * PACKET))
            came += [command.data for command in door.receive(packet) if isinstance(command, Audio)]
    return b"".join(came)
