"""Stopping without hanging up on anyone: no new sessions, and time for those there are."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from antiphon.server.service import Service

log = logging.getLogger("antiphon.server")

HAND_OVER = 5.0  # seconds of the grace that are kept for what has not ended by itself
LOOK_EVERY = 0.1  # seconds
RETRY_AFTER = 2  # seconds; told to clients that are refused meanwhile


async def drain(service: Service, *, grace: float) -> None:
    """Takes on no more sessions. Once nobody is on the line any more, or when `grace` seconds are as good as over, what
    is left is handed over to the processes that share the store; returns when that is done."""
    service.draining = True
    log.info("draining: %d sessions have %g s to end", service.sessions, grace)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(grace - HAND_OVER, grace / 2)):
            while service.park.has_clients:  # noqa: ASYNC110  nobody else waits for this
                await asyncio.sleep(LOOK_EVERY)
    await service.park.hand_over()


async def refuse(websocket: WebSocket) -> None:
    """A WebSocket that comes too late, before it is one: 503, which load balancers try again elsewhere."""
    body = {"code": "at_capacity", "message": "The server is stopping; try again, and another will answer"}
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(JSONResponse(body, 503, {"Retry-After": str(RETRY_AFTER)}))
    else:
        await websocket.close(1012)
