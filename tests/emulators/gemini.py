"""A server on the loopback interface that answers as Gemini's streamGenerateContent does, and refuses what it refuses.

async with GeminiServer() as server:
    server.replies.append(Reply(parts=[*text("Hello ", "there."), call("clock", {"zone": "UTC"}, signature="c2ln")]))
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.emulators.http_server import Answer, HttpServer, Request, sse

_STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
_STATUSES |= {429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}


def text(*pieces: str) -> list[dict[str, Any]]:
    return [{"text": piece} for piece in pieces]


def call(name: str, args: dict[str, Any], *, call_id: str = "", signature: str = "") -> dict[str, Any]:
    function = {"name": name, "args": args} | ({"id": call_id} if call_id else {})
    return {"functionCall": function} | ({"thoughtSignature": signature} if signature else {})


@dataclass
class Reply(Answer):
    """One chunk for each part. `end` may also be "error", an error object."""

    parts: list[dict[str, Any]] = field(default_factory=lambda: text("Hello ", "there."))
    finish: str = "STOP"
    usage: dict[str, Any] = field(default_factory=dict)

    def pieces(self) -> list[bytes]:
        pieces = [_chunk({"content": {"role": "model", "parts": [part]}, "index": 0}) for part in self.parts]
        if self.end == "error":
            return [*pieces, sse({"error": self.error or {"code": 503, "message": "busy", "status": "UNAVAILABLE"}})]
        if self.end == "done":
            last = {"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": self.finish, "index": 0}
            pieces.append(_chunk(last, self.usage))
        return pieces


class GeminiServer(HttpServer[Reply]):
    def default(self) -> Reply:
        return Reply()

    def error(self, status: int, said: dict[str, Any] | None) -> dict[str, Any]:
        return {"error": {"code": status, "message": "no", "status": _STATUSES.get(status, "UNKNOWN"), **(said or {})}}

    def error_piece(self) -> bytes:
        return sse({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}})

    def listed(self, request: Request) -> dict[str, Any] | None:
        return {"name": request.path.removeprefix("/v1/")}

    def refusal(self, request: Request) -> str | None:
        if request.method != "POST":
            return None
        contents = request.body["contents"]
        if not contents or contents[0]["role"] != "user":
            return "contents: a conversation begins with a user's turn"
        if "/gemini-3" in request.path:
            for turn in contents:
                calls = [part for part in turn["parts"] if "functionCall" in part]
                if calls and "thoughtSignature" not in calls[0]:
                    return "Function call is missing a thought_signature in functionCall parts."
        return _unanswered(contents)


def _unanswered(contents: list[dict[str, Any]]) -> str | None:
    for turn, after in zip(contents, [*contents[1:], {"parts": []}], strict=True):
        calls = [part["functionCall"]["name"] for part in turn["parts"] if "functionCall" in part]
        answers = [part["functionResponse"]["name"] for part in after["parts"] if "functionResponse" in part]
        if calls != answers:
            return "the number of function response parts must equal the number of function call parts"
    return None


def _chunk(candidate: dict[str, Any], usage: dict[str, Any] | None = None) -> bytes:
    counts = {"promptTokenCount": 9, "totalTokenCount": 9, **(usage or {})}
    fields = {"candidates": [candidate], "usageMetadata": counts, "modelVersion": "toy", "responseId": "r1"}
    return sse(fields).replace(b"\n", b"\r\n")
