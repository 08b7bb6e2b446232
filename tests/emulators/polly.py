"""A server on the loopback interface that answers SynthesizeSpeech as Amazon Polly does, and proves each signature."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from antiphon.audio.g711 import encode_ulaw
from tests.emulators.faults import Fault
from tests.emulators.http_server import Answer, HttpServer, Request
from tests.emulators.voice import cut, speech, words

KEY_ID, SECRET, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI-a-secret", "eu-west-9"
_KINDS = {"pcm": "audio/pcm", "mulaw": "audio/mulaw", "json": "application/x-json-stream"}
_ERRORS = {400: "ThrottlingException", 401: "UnrecognizedClientException", 500: "ServiceFailureException"}


@dataclass
class Synthesis(Answer):
    body: bytes = b""
    size: int = 3_200  # bytes of a piece: 100 ms at 16 kHz

    def pieces(self) -> list[bytes]:
        return cut(self.body, self.size)


class PollySpeech(HttpServer[Synthesis]):
    def __init__(self, *, fault: Fault | None = None, pace: float = 0.0) -> None:
        super().__init__(fault=fault)
        self.pace = pace  # seconds between pieces
        self.stopped_at: float | None = None  # loop time at which a client went away before the end

    @property
    def texts(self) -> list[str]:
        return [request.body["Text"] for request in self.requests if request.method == "POST"]

    def default(self) -> Synthesis:
        request = self.requests[-1]
        status = self.fault.status if self.fault and self.fault.status else 200
        if status == 200 and not self.is_signed(request):
            status = 403
        if status != 200:
            return Synthesis(status=status, headers={"x-amzn-ErrorType": _ERRORS.get(status, "AccessDenied")})
        if self.fault is Fault.GARBAGE:
            return Synthesis(content_type="text/html")
        body = request.body or {}
        kind = body.get("OutputFormat", "json")
        return Synthesis(body=_synthesise(body, kind), content_type=_KINDS[kind], delay=self.pace)

    def error(self, status: int, said: dict[str, Any] | None) -> dict[str, Any]:
        return {"message": "no"}

    def listed(self, request: Request) -> dict[str, Any] | None:
        return {"Voices": [{"Id": "Joanna", "LanguageCode": "en-US"}]} if self.is_signed(request) else None

    def is_signed(self, request: Request) -> bool:
        """Whether the signature is the one that botocore makes of the same request."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        _, _, fields = request.headers.get("authorization", "").partition(" ")
        given = dict(field.split("=", 1) for field in fields.split(", ")) if fields else {}
        names = given.get("SignedHeaders", "").split(";")
        signed = AWSRequest(request.method, f"{self.url}{request.path}", data=request.raw)
        for name in names:
            if name != "host":
                signed.headers[name] = request.headers.get(name, "")
        signed.context["timestamp"] = request.headers.get("x-amz-date", "")
        auth = SigV4Auth(Credentials(KEY_ID, SECRET), "polly", REGION)
        signature = auth.signature(auth.string_to_sign(signed, auth.canonical_request(signed)), signed)
        return "host" in names and given.get("Signature") == signature

    def _gone(self, sent: int) -> bool:
        self.stopped_at = asyncio.get_running_loop().time()
        return super()._gone(sent)


def _synthesise(body: dict[str, Any], kind: str) -> bytes:
    text, rate = body.get("Text", ""), int(body.get("SampleRate", "16000"))
    if kind == "json":
        marks = [_mark(text, word.char, word.text, word.start) for word in words(text)]
        return b"".join(json.dumps(mark).encode() + b"\n" for mark in marks)
    pcm = speech(text, rate)
    return pcm if kind == "pcm" else encode_ulaw(pcm)


def _mark(text: str, char: int, word: str, start: float) -> dict[str, Any]:
    first = len(text[:char].encode())
    end = first + len(word.encode())
    return {"time": round(1000 * start), "type": "word", "start": first, "end": end, "value": word}
