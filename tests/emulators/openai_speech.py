"""A server on the loopback interface that answers `/v1/audio/speech` as OpenAI and those compatible with it do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from tests.emulators.faults import Fault
from tests.emulators.http_server import Answer, HttpServer, Request
from tests.emulators.voice import cut, speech

RATE = 24_000
PIECE = 4_800  # bytes: 100 ms


@dataclass
class Spoken(Answer):
    pcm: bytes = b""
    content_type: str = "audio/pcm"

    def pieces(self) -> list[bytes]:
        return cut(self.pcm, PIECE)


class OpenAISpeech(HttpServer[Spoken]):
    prefix = "/v1"

    def __init__(self, *, fault: Fault | None = None, pace: float = 0.0) -> None:
        super().__init__(fault=fault)
        self.pace = pace  # seconds between pieces
        self.stopped_at: float | None = None  # loop time at which a client went away before the end

    @property
    def texts(self) -> list[str]:
        return [request.body["input"] for request in self.requests if request.method == "POST"]

    def default(self) -> Spoken:
        body: dict[str, Any] = self.requests[-1].body or {}
        pcm = speech(body.get("input", ""), RATE)
        if self.fault is Fault.GARBAGE:
            return Spoken(content_type="text/html")
        return Spoken(pcm=pcm, delay=self.pace)

    def listed(self, request: Request) -> dict[str, Any] | None:
        return {"object": "list", "data": [{"id": "toy", "object": "model", "created": 1, "owned_by": "us"}]}

    def _gone(self, sent: int) -> bool:
        self.stopped_at = asyncio.get_running_loop().time()
        return super()._gone(sent)
