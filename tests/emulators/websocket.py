"""The part that all emulators with a WebSocket share: the listening, the handshake, the faults, and the records.

A vendor's emulator is a subclass with a `converse` that speaks the vendor's protocol on one connection.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.emulators.faults import PIECES_BEFORE, RETRY_AFTER, SLOW, STALL, Fault

NOT_THE_PROTOCOL = "}<html>Welcome to this network</html>"


class Visit:
    """One connection as the emulator sees it. Times are the loop's."""

    def __init__(self, connection: ServerConnection, fault: Fault | None, emulator: WebSocketEmulator) -> None:
        assert connection.request is not None
        self.path = urlsplit(connection.request.path).path
        self.query = {key: values[-1] for key, values in parse_qs(urlsplit(connection.request.path).query).items()}
        self.headers: Mapping[str, str] = connection.request.headers
        self.received: list[dict[str, Any]] = []  # the text messages
        self.audio = bytearray()  # the binary messages
        self.sizes: list[int] = []  # of the binary messages, in bytes
        self.stopped_at: float | None = None  # the client has left, or begun to
        self.connection = connection
        self._fault = fault
        self._emulator = emulator
        self._sent = 0
        self._late: asyncio.Queue[tuple[float, str | bytes]] = asyncio.Queue()

    async def receive(self) -> dict[str, Any] | bytes | None:
        """The next message: a text message is JSON. None: the client has gone."""
        try:
            message = await self.connection.recv()
        except ConnectionClosed:
            self.stop()
            return None
        if isinstance(message, bytes):
            self.audio += message
            self.sizes.append(len(message))
            return message
        decoded: dict[str, Any] = json.loads(message)
        self.received.append(decoded)
        if self._emulator.is_farewell(decoded):
            self.stop()
        return decoded

    async def send(self, message: dict[str, Any] | bytes) -> None:
        """Sends a message, unless it is time for the fault."""
        if self._fault and self._sent >= (PIECES_BEFORE if self._fault.in_the_middle else 0):
            fault, self._fault = self._fault, None
            await self._misbehave(fault)
        self._sent += 1
        data = message if isinstance(message, bytes) else json.dumps(message)
        if self._emulator.lag:
            self._late.put_nowait((asyncio.get_running_loop().time() + self._emulator.lag, data))
            return
        try:
            await self.connection.send(data)
        except ConnectionClosed:
            self.stop()

    async def deliver(self) -> None:
        """Sends what is late, when it is due."""
        while True:
            due, data = await self._late.get()
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            with suppress(ConnectionClosed):
                await self.connection.send(data)

    def stop(self) -> None:
        if self.stopped_at is None:
            self.stopped_at = asyncio.get_running_loop().time()
            self._emulator.someone_left.set()

    async def _misbehave(self, fault: Fault) -> None:
        match fault:
            case Fault.SLOW_FIRST_BYTE | Fault.STALL:
                with suppress(TimeoutError):
                    async with asyncio.timeout(STALL if fault is Fault.STALL else SLOW):
                        await self.connection.wait_closed()
            case Fault.ERROR_EVENT:
                await self._emulator.fail(self)
            case Fault.SESSION_EXPIRED:
                await self._emulator.expire(self)
            case Fault.GARBAGE:
                await self.connection.send(NOT_THE_PROTOCOL)
            case Fault.RESET:
                linger = struct.pack("ii", 1, 0)
                self.connection.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
                self.connection.transport.abort()


class WebSocketEmulator:
    """Listens on a free port of the loopback interface. `fault` is shown to every connection made while it is set,
    `key` is the one that lets clients in."""

    farewells: ClassVar[tuple[str, ...]] = ()  # the "type" of messages by which a client ends the session

    def __init__(self, fault: Fault | None = None, *, key: str = "key") -> None:
        self.fault = fault
        self.key = key
        self.lag = 0.0  # seconds by which everything it says is late
        self.visits: list[Visit] = []
        self.connections = 0  # TCP connections that got as far as a handshake
        self.someone_left = asyncio.Event()
        self._server: Server | None = None
        self._hanging: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        if self.fault is Fault.HANG:
            self._hanging = await asyncio.start_server(self._hang, "127.0.0.1", 0)
            host, port = self._hanging.sockets[0].getsockname()
        else:
            self._server = await serve(
                self._visited, "127.0.0.1", 0, process_request=self._admit, close_timeout=0.2, compression=None
            )
            host, port = next(iter(self._server.sockets)).getsockname()
        self.host = f"{host}:{port}"
        self.url = f"ws://{self.host}"
        if self.fault is Fault.REFUSE:
            await self._close()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def converse(self, visit: Visit) -> None:
        """Speaks the vendor's protocol until the client leaves."""
        raise NotImplementedError

    async def fail(self, visit: Visit) -> None:
        """Sends the vendor's error in the middle of a session."""
        raise NotImplementedError

    async def expire(self, visit: Visit) -> None:
        """Ends a session that has lasted too long, as the vendor does."""
        raise NotImplementedError

    def refusal(self, request: Request) -> int | None:
        """The HTTP status that a handshake is answered with; None: it is accepted."""
        return None

    def is_farewell(self, message: dict[str, Any]) -> bool:
        return message.get("type") in self.farewells

    async def left(self, within: float = 1.0) -> float:
        """When the last client stopped; waits for it."""
        async with asyncio.timeout(within):
            while not self.visits or self.visits[-1].stopped_at is None:
                self.someone_left.clear()
                await self.someone_left.wait()
        return self.visits[-1].stopped_at or 0.0

    async def _visited(self, connection: ServerConnection) -> None:
        visit = Visit(connection, self.fault, self)
        self.visits.append(visit)
        late = asyncio.create_task(visit.deliver())
        try:
            await self.converse(visit)
        except ConnectionClosed:
            pass
        finally:
            late.cancel()
            await connection.close()
            visit.stop()

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        self.connections += 1
        status = self.fault.status if self.fault else self.refusal(request)
        if status is None:
            return None
        response = connection.respond(HTTPStatus.OK, json.dumps({"error": {"message": "no"}}))
        response.status_code, response.reason_phrase = status, "No"  # 529 is in no registry
        if self.fault is Fault.RATE_LIMITED:
            response.headers["Retry-After"] = f"{RETRY_AFTER:g}"
        return response

    async def _hang(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await reader.read(1 << 16):
                pass
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _close(self) -> None:
        if self._server:
            self._server.close(close_connections=True)
            await self._server.wait_closed()
        if self._hanging:
            self._hanging.close()
