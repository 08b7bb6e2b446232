"""A carrier of telephone calls on this machine: it speaks the frames that Twilio, Telnyx and Vonage publish, over a
WebSocket it opens itself, as they do. It plays what it is sent at the pace of a telephone, and gives marks back when
what was sent before them has been played."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from antiphon.audio.g711 import decode_ulaw, encode_ulaw
from antiphon.audio.resample import resample

PACKET = 0.02  # seconds
SAY = re.compile(r"audio/l16;rate=(\d+)")


@dataclass
class Play:
    data: bytes = b""
    mark: str | None = None


@dataclass
class Call(ABC):
    """One call, seen from the caller's handset."""

    url: str
    said: Mapping[str, str]
    call_id: str = "CA0123456789abcdef0123456789abcdef"
    rate: int = 8000  # Hz, of what the carrier sends
    heard: bytearray = field(default_factory=bytearray)  # PCM16 at `rate`, of what the caller was played
    cleared: list[float] = field(default_factory=list)  # loop times at which a clear came
    frames: list[dict[str, Any]] = field(default_factory=list)  # what came beside audio
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    close_code: int | None = None
    _queue: deque[Play] = field(default_factory=deque)
    _packets: int = 0
    _spoken: bytearray = field(default_factory=bytearray)
    socket: ClientConnection = field(init=False)
    lost: Collection[int] = ()  # the numbers of packets that never arrive

    @abstractmethod
    def opening(self) -> list[str]: ...

    @abstractmethod
    def packet(self, pcm: bytes) -> str | bytes:
        """A frame of the caller's audio."""

    @abstractmethod
    def key(self, digit: str) -> str: ...

    @abstractmethod
    def gives_back(self, mark: str) -> str: ...

    @abstractmethod
    def read(self, message: str | bytes) -> None: ...

    def ending(self) -> list[str]:
        return []

    def say(self, pcm: bytes, rate: int) -> None:
        """What the caller says, from the next packet on."""
        self._spoken += resample(pcm, rate, self.rate)

    async def press(self, digit: str) -> None:
        await self.socket.send(self.key(digit))

    async def until(self, done: Any, *, timeout: float = 15.0) -> None:
        async with asyncio.timeout(timeout):
            while not done():  # noqa: ASYNC110  whatever a test waits for
                await asyncio.sleep(0.01)

    async def run(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.socket = socket
        for frame in self.opening():
            await socket.send(frame)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._line(socket))
                async for message in socket:
                    self.read(message)
                raise ConnectionClosed(None, None)
        except* ConnectionClosed:
            self.close_code = socket.close_code
        self.hung_up.set()

    async def _line(self, socket: ClientConnection) -> None:
        """Twenty milliseconds at a time, both ways."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self._play(socket)
            size = int(PACKET * self.rate) * 2
            pcm = bytes(self._spoken[:size]).ljust(size, b"\0")
            del self._spoken[:size]
            if self._packets not in self.lost:
                await socket.send(self.packet(pcm))
            self._packets += 1
            due += PACKET
            await asyncio.sleep(due - loop.time())

    async def _play(self, socket: ClientConnection) -> None:
        wanted = int(PACKET * self.rate) * 2
        while self._queue and (wanted or self._queue[0].mark):
            first = self._queue[0]
            if first.mark is not None:
                self._queue.popleft()
                await socket.send(self.gives_back(first.mark))
                continue
            self.heard += first.data[:wanted]
            wanted, first.data = wanted - len(first.data[:wanted]), first.data[wanted:]
            if not first.data:
                self._queue.popleft()

    def play(self, pcm: bytes) -> None:
        self._queue.append(Play(pcm))

    def mark(self, name: str) -> None:
        self._queue.append(Play(mark=name))

    def clear(self) -> None:
        """All that is waiting is dropped, and its marks come back at once."""
        self.cleared.append(asyncio.get_running_loop().time())
        marks = [play for play in self._queue if play.mark is not None]
        self._queue.clear()
        self._queue.extend(marks)

    @property
    def at(self) -> int:
        """ms since the stream began."""
        return round(self._packets * PACKET * 1000)


@dataclass
class TwilioCall(Call):
    sid: str = "MZ18ad3ab5a668481ce02b83e7395059f0"

    def opening(self) -> list[str]:
        start = {
            "accountSid": "AC0123456789abcdef0123456789abcdef",
            "streamSid": self.sid,
            "callSid": self.call_id,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(self.said),
        }
        return [
            json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
            json.dumps({"event": "start", "sequenceNumber": "1", "start": start, "streamSid": self.sid}),
        ]

    def packet(self, pcm: bytes) -> str:
        payload = base64.b64encode(encode_ulaw(pcm)).decode()
        number = str(self._packets + 1)
        media = {"track": "inbound", "chunk": number, "timestamp": str(self.at), "payload": payload}
        return json.dumps({"event": "media", "sequenceNumber": number, "media": media, "streamSid": self.sid})

    def key(self, digit: str) -> str:
        return json.dumps(
            {
                "event": "dtmf",
                "streamSid": self.sid,
                "sequenceNumber": "5",
                "dtmf": {"track": "inbound_track", "digit": digit},
            }
        )

    def gives_back(self, mark: str) -> str:
        return json.dumps({"event": "mark", "sequenceNumber": "4", "streamSid": self.sid, "mark": {"name": mark}})

    def ending(self) -> list[str]:
        stop = {"accountSid": "AC0123456789abcdef0123456789abcdef", "callSid": self.call_id}
        return [json.dumps({"event": "stop", "sequenceNumber": "5", "stop": stop, "streamSid": self.sid})]

    def read(self, message: str | bytes) -> None:
        frame = json.loads(message)
        assert frame["streamSid"] == self.sid
        match frame["event"]:
            case "media":
                self.play(decode_ulaw(base64.b64decode(frame["media"]["payload"])))
            case "mark":
                self.mark(frame["mark"]["name"])
            case "clear":
                self.clear()
        self.frames.append(frame)


@dataclass
class TelnyxCall(Call):
    def opening(self) -> list[str]:
        start = {
            "user_id": "3E6F995F-85F7-4705-9741-53B116D28237",
            "call_control_id": self.call_id,
            "from": "+13122010094",
            "to": "+13122123456",
            "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
            "custom_parameters": dict(self.said),
        }
        return [
            json.dumps({"event": "connected", "version": "1.0.0"}),
            json.dumps({"event": "start", "sequence_number": "1", "start": start, "stream_id": "32DE0DEA"}),
        ]

    def packet(self, pcm: bytes) -> str:
        payload = base64.b64encode(encode_ulaw(pcm)).decode()
        number = str(self._packets + 1)
        media = {"track": "inbound", "chunk": number, "timestamp": str(self.at), "payload": payload}
        return json.dumps({"event": "media", "sequence_number": number, "media": media, "stream_id": "32DE0DEA"})

    def key(self, digit: str) -> str:
        return json.dumps({"event": "dtmf", "stream_id": "32DE0DEA", "sequence_number": "5", "dtmf": {"digit": digit}})

    def gives_back(self, mark: str) -> str:
        return json.dumps({"event": "mark", "sequence_number": "4", "stream_id": "32DE0DEA", "mark": {"name": mark}})

    def ending(self) -> list[str]:
        return [json.dumps({"event": "stop", "sequence_number": "5", "stop": {"call_control_id": self.call_id}})]

    def read(self, message: str | bytes) -> None:
        frame = json.loads(message)
        match frame["event"]:
            case "media":
                self.play(decode_ulaw(base64.b64decode(frame["media"]["payload"])))
            case "mark":
                self.mark(frame["mark"]["name"])
            case "clear":
                self.clear()
        self.frames.append(frame)


@dataclass
class VonageCall(Call):
    rate: int = 16000

    def opening(self) -> list[str]:
        return [
            json.dumps({"event": "websocket:connected", "content-type": f"audio/l16;rate={self.rate}", **self.said})
        ]

    def packet(self, pcm: bytes) -> bytes:
        return pcm

    def key(self, digit: str) -> str:
        return json.dumps({"event": "websocket:dtmf", "digit": digit, "duration": 260})

    def gives_back(self, mark: str) -> str:
        return json.dumps({"event": "websocket:notify", "payload": {"mark": mark}})

    def read(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            assert len(message) == int(PACKET * self.rate) * 2
            self.play(message)
            return
        frame = json.loads(message)
        match frame["action"]:
            case "notify":
                self.mark(frame["payload"]["mark"])
            case "clear":
                self.clear()
        self.frames.append(frame)


def read_document(media_type: str, document: str) -> tuple[str, dict[str, str]]:
    """Where a carrier is told to send a call, and what it is to say there."""
    if "json" in media_type:
        (action,) = json.loads(document)
        (endpoint,) = action["endpoint"]
        assert action["action"] == "connect" and SAY.fullmatch(endpoint["content-type"])
        return endpoint["uri"], endpoint["headers"]
    response = ElementTree.fromstring(document)
    stream = response.find("Connect/Stream")
    assert stream is not None
    return stream.attrib["url"], {each.attrib["name"]: each.attrib["value"] for each in stream.findall("Parameter")}


@asynccontextmanager
async def calling(call: Call) -> AsyncIterator[Call]:
    """The call, from when it is answered; hung up by the caller at the end of the block, if it still is there."""
    async with connect(call.url, compression=None, proxy=None) as socket:
        running = asyncio.create_task(call.run(socket))
        try:
            yield call
            if not call.hung_up.is_set():
                for frame in call.ending():
                    await socket.send(frame)
        except ConnectionClosed:
            pass
        finally:
            await socket.close()
            await running
