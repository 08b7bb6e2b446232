"""Serving the application with uvicorn, as a real-time server needs it: small buffers, fair reading, no compression."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import os
import socket
from typing import Any, cast

import uvicorn

from antiphon.errors import ConfigError
from antiphon.server.accepting import Acceptor
from antiphon.server.app import create_app
from antiphon.server.doors.routes import carriers
from antiphon.server.exposure import Tls
from antiphon.server.runtime import Runtime
from antiphon.server.service import ServerOptions, Service
from antiphon.server.wire import HttpProtocol, WebSocketProtocol

MESSAGE_LIMIT = 1 << 20  # bytes; a larger message closes the connection with 1009
COURTESY = 0.005  # seconds a worker lets one with fewer sessions go first
STANDING_BACK = 0.2  # seconds one that does not serve lets any go first
LAST_REQUESTS = 1.0  # seconds that who was taken in last has to ask for something
LOOK_EVERY = 0.02  # seconds
CLOSE_TIMEOUT = 3  # seconds connections have to end when the server is told to stop


class Server(uvicorn.Server):
    """Takes connections in by itself: see Acceptor."""

    def __init__(self, config: uvicorn.Config, runtime: Runtime, service: Service) -> None:
        super().__init__(config)
        self._runtime = runtime
        self._service = service
        self._acceptors: list[Acceptor] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        lobby, rate = self._service.lobby, self._service.limits.connections_per_second
        for listener in sockets or ():
            acceptor = Acceptor(
                listener, self._protocol, lobby=lobby, rate=rate, courtesy=self._courtesy, tls=self.config.ssl
            )
            self._acceptors.append(acceptor)
            self.servers.append(cast(asyncio.Server, acceptor))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for acceptor in self._acceptors:
            acceptor.stop()
        if self._service.draining:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_REQUESTS):
                    while self._is_owed_a_request():  # noqa: ASYNC110  nothing tells of it
                        await asyncio.sleep(LOOK_EVERY)
        await super().shutdown(sockets)

    def _is_owed_a_request(self) -> bool:
        """By who was taken in a moment ago: closing now would reset a connection that has just been made."""
        newcomers = (one.is_new for one in self.server_state.connections if isinstance(one, HttpProtocol))
        return any(acceptor.is_busy for acceptor in self._acceptors) or any(newcomers)

    def _courtesy(self, waited: bool) -> float:
        """Connections go to the worker with the fewest sessions, and to one that does not serve only if none does."""
        service, loads = self._service, [line.sessions + line.waiting for line in self._service.board.others()]
        if not loads:
            return 0.0
        if service.draining or not self._runtime.is_ready:
            return STANDING_BACK
        if waited:
            return 0.0
        return COURTESY if service.sessions + len(service.lobby) > min(loads) else 0.0

    def _protocol(self) -> asyncio.Protocol:
        """HTTP, for the next connection."""
        return HttpProtocol(
            self._service.lobby,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )


def spare_the_collector() -> None:
    """What is loaded by now stays. The garbage collector need not look at it again and again, which takes a tenth of a
    second in which nobody is served. For a process that does nothing but serve."""
    gc.collect()
    gc.freeze()


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; `port` 0 takes a free one. Raises ConfigError where the address cannot be had."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from error


def make_server(runtime: Runtime, service: Service | None = None, *, tls: Tls | None = None) -> Server:
    """A server for `runtime`; run it with `await server.serve(sockets=[listen(…)])`. Without a `service` it has
    no keys, and no page of another machine may call."""
    service = service or Service(ServerOptions(carriers=carriers(os.environ)))
    config = uvicorn.Config(
        create_app(runtime, service),
        ws=cast(Any, functools.partial(WebSocketProtocol, service.limits)),
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
    return Server(config, runtime, service)


async def serve(runtime: Runtime, *, host: str, port: int) -> None:
    """Serves until told to stop."""
    await make_server(runtime).serve(sockets=[listen(host, port)])
