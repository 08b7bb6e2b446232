"""What every emulator of an HTTP vendor is built on: a server on the loopback interface that streams its answers.

A vendor's emulator says how its answers look (`Answer.pieces`), and how its errors do (`HttpServer.error`).
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections import deque
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, Generic, Self, TypeVar

from tests.emulators.faults import PIECES_BEFORE, RETRY_AFTER, SLOW, STALL, Fault

NOT_THE_PROTOCOL = b"\x00\xff<html>Welcome to this network</html>\n\n"


@dataclass(kw_only=True)
class Answer:
    """What the server does with one request. `end` is what follows the pieces: a proper end of the body, silence, or
    the connection closed or reset; a vendor may know more ends."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    error: dict[str, Any] | None = None  # what the body of another status says
    raw: bytes | None = None  # sent instead of the pieces
    delay: float = 0.0  # seconds before each piece
    hang: bool = False  # never answer at all
    end: str = "done"
    chop: int = 0  # send in parts of so many bytes
    content_type: str = "text/event-stream"

    def pieces(self) -> list[bytes]:
        """The body, as it is streamed."""
        return []


AnswerT = TypeVar("AnswerT", bound=Answer)


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    raw: bytes = b""  # the body as it came


class HttpServer(Generic[AnswerT]):
    """`connections` counts those ever made, `left` the pieces sent to each client that went away before the end.

    Requests are answered by `replies`, in order, then by `default()`. A `fault` takes precedence over them. With
    `lists`, a GET is answered by `listed()` even if there are replies.
    """

    prefix = ""  # of every path, as part of the address clients are given

    def __init__(self, *, fault: Fault | None = None, lists: bool = False) -> None:
        self.fault = fault
        self._lists = lists
        self.replies: deque[AnswerT] = deque()
        self.requests: list[Request] = []
        self.connections = 0
        self.left: list[int] = []
        self.asked = asyncio.Event()  # a request has come
        self.someone_left = asyncio.Event()
        self.left_at = 0.0  # loop time at which the last of them did
        self._open: set[asyncio.Task[None]] = set()

    # --- what a vendor says ---------------------------------------------------------------------------------------

    def default(self) -> AnswerT:
        raise NotImplementedError

    def error(self, status: int, said: dict[str, Any] | None) -> dict[str, Any]:
        """The body of an error."""
        return {"error": said or {"message": "no"}}

    def error_piece(self) -> bytes:
        """An error in the middle of an answer."""
        raise NotImplementedError

    def refusal(self, request: Request) -> str | None:
        """What a vendor that checks its requests would say against this one."""
        return None

    def listed(self, request: Request) -> dict[str, Any] | None:
        """The answer to a GET: what the vendor lists, its models as a rule. None: it is answered by `replies`."""
        return {"object": "list", "data": []}

    # --- the server -----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.host, self.port = self._server.sockets[0].getsockname()
        self.url = f"http://{self.host}:{self.port}{self.prefix}"
        if self.fault is Fault.REFUSE:
            await self.go_down()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.go_down()

    async def go_down(self) -> None:
        """Ends every connection and accepts no more."""
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def come_back(self) -> None:
        """Listens again, at the same address."""
        self._server = await asyncio.start_server(self._connected, self.host, self.port)

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
        request = await _read(reader)
        self.requests.append(request)
        self.asked.set()
        lists = request.method == "GET" and (self._lists or not self.replies) and not self.fault
        listed = self.listed(request) if lists else None
        if listed is not None:
            return await _respond(writer, 200, {}, listed)
        if (refusal := self.refusal(request)) and not self.fault:
            return await _respond(writer, 400, {}, self.error(400, {"message": refusal}))
        answer = self.replies.popleft() if self.replies else self.default()
        answer.hang |= self.fault is Fault.HANG
        if self.fault is Fault.SLOW_FIRST_BYTE:
            await asyncio.sleep(SLOW)
        if self.fault and self.fault.status:
            answer.status = self.fault.status
        if self.fault is Fault.RATE_LIMITED:
            answer.headers["retry-after"] = f"{RETRY_AFTER:g}"
        if answer.hang:
            await reader.read(1)
            return self._gone(0)
        if answer.status != 200:
            return await _respond(writer, answer.status, answer.headers, self.error(answer.status, answer.error))
        return await self._stream(answer, reader, writer)

    async def _stream(self, answer: AnswerT, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {answer.content_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
        await _send(writer, head.encode())
        watch = asyncio.create_task(reader.read(1))  # a client says nothing while it listens, unless it goes
        try:
            for sent, (delay, piece) in enumerate(self._timed(answer)):
                await asyncio.wait((watch,), timeout=delay)
                if watch.done():
                    return self._gone(sent)
                await _send_chunk(writer, piece, answer.chop)
            return await self._finish(answer, watch, writer)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    def _timed(self, answer: AnswerT) -> list[tuple[float, bytes]]:
        """Each piece, with the seconds before it; made faulty."""
        pieces = [answer.raw] if answer.raw is not None else answer.pieces()
        timed = [(answer.delay, piece) for piece in pieces]
        match self.fault:
            case Fault.GARBAGE:
                return [(0.0, NOT_THE_PROTOCOL)]
            case Fault.ERROR_EVENT:
                return [*timed[:PIECES_BEFORE], (0.0, self.error_piece())]
            case Fault.RESET | Fault.SESSION_EXPIRED:
                answer.end = "reset" if self.fault is Fault.RESET else "close"
                return timed[:PIECES_BEFORE]
            case Fault.STALL:
                return [*timed[:PIECES_BEFORE], *((STALL, piece) for _, piece in timed[PIECES_BEFORE:])]
            case Fault.ODD_BYTES:
                answer.chop = 333
        return timed

    async def _finish(self, answer: AnswerT, watch: asyncio.Task[bytes], writer: asyncio.StreamWriter) -> bool:
        if answer.end == "hang":
            await watch
            return self._gone(len(answer.pieces()))
        if answer.end == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
            writer.transport.abort()
        if answer.end in ("reset", "close"):
            return False
        await _send(writer, b"0\r\n\r\n")
        return True

    def _gone(self, sent: int) -> bool:
        self.left_at = asyncio.get_running_loop().time()
        self.left.append(sent)
        self.someone_left.set()
        return False


def sse(data: Any, *, name: str | None = None) -> bytes:
    """One server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return (f"event: {name}\n" if name else "").encode() + b"data: " + text.encode() + b"\n\n"


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
    raw = await reader.readexactly(int(headers.get("content-length", 0)))
    body: Any = json.loads(raw) if "json" in headers.get("content-type", "") else raw
    return Request(method, path, headers, body or None, raw)


async def _respond(writer: asyncio.StreamWriter, status: int, headers: dict[str, str], body: dict[str, Any]) -> bool:
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    await _send(writer, f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode() + data)
    return True


async def _send_chunk(writer: asyncio.StreamWriter, data: bytes, chop: int) -> None:
    for at in range(0, len(data), chop or len(data)):
        part = data[at : at + (chop or len(data))]
        await _send(writer, b"%x\r\n%s\r\n" % (len(part), part))
        await asyncio.sleep(0)


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()
