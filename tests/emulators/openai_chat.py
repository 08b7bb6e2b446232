"""A server on the loopback interface that answers as chat completions servers do, faults included.

async with OpenAIChat() as server:
    server.replies.append(Reply(deltas=text("Hello ", "there.")))
    … a client at server.url …
    assert server.requests[0].body["stream"] is True
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.emulators.http_server import Answer, HttpServer, sse


def text(*pieces: str) -> list[dict[str, Any]]:
    return [{"content": piece} for piece in pieces]


@dataclass
class Reply(Answer):
    """`end` may also be "no_done", a proper end but for "[DONE]", or "error", an error object."""

    deltas: list[dict[str, Any]] = field(default_factory=lambda: text("Hello ", "there."))
    finish: str = "stop"
    usage: dict[str, Any] | None = None

    def pieces(self) -> list[bytes]:
        pieces = [_chunk({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}) for delta in self.deltas]
        if self.end == "error":
            return [*pieces, sse({"error": self.error or {"message": "no"}})]
        if self.end in ("done", "no_done"):
            pieces.append(_chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": self.finish}]}))
            if self.usage:
                pieces.append(_chunk({"choices": [], "usage": self.usage}))
        if self.end == "done":
            pieces.append(sse("[DONE]"))
        return pieces


class OpenAIChat(HttpServer[Reply]):
    prefix = "/v1"

    def default(self) -> Reply:
        return Reply()

    def error_piece(self) -> bytes:
        return sse({"error": {"message": "the server had an error", "type": "server_error"}})


def _chunk(fields: dict[str, Any]) -> bytes:
    return sse({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "toy", **fields})
