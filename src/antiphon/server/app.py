"""The ASGI application. Mount it into an app of your own, or serve it with `run.py`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from antiphon.errors import AntiphonError
from antiphon.server.connection import Connection
from antiphon.server.runtime import Runtime


def create_app(runtime: Runtime) -> Starlette:
    """`/v1/ws` and `/healthz`. The stages are loaded at start-up, or, where a mounting app does not pass the ASGI
    lifespan on, when the first client comes."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        warming = asyncio.create_task(_warm(runtime), name="start-up")
        try:
            yield
        finally:
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)
            await runtime.aclose()

    async def serve(websocket: WebSocket) -> None:
        await Connection(websocket, runtime).serve()

    async def healthz(request: Request) -> Response:
        if runtime.is_ready:
            return JSONResponse({"status": "ready"})
        reason = str(runtime.error) if runtime.error else "the stages are being loaded"
        return JSONResponse({"status": "unavailable", "reason": reason}, status_code=503)

    routes = [WebSocketRoute("/v1/ws", serve), Route("/healthz", healthz)]
    return Starlette(routes=routes, lifespan=lifespan)


async def _warm(runtime: Runtime) -> None:
    with contextlib.suppress(AntiphonError):  # kept in `runtime.error`, told by /healthz and to every client
        await runtime.ready()
