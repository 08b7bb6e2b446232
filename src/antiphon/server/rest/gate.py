"""What stands before every REST request: pages that may not call, bodies that are too long, and who is asking."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from antiphon.server.auth import Principal, credentials
from antiphon.server.rest.errors import ApiError, Problem, envelope
from antiphon.server.service import Service

LONGEST_BODY = 1 << 20  # bytes
_shown_in_openapi = HTTPBearer(auto_error=False, description="An API key of this server's. `Bearer` may be left out.")


class Gate:
    """ASGI middleware: refuses pages of other origins, and bodies over LONGEST_BODY, before anything is read."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        if not self._service.doorkeeper.allows_origin(connection):
            await _refuse(403, "forbidden", "Pages of this origin may not call")(scope, receive, send)
            return
        length = connection.headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > LONGEST_BODY:
            await _refuse(413, "invalid_request", "The body is too long")(scope, receive, send)
            return
        await self._service.open()  # where no lifespan did
        await self._app(scope, _bounded(receive), send)


def _bounded(receive: Receive) -> Receive:
    """A body that never said how long it would be ends the request where it is too long."""
    read = 0

    async def bounded() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        return message if read <= LONGEST_BODY else {"type": "http.disconnect"}

    return bounded


def _refuse(status: int, code: str, message: str) -> JSONResponse:
    return envelope(status, code, [Problem(message=message)])


def service_of(request: Request) -> Service:
    return cast(Service, request.app.state.service)


async def authenticated(request: Request, _: Annotated[object, Depends(_shown_in_openapi)]) -> Principal:
    """Who is asking, by an API key; temporary tokens open sessions only. Raises ApiError 401."""
    keeper = service_of(request).doorkeeper
    shown = credentials(request)
    if keeper.keys and not shown:
        raise ApiError(401, "missing_authorization", "Send an API key in the Authorization header")
    for credential in shown or [""]:
        if principal := keeper.holder(credential):
            return principal
    raise ApiError(401, "unauthorized", "Invalid API key", headers={"WWW-Authenticate": "Bearer"})


Caller = Annotated[Principal, Depends(authenticated)]
TheService = Annotated[Service, Depends(service_of)]
