"""A small HTTP server on a free port of this machine, that answers as told and keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def answer(body: bytes | str | object = b"", *, status: str = "200 OK", **headers: str) -> bytes:
    if not isinstance(body, bytes):
        body = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@dataclass
class Loopback:
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    sent: int = 0  # bytes of answers that were taken

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(respond: Callable[[Request], bytes | None]) -> AsyncIterator[Loopback]:
    """`respond` makes the whole answer; None: it never comes."""
    loopback = Loopback()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, target, _ = head[0].split(" ", 2)
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            loopback.requests.append(request := Request(method, target, headers, body))
            if (data := respond(request)) is None:
                await reader.read()
                return
            for at in range(0, len(data), 65_536):
                writer.write(data[at : at + 65_536])
                await writer.drain()
                loopback.sent = at
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    loopback.port = server.sockets[0].getsockname()[1]
    async with server:
        yield loopback
