"""A server on the loopback interface that answers as Anthropic's Messages API does, and refuses what it refuses.

async with AnthropicMessages() as server:
    server.replies.append(Reply(blocks=[text("Hello ", "there."), tool_use("a", "clock", '{"zone":', '"UTC"}')]))
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.emulators.http_server import Answer, HttpServer, Request, sse

Block = tuple[dict[str, Any], list[dict[str, Any]]]  # how it starts, and its deltas

_TYPES = {400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error"}
_TYPES |= {404: "not_found_error", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"}


def text(*pieces: str) -> Block:
    return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]


def thinking(*pieces: str) -> Block:
    deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
    return {"type": "thinking", "thinking": "", "signature": ""}, [
        *deltas,
        {"type": "signature_delta", "signature": "c2ln"},
    ]


def tool_use(call_id: str, name: str, *pieces: str) -> Block:
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces)]
    return {"type": "tool_use", "id": call_id, "name": name, "input": {}, "caller": {"type": "direct"}}, deltas


@dataclass
class Reply(Answer):
    """`end` may also be "error", an error event. `usage` is added to what is counted at the start."""

    blocks: list[Block] = field(default_factory=lambda: [text("Hello ", "there.")])
    stop_reason: str = "end_turn"
    usage: dict[str, Any] = field(default_factory=dict)
    output: int = 2  # tokens

    def pieces(self) -> list[bytes]:
        pieces = [_named("message_start", message=self._message()), _named("ping")]
        for index, (start, deltas) in enumerate(self.blocks):
            pieces.append(_named("content_block_start", index=index, content_block=start))
            pieces += [_named("content_block_delta", index=index, delta=delta) for delta in deltas]
            pieces.append(_named("content_block_stop", index=index))
        if self.end == "error":
            return [*pieces, _named("error", error=self.error or {"type": "overloaded_error", "message": "Overloaded"})]
        if self.end == "done":
            delta = {"stop_reason": self.stop_reason, "stop_sequence": None}
            pieces.append(_named("message_delta", delta=delta, usage={"output_tokens": self.output}))
            pieces.append(_named("message_stop"))
        return pieces

    def _message(self) -> dict[str, Any]:
        counts = {"input_tokens": 9, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "toy", "content": []}
        return {**message, "stop_reason": None, "stop_sequence": None, "usage": {**counts, **self.usage}}


class AnthropicMessages(HttpServer[Reply]):
    def default(self) -> Reply:
        return Reply()

    def error(self, status: int, said: dict[str, Any] | None) -> dict[str, Any]:
        error = {"type": _TYPES.get(status, "api_error"), "message": "no", **(said or {})}
        return {"type": "error", "error": error, "request_id": "req_1"}

    def error_piece(self) -> bytes:
        return _named("error", error={"type": "overloaded_error", "message": "Overloaded"})

    def listed(self, request: Request) -> dict[str, Any] | None:
        return {"data": [], "has_more": False, "first_id": None, "last_id": None}

    def refusal(self, request: Request) -> str | None:
        if request.method != "POST":
            return None
        body = request.body
        if "anthropic-version" not in request.headers:
            return "anthropic-version: header is required"
        if old := {"temperature", "top_p", "top_k"} & set(body):
            return f"{old}: Extra inputs are not permitted"
        if not body["messages"] or body["messages"][0]["role"] != "user":
            return "messages: first message must use the user role"
        if body["messages"][-1]["role"] != "user":
            return "This model does not support assistant message prefill"
        return _wrong_content(body["messages"])


def _wrong_content(messages: list[dict[str, Any]]) -> str | None:
    open_calls: set[str] = set()
    for message in messages:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            return "messages: text content blocks must be non-empty"
        if set(results) != open_calls or [block["type"] for block in blocks[: len(results)]].count("text"):
            return "`tool_use` ids were found without `tool_result` blocks immediately after"
        open_calls = {block["id"] for block in blocks if block["type"] == "tool_use"}
    return None


def _named(name: str, **fields: Any) -> bytes:
    return sse({"type": name, **fields}, name=name)
