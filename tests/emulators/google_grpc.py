"""The part that the emulators of Google Cloud share: a gRPC server behind a door that counts who comes in, and that can
hang, break or speak nonsense as a network does."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, Self

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2

from tests.emulators.faults import PIECES_BEFORE, RETRY_AFTER, SLOW, STALL, Fault

_CODES = {
    Fault.AUTH: (grpc.StatusCode.UNAUTHENTICATED, "Request had invalid authentication credentials."),
    Fault.QUOTA: (grpc.StatusCode.PERMISSION_DENIED, "This API method requires billing to be enabled."),
    Fault.RATE_LIMITED: (grpc.StatusCode.RESOURCE_EXHAUSTED, "Quota exceeded for requests per minute."),
    Fault.SERVER_ERROR: (grpc.StatusCode.INTERNAL, "Internal error encountered."),
    Fault.UNAVAILABLE: (grpc.StatusCode.UNAVAILABLE, "The service is currently unavailable."),
    Fault.OVERLOADED: (grpc.StatusCode.UNAVAILABLE, "The model is overloaded."),
    Fault.ERROR_EVENT: (grpc.StatusCode.INTERNAL, "Internal error encountered."),
    Fault.SESSION_EXPIRED: (grpc.StatusCode.ABORTED, "Stream timed out after receiving no more client requests."),
}
NOT_THE_PROTOCOL = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello"


class GoogleEmulator:
    """`connections` counts those ever made. `service` and `handlers` are the vendor's."""

    service = ""

    def __init__(self, fault: Fault | None = None) -> None:
        self.fault = fault
        self.connections = 0
        self.someone_left = asyncio.Event()
        self.stopped_at: float | None = None  # loop time at which a client cancelled a call
        self._open: set[asyncio.StreamWriter] = set()

    def handlers(self) -> Mapping[str, grpc.RpcMethodHandler[Any, Any]]:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        self._grpc = grpc.aio.server()
        self._grpc.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(self.service, dict(self.handlers())),)
        )
        self._inner = self._grpc.add_insecure_port("127.0.0.1:0")
        await self._grpc.start()
        self._door = await asyncio.start_server(self._entered, "127.0.0.1", 0)
        host, port = self._door.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        if self.fault is Fault.REFUSE:
            self._door.close()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._door.close()
        for writer in self._open:
            writer.transport.abort()
        await self._grpc.stop(0)

    async def refuse(self, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        """Ends the call with the fault's status, if it has one."""
        if self.fault and self.fault.status:
            await self._abort(context, self.fault)

    async def answer(
        self, context: grpc.aio.ServicerContext[Any, Any], pieces: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        """A stream of answers, with the fault in it; notices when the client leaves before the end."""
        try:
            sent = 0
            async for piece in pieces:
                if self.fault and sent == (PIECES_BEFORE if self.fault.in_the_middle else 0):
                    await self._misbehave(context, self.fault)
                yield piece
                sent += 1
        except asyncio.CancelledError:
            self.stopped_at = asyncio.get_running_loop().time()
            self.someone_left.set()
            raise

    async def _misbehave(self, context: grpc.aio.ServicerContext[Any, Any], fault: Fault) -> None:
        if fault in (Fault.SLOW_FIRST_BYTE, Fault.STALL):
            await asyncio.sleep(STALL if fault is Fault.STALL else SLOW)
        elif fault is Fault.RESET:
            for writer in list(self._open):
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
                writer.transport.abort()
        elif fault in _CODES:
            await self._abort(context, fault)

    async def _abort(self, context: grpc.aio.ServicerContext[Any, Any], fault: Fault) -> None:
        code, details = _CODES[fault]
        trailing: tuple[tuple[str, bytes], ...] = ()
        if fault is Fault.RATE_LIMITED:
            info, packed = error_details_pb2.RetryInfo(), AnyMessage()
            info.retry_delay.FromSeconds(int(RETRY_AFTER))
            packed.Pack(info)
            status = status_pb2.Status(code=code.value[0], message=details, details=[packed])
            trailing = (("grpc-status-details-bin", status.SerializeToString()),)
        await context.abort(code, details, trailing)

    # --- the door -------------------------------------------------------------------------------------------------

    async def _entered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            if self.fault is Fault.HANG:
                await reader.read()
            elif self.fault is Fault.GARBAGE:
                await reader.read(1)
                writer.write(NOT_THE_PROTOCOL)
                await writer.drain()
            else:
                inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._inner)
                await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
