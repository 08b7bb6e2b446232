"""A server on the loopback interface that answers `/v1/audio/transcriptions` as OpenAI and those compatible with it do,
and one for the transcription sessions of OpenAI's Realtime API."""

from __future__ import annotations

import base64
import io
import json
import wave
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from websockets.http11 import Request as Handshake

from tests.emulators.faults import Fault
from tests.emulators.hearing import Hearing, slices, text
from tests.emulators.http_server import Answer, HttpServer, Request
from tests.emulators.websocket import Visit, WebSocketEmulator


@dataclass
class Transcribed(Answer):
    said: str = ""
    segments: list[dict[str, float]] | None = None
    content_type: str = "application/json"

    def pieces(self) -> list[bytes]:
        fields: dict[str, Any] = {"text": self.said, "usage": {"type": "duration", "seconds": 1}}
        if self.segments is not None:
            fields["segments"] = self.segments
        body = json.dumps(fields).encode()
        return [body[at : at + 8] for at in range(0, len(body), 8)]


class OpenAITranscriptions(HttpServer[Transcribed]):
    """`forms` are the fields of each request, its audio left out."""

    prefix = "/v1"

    def __init__(self, fault: Fault | None = None, *, key: str = "key") -> None:
        super().__init__(fault=fault)
        self.key = key
        self.forms: list[dict[str, Any]] = []

    def default(self) -> Transcribed:
        fields = form(self.requests[-1])
        pcm, rate = unpack(fields.pop("file"))
        self.forms.append(fields)
        hearing = Hearing(rate)
        hearing.feed(pcm)
        return Transcribed(said=text(hearing.take()))


def form(request: Request) -> dict[str, Any]:
    """The fields of a multipart body; those whose names end in "[]" are lists."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    fields: dict[str, Any] = {}
    for part in BytesParser(policy=HTTP).parsebytes(head + request.body).iter_parts():
        name = part.get_param("name", header="content-disposition")
        value = part.get_payload(decode=True)
        if name == "file":
            assert part.get_filename(), "a file without a name is not known for what it is"
            fields["file"] = value
        elif name.endswith("[]"):
            fields.setdefault(name, []).append(value.decode())
        else:
            fields[name] = value.decode()
    return fields


def unpack(wav: bytes) -> tuple[bytes, int]:
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.readframes(file.getnframes()), file.getframerate()


class OpenAIRealtimeTranscription(WebSocketEmulator):
    """Tells words as they come, and the whole when the buffer is committed; it has no ear for turns of its own."""

    def refusal(self, request: Handshake) -> int | None:
        return None if request.headers.get("authorization") == f"Bearer {self.key}" else 401

    async def converse(self, visit: Visit) -> None:
        await _Session(visit).converse()

    async def fail(self, visit: Visit) -> None:
        await visit.send(_error("server_error", "server_error", "The server had an error."))
        await visit.connection.close(1011)

    async def expire(self, visit: Visit) -> None:
        await visit.send(_error("invalid_request_error", "session_expired", "Your session hit the maximum duration."))
        await visit.connection.close(1000)


class _Session:
    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.session: dict[str, Any] = {"type": "transcription", "id": "sess_1", "object": "realtime.session"}
        self._items = 0
        self._begin()

    async def converse(self) -> None:
        await self._send("session.created", session=self.session)
        while (message := await self.visit.receive()) is not None:
            assert isinstance(message, dict)
            match message["type"]:
                case "session.update":
                    self.session |= message["session"]
                    self._begin()
                    await self._send("session.updated", session=self.session)
                case "input_audio_buffer.append":
                    await self._append(base64.b64decode(message["audio"]))
                case "input_audio_buffer.commit":
                    await self._commit()
                case "input_audio_buffer.clear":
                    self._begin()
                    await self._send("input_audio_buffer.cleared")

    def _begin(self) -> None:
        self._rate = self.session.get("audio", {}).get("input", {}).get("format", {}).get("rate", 24_000)
        self._hearing = Hearing(self._rate)
        self._items += 1
        self._said: list[str] = []

    async def _append(self, pcm: bytes) -> None:
        self.visit.audio += pcm
        for piece in slices(pcm, self._rate):
            self._hearing.feed(piece)
            for word in self._hearing.take():
                delta = word.text if not self._said else f" {word.text}"
                self._said.append(word.text)
                await self._send(
                    "conversation.item.input_audio_transcription.delta",
                    item_id=self._item,
                    content_index=0,
                    delta=delta,
                )

    async def _commit(self) -> None:
        if self._hearing.seconds < 0.1:
            await self.visit.send(
                _error("invalid_request_error", "input_audio_buffer_commit_empty", "The buffer is too small.")
            )
            return
        item, said = self._item, " ".join(self._said)
        self._begin()
        await self._send("input_audio_buffer.committed", item_id=item, previous_item_id=None)
        await self._send(
            "conversation.item.input_audio_transcription.completed",
            item_id=item,
            content_index=0,
            transcript=said,
            usage={"type": "duration", "seconds": 1.0},
        )

    @property
    def _item(self) -> str:
        return f"item_{self._items}"

    async def _send(self, kind: str, **fields: Any) -> None:
        await self.visit.send({"type": kind, "event_id": "event_1", **fields})


def _error(kind: str, code: str, message: str) -> dict[str, Any]:
    error = {"type": kind, "code": code, "message": message, "param": None, "event_id": None}
    return {"type": "error", "event_id": "event_2", "error": error}
