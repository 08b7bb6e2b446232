"""The ASGI application. Mount it into an app of your own, or serve it with `run.py`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from antiphon.errors import AntiphonError
from antiphon.server.connection import Connection
from antiphon.server.rest.app import create_api
from antiphon.server.runtime import Runtime
from antiphon.server.service import ServerOptions, Service


def create_app(runtime: Runtime, service: Service | None = None) -> Starlette:
    """`/v1/ws`, `/healthz`, the REST API under `/v1`, and `/docs`. The stages are loaded at start-up, or, where a
    mounting app does not pass the ASGI lifespan on, when the first client comes.

    Without a `service` nothing outlives the process, and who may call is for the mounting app to say.
    """
    service = service or Service(ServerOptions(origins=("*",)))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await service.open()
        warming = asyncio.create_task(_warm(runtime), name="start-up")
        try:
            yield
        finally:
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)
            await runtime.aclose()
            await service.aclose()

    async def serve(websocket: WebSocket) -> None:
        await service.open()  # where no lifespan did
        await Connection(websocket, runtime, service).serve()

    async def healthz(request: Request) -> Response:
        if runtime.is_ready:
            return JSONResponse({"status": "ready"})
        reason = str(runtime.error) if runtime.error else "the stages are being loaded"
        return JSONResponse({"status": "unavailable", "reason": reason}, status_code=503)

    voices = runtime.blueprint.stages.tts.capabilities.voices
    routes = [
        WebSocketRoute("/v1/ws", serve),
        Route("/healthz", healthz),
        Mount("", create_api(service, voice_names=voices)),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def _warm(runtime: Runtime) -> None:
    with contextlib.suppress(AntiphonError):  # kept in `runtime.error`, told by /healthz and to every client
        await runtime.ready()
