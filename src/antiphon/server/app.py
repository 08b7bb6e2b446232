"""The ASGI application. Mount it into an app of your own, or serve it with `run.py`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from antiphon.errors import AntiphonError
from antiphon.server.auth import HiddenTokens
from antiphon.server.board import Beat, Phase, State
from antiphon.server.connection import Connection
from antiphon.server.console import console_routes
from antiphon.server.doors.routes import carriers, doors
from antiphon.server.draining import refuse
from antiphon.server.metrics import CONTENT_TYPE, render
from antiphon.server.rest.app import create_api
from antiphon.server.runtime import Runtime
from antiphon.server.service import ServerOptions, Service


def create_app(runtime: Runtime, service: Service | None = None) -> Starlette:
    """`/v1/ws` and the other doors, `/healthz`, `/metrics`, the console at `/`, the REST API under `/v1`, and `/docs`.
    The stages are loaded at start-up, or, where a mounting app does not pass the ASGI lifespan on, when the first
    client comes.

    Without a `service` nothing outlives the process, and who may call is for the mounting app to say.
    """
    _hush_requests()
    service = service or Service(ServerOptions(origins=("*",), carriers=carriers(os.environ)))
    service.meters.watch(runtime.blueprint.stages)
    beat = Beat(service.board, lambda: state(runtime, service))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await service.open()
        warming = asyncio.create_task(_warm(runtime), name="start-up")
        beat.start()
        try:
            yield
        finally:
            beat.stop()
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)
            await runtime.aclose()
            await service.aclose()

    async def serve(websocket: WebSocket) -> None:
        if service.draining:
            await refuse(websocket)
            return
        await service.open()  # where no lifespan did
        await Connection(websocket, runtime, service).serve()

    async def healthz(request: Request) -> Response:
        if service.draining:
            reason = "the server is stopping"
        elif runtime.is_ready:
            return JSONResponse({"status": "ready"})
        else:
            reason = str(runtime.error) if runtime.error else "the stages are being loaded"
        return JSONResponse({"status": "unavailable", "reason": reason}, status_code=503)

    async def metrics(request: Request) -> Response:
        service.board.write(state(runtime, service))
        return Response(render(service.board) + service.meters.text(), media_type=CONTENT_TYPE)

    voices = runtime.blueprint.stages.tts.capabilities.voices
    routes = [
        WebSocketRoute("/v1/ws", serve),
        Route("/healthz", healthz),
        Route("/metrics", metrics),
        *doors(runtime, service),
        *(console_routes() if service.options.console else ()),
        Mount("", create_api(service, voice_names=voices)),
    ]
    return Starlette(routes=routes, lifespan=lifespan, middleware=[Middleware(HiddenTokens)])


def state(runtime: Runtime, service: Service) -> State:
    """What this process is doing."""
    phase = Phase.DRAINING if service.draining else Phase.READY if runtime.is_ready else Phase.STARTING
    return State(phase, service.sessions, len(service.lobby), service.lag.seconds, service.limits.sessions)


def _hush_requests() -> None:
    """The HTTP client logs every address that it asks, and addresses hold what tools are called with, and secrets.
    Whoever wants to see them sets the level of that log."""
    client = logging.getLogger("httpx2")
    if client.level == logging.NOTSET:
        client.setLevel(logging.WARNING)


async def _warm(runtime: Runtime) -> None:
    with contextlib.suppress(AntiphonError):  # kept in `runtime.error`, told by /healthz and to every client
        await runtime.ready()
