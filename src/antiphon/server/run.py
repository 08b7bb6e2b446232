"""Serving the application with uvicorn, as a real-time server needs it: small buffers, no compression."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from antiphon.errors import ConfigError
from antiphon.server.app import create_app
from antiphon.server.exposure import Tls
from antiphon.server.runtime import Runtime
from antiphon.server.service import Service

MESSAGE_LIMIT = 1 << 20  # bytes; a larger message closes the connection with 1009
WRITE_BUFFER = 8 * 1024  # bytes parked in user space before writing pauses: about two frames of audio
SEND_BUFFER = 64 * 1024  # bytes parked in the kernel
MESSAGES_WAITING = 8  # of a client, above which it is not read
CLOSE_TIMEOUT = 5  # seconds connections have to end when the server is told to stop


class SmallBufferProtocol(WebSocketsSansIOProtocol):
    """Audio parked in a buffer is not heard: keep little of it, and no Nagle delay."""

    def connection_made(self, transport: Any) -> None:
        transport.set_write_buffer_limits(high=WRITE_BUFFER)
        if (sock := transport.get_extra_info("socket")) is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        super().connection_made(cast(asyncio.Transport, transport))

    def send_receive_event_to_app(self) -> None:
        """Takes a message in. uvicorn stops reading at each one until the application has taken it, which at 50 a
        second costs a tenth of a session's time; a few may wait here before that is worth it."""
        paused, self.read_paused = self.read_paused, True  # the base class takes it for paused already
        super().send_receive_event_to_app()
        self.read_paused = paused
        if not paused and self.queue.qsize() >= MESSAGES_WAITING:
            self.read_paused = True
            self.transport.pause_reading()


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; `port` 0 takes a free one. Raises ConfigError where the address cannot be had."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from error


def make_server(runtime: Runtime, service: Service | None = None, *, tls: Tls | None = None) -> uvicorn.Server:
    """A uvicorn server for `runtime`; run it with `await server.serve(sockets=[listen(…)])`. Without a `service` it has
    no keys, and no page of another machine may call."""
    config = uvicorn.Config(
        create_app(runtime, service or Service()),
        ws=SmallBufferProtocol,
        ws_max_size=MESSAGE_LIMIT,
        ws_per_message_deflate=False,
        ws_ping_interval=10.0,
        ws_ping_timeout=20.0,
        lifespan="on",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=CLOSE_TIMEOUT,
        ssl_certfile=tls.cert if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    return uvicorn.Server(config)


async def serve(runtime: Runtime, *, host: str, port: int) -> None:
    """Serves until told to stop."""
    await make_server(runtime).serve(sockets=[listen(host, port)])
