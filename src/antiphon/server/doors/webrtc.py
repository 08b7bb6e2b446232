"""`POST /v1/webrtc`: a page offers a call over WebRTC, and is answered.

The session is that of `/v1/ws`, and so is the connection: it speaks with a data channel as it does with a socket.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import os
from collections.abc import Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from antiphon.server.doors.tracks import Refused
from antiphon.server.rest.errors import Problem, envelope
from antiphon.server.runtime import Runtime
from antiphon.server.service import Service

log = logging.getLogger("antiphon.server")

LONGEST_OFFER = 64 * 1024  # bytes


class Offer(msgspec.Struct, frozen=True):
    """An RTCSessionDescription, as browsers write it."""

    sdp: str
    type: str = "offer"


def routes(runtime: Runtime, service: Service) -> list[BaseRoute]:
    calls: set[asyncio.Task[None]] = set()  # each until its call is over

    async def webrtc(request: Request) -> Response:
        allowed = _allowed(request, service)
        if allowed is None:
            return _refusal(403, "forbidden", "Pages of this origin may not call")
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=allowed)
        answer = await _answer(request, runtime, service, calls)
        answer.headers.update(allowed)
        return answer

    return [Route("/v1/webrtc", webrtc, methods=["POST", "OPTIONS"])]


async def _answer(request: Request, runtime: Runtime, service: Service, calls: set[asyncio.Task[None]]) -> Response:
    if service.draining:
        return _refusal(503, "internal_error", "The server is stopping; try another")
    if importlib.util.find_spec("aiortc") is None:
        return _refusal(501, "not_found", "This server has no WebRTC: pip install 'antiphon[webrtc]'")
    try:
        offer = msgspec.json.decode(await _body(request), type=Offer)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as failure:
        return _refusal(400, "invalid_request", f"Send an offer, {{type, sdp}}: {failure}")
    await service.open()
    peers = await asyncio.to_thread(importlib.import_module, "antiphon.server.doors.webrtc_call")
    call = peers.Call(request, runtime, service, ice_servers=ice_servers(os.environ))
    task = asyncio.create_task(call.run(), name="webrtc")
    calls.add(task)
    task.add_done_callback(calls.discard)
    try:
        answer = await call.answer(offer.sdp)
    except Refused as refused:
        call.hang_up()
        return _refusal(refused.status, refused.code, str(refused))
    return JSONResponse({"type": "answer", "sdp": answer}, 201)


def ice_servers(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The STUN servers that tell this one its public address, if it has to be told."""
    return tuple(filter(None, environment.get("ANTIPHON_ICE_SERVERS", "").replace(",", " ").split()))


def _allowed(request: Request, service: Service) -> dict[str, str] | None:
    """The headers that let a page of another origin read the answer; None: it may not."""
    if not service.doorkeeper.allows_origin(request):
        return None
    origin = request.headers.get("origin")
    if origin is None:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Headers": "authorization, content-type",
        "Access-Control-Allow-Methods": "POST",
        "Vary": "Origin",
    }


async def _body(request: Request) -> bytes:
    """Of a longer one only as much as makes it no offer."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_OFFER:
            return b""
    return body


def _refusal(status: int, code: str, message: str) -> Response:
    return envelope(status, code, [Problem(message=message)])
