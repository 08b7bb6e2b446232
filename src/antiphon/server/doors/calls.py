"""Where telephone calls come in and go out.

    /twilio           what a carrier asks when somebody calls: its document, with an address for the audio
    /twilio/stream    the WebSocket the audio comes by; `ticket` lets it in, once, for the two minutes it may ring
    /twilio/calls     POST, with an API key: places a call

and the same under the name of every other carrier that the server has credentials for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from antiphon.errors import AntiphonError, ConfigError
from antiphon.protocols.phone import NUMBER, Carrier, Incoming, Stream
from antiphon.server import tokens
from antiphon.server.auth import Principal, credentials
from antiphon.server.doors.phone import CarrierError, PhoneConnection, ask
from antiphon.server.draining import refuse
from antiphon.server.rest.errors import Problem, envelope
from antiphon.server.runtime import Runtime
from antiphon.server.service import Service
from antiphon.server.stores.base import StoreUnavailable

log = logging.getLogger("antiphon.server")

TICKET_LASTS = 120.0  # seconds: a call may ring so long
LONGEST_BODY = 64 * 1024  # bytes


def routes(runtime: Runtime, service: Service) -> list[BaseRoute]:
    """Of every carrier there are credentials for."""
    return [route for carrier in service.options.carriers for route in _of(carrier, runtime, service)]


def _of(carrier: Carrier, runtime: Runtime, service: Service) -> list[BaseRoute]:
    async def stream(websocket: WebSocket) -> None:
        if service.draining:
            await refuse(websocket)
            return
        await service.open()
        await PhoneConnection(websocket, runtime, service, carrier).serve()

    desk = Desk(carrier, service)
    return [
        Route(f"/{carrier.name}", _guarded(desk.answer), methods=["GET", "POST"]),
        Route(f"/{carrier.name}/calls", _guarded(desk.call), methods=["POST"]),
        WebSocketRoute(f"/{carrier.name}/stream", stream),
    ]


class Refused(AntiphonError):
    """A request that cannot be served."""

    def __init__(self, status: int, code: str, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param


def _guarded(handle: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        try:
            return await handle(request)
        except Refused as error:
            return envelope(error.status, error.code, [Problem(message=str(error), param=error.param)])
        except StoreUnavailable as error:
            log.error("no call can be taken: %s", error)
            return envelope(503, "internal_error", [Problem(message="The server has no store at the moment")])

    return guarded


class Wish(msgspec.Struct, forbid_unknown_fields=True, rename={"by": "from"}):
    """A call that is to be placed."""

    to: str
    by: str
    agent_id: str | None = None


class Desk:
    """Answers for one carrier."""

    def __init__(self, carrier: Carrier, service: Service) -> None:
        self._carrier = carrier
        self._service = service

    async def answer(self, request: Request) -> Response:
        """What is to be done with a call. Raises Refused."""
        await self._service.open()
        incoming = await self._incoming(request)
        if not self._carrier.is_genuine(incoming, now=self._service.now()):
            log.warning("refused a request to /%s that the carrier did not sign", self._carrier.name)
            raise Refused(403, "unauthorized", "The signature is not the carrier's, or is of another address")
        agent_id = request.query_params.get("agent_id")
        stream = self._stream(request, await self._account_of(agent_id), agent_id)
        media_type, document = self._carrier.answer(incoming, stream)
        return Response(document, media_type=media_type)

    async def call(self, request: Request) -> Response:
        """Places a call. Raises Refused."""
        await self._service.open()
        principal = self._caller(request)
        try:
            wish = msgspec.json.decode(await self._body(request), type=Wish)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as failure:
            raise Refused(422, "invalid_request", str(failure)) from failure
        for name, number in (("to", wish.to), ("from", wish.by)):
            if not NUMBER.fullmatch(number):
                raise Refused(422, "invalid_request", "not a telephone number like +15550100", param=name)
        if wish.agent_id and await self._service.agent(principal, wish.agent_id) is None:
            raise Refused(404, "not_found", "Agent not found", param="agent_id")
        stream = self._stream(request, principal, wish.agent_id)
        try:
            placed = await ask(self._carrier.call(to=wish.to, by=wish.by, stream=stream, now=time.time()))
        except (CarrierError, ConfigError) as error:
            raise Refused(502, "carrier_error", str(error)) from error
        return JSONResponse({"call_id": self._carrier.call_id(placed)}, 201)

    def _caller(self, request: Request) -> Principal:
        keeper = self._service.doorkeeper
        for credential in credentials(request) or [""]:
            if keeper.allows_origin(request) and (principal := keeper.holder(credential)):
                return principal
        raise Refused(401, "unauthorized", "Send an API key in the Authorization header")

    async def _account_of(self, agent_id: str | None) -> Principal:
        """Whose session a call becomes: the agent's owner's, else that of the server's first key."""
        keys, account = self._service.doorkeeper.keys, None
        if agent_id:
            document = await self._service.store.document("agent", agent_id)
            if document is None:
                raise Refused(404, "not_found", "Agent not found", param="agent_id")
            account = document.account
        key = keys.of_account(account)
        return Principal(key.name if key else "local", key)

    def _stream(self, request: Request, principal: Principal, agent_id: str | None) -> Stream:
        ticket = tokens.issue(self._service.signer(principal), expires_at=self._service.now() + TICKET_LASTS)
        said = {"ticket": ticket, **({"agent_id": agent_id} if agent_id else {})}
        scheme, host = self._public(request)[0]
        root = request.scope.get("root_path", "")
        return Stream(f"{'wss' if scheme == 'https' else 'ws'}://{host}{root}/{self._carrier.name}/stream", said)

    def _public(self, request: Request) -> list[tuple[str, str]]:
        """The schemes and hosts by which the outside may know this server, the likeliest first. A proxy that ends TLS
        says so in X-Forwarded-Proto, or says nothing."""
        host = request.headers.get("host", "")
        told = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip()
        here = told if told in ("https", "http") else request.url.scheme
        return [(here, host), ("http" if here == "https" else "https", host)]

    async def _incoming(self, request: Request) -> Incoming:
        body = await self._body(request)
        path, query = request.scope.get("raw_path", b"").decode("latin-1"), request.url.query
        where = path.partition("?")[0] + (f"?{query}" if query else "")
        return Incoming(
            request.method,
            [f"{scheme}://{host}{where}" for scheme, host in self._public(request)],
            {name.lower(): value for name, value in request.headers.items()},
            body,
            _fields(request, body),
        )

    @staticmethod
    async def _body(request: Request) -> bytes:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST_BODY:
                raise Refused(413, "invalid_request", "The body is too long")
        return body


def _fields(request: Request, body: bytes) -> list[tuple[str, str]]:
    """Of a form, of a flat JSON object, or of the address."""
    try:
        if request.method == "GET" or not body:
            return list(request.query_params.multi_items())
        if request.headers.get("content-type", "").startswith("application/json"):
            found: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
            return [(name, value) for name, value in found.items() if isinstance(value, str)]
        return parse_qsl(body.decode(), keep_blank_values=True)
    except (msgspec.MsgspecError, RecursionError, ValueError) as failure:
        raise Refused(400, "invalid_request", "The body is neither a form nor a JSON object") from failure
