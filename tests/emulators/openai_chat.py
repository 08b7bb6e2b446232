"""A server on the loopback interface that answers as chat completions servers do, faults included.

async with OpenAIChat() as server:
    server.replies.append(Reply(deltas=text("Hello ", "there.")))
    … a client at server.url …
    assert server.requests[0].body["stream"] is True
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections import deque
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, Literal, Self


def text(*pieces: str) -> list[dict[str, Any]]:
    return [{"content": piece} for piece in pieces]


@dataclass
class Reply:
    """What the server does with one request. `end` is what follows the deltas: a proper end, the same without
    "[DONE]", silence, a connection closed or reset, or an error object."""

    deltas: list[dict[str, Any]] = field(default_factory=lambda: text("Hello ", "there."))
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    error: dict[str, Any] | None = None  # the body's "error" for another status; the last event for end="error"
    raw: bytes | None = None  # sent instead of the deltas
    delay: float = 0.0  # seconds before each delta
    hang: bool = False  # never answer at all
    finish: str = "stop"
    usage: dict[str, Any] | None = None
    end: Literal["done", "no_done", "hang", "close", "reset", "error"] = "done"
    chop: int = 0  # send in pieces of so many bytes


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


class OpenAIChat:
    """`connections` counts those ever made, `left` the deltas sent to each client that went away before the end."""

    def __init__(self) -> None:
        self.replies: deque[Reply] = deque()
        self.requests: list[Request] = []
        self.connections = 0
        self.left: list[int] = []
        self.someone_left = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while await self._serve(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append(Request(method, path, headers, json.loads(body) if body else None))
        if method == "GET" and not self.replies:
            return await _respond(writer, 200, {}, {"object": "list", "data": []})
        reply = self.replies.popleft() if self.replies else Reply()
        if reply.hang:
            await reader.read(1)
            return self._gone(0)
        if reply.status != 200:
            return await _respond(writer, reply.status, reply.headers, {"error": reply.error or {"message": "no"}})
        return await self._stream(reply, reader, writer)

    async def _stream(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await _send(writer, b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        watch = asyncio.create_task(reader.read(1))  # a client says nothing while it listens, unless it goes
        try:
            for sent, event in enumerate(_events(reply)):
                await asyncio.wait((watch,), timeout=reply.delay)
                if watch.done():
                    return self._gone(sent)
                await _send_chunk(writer, event, reply.chop)
            return await self._finish(reply, watch, writer)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def _finish(self, reply: Reply, watch: asyncio.Task[bytes], writer: asyncio.StreamWriter) -> bool:
        if reply.end == "hang":
            await watch
            return self._gone(len(reply.deltas))
        if reply.end == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
            writer.transport.abort()
        if reply.end in ("reset", "close"):
            return False
        await _send(writer, b"0\r\n\r\n")
        return True

    def _gone(self, sent: int) -> bool:
        self.left.append(sent)
        self.someone_left.set()
        return False


def _events(reply: Reply) -> list[bytes]:
    if reply.raw is not None:
        return [reply.raw]
    events = [_event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}) for delta in reply.deltas]
    if reply.end == "error":
        return [*events, b"data: " + json.dumps({"error": reply.error or {"message": "no"}}).encode() + b"\n\n"]
    if reply.end in ("done", "no_done"):
        events.append(_event({"choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish}]}))
        if reply.usage:
            events.append(_event({"choices": [], "usage": reply.usage}))
    if reply.end == "done":
        events.append(b"data: [DONE]\n\n")
    return events


def _event(fields: dict[str, Any]) -> bytes:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "toy", **fields}
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


async def _respond(writer: asyncio.StreamWriter, status: int, headers: dict[str, str], body: dict[str, Any]) -> bool:
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    await _send(writer, f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode() + data)
    return True


async def _send_chunk(writer: asyncio.StreamWriter, data: bytes, chop: int) -> None:
    for at in range(0, len(data), chop or len(data)):
        piece = data[at : at + (chop or len(data))]
        await _send(writer, b"%x\r\n%s\r\n" % (len(piece), piece))
        await asyncio.sleep(0)


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()
