"""A server with every door open, on a free port of this machine, and carriers' own APIs beside it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from antiphon.agent import Agent
from antiphon.protocols.telnyx import Telnyx
from antiphon.protocols.twilio import Twilio
from antiphon.protocols.vonage import Vonage
from antiphon.server.keys import ApiKey, Keys
from antiphon.server.run import listen, make_server
from antiphon.server.service import ServerOptions, Service
from tests.server.serving import agent

TOKEN = "0123456789abcdef0123456789abcdef"
SID = "AC0123456789abcdef0123456789abcdef"
SECRET = "a-signature-secret-of-vonage-0123456789"
TELNYX_KEY = Ed25519PrivateKey.generate()
TELNYX_PUBLIC = base64.b64encode(TELNYX_KEY.public_key().public_bytes_raw()).decode()
KEY = "shop-web-key-0123456789"
KEYS = Keys([ApiKey.of("shop/web", KEY)])


@dataclass
class CarrierApi:
    """Takes whatever a carrier's API is asked, and says yes."""

    url: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, body
    status: int = 201

    async def __call__(self, request: Request) -> Response:
        body = (await request.body()).decode()
        self.asked.append((request.method, request.url.path, body))
        answer = {"sid": "CA42", "uuid": "CA42", "data": {"call_control_id": "CA42"}}
        return JSONResponse(answer, self.status)


@dataclass
class Served:
    place: str  # "127.0.0.1:40123"
    service: Service
    api: CarrierApi
    http: httpx2.AsyncClient


@asynccontextmanager
async def serving(served: Agent | None = None, **options: Any) -> AsyncIterator[Served]:
    """Serves while the block runs, with one key unless `keys` says otherwise."""
    async with carrier_api() as api:
        carriers = (
            Twilio(auth_token=TOKEN, account_sid=SID, api=api.url),
            Telnyx(public_key=TELNYX_PUBLIC, api_key="telnyx-key", connection_id="7", api=api.url),
            Vonage(signature_secret=SECRET, api=api.url),
        )
        service = Service(ServerOptions(**{"keys": KEYS, "carriers": carriers, **options}))
        server = make_server((served or agent()).runtime(), service)
        async with running(server) as place, httpx2.AsyncClient(base_url=f"http://{place}", trust_env=False) as http:
            yield Served(place, service, api, http)


@asynccontextmanager
async def carrier_api() -> AsyncIterator[CarrierApi]:
    api = CarrierApi()
    app = Starlette(routes=[Route("/{path:path}", api.__call__, methods=["POST", "PUT"])])
    async with running(uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))) as place:
        api.url = f"http://{place}"
        yield api


@asynccontextmanager
async def running(server: uvicorn.Server) -> AsyncIterator[str]:
    sock = listen("127.0.0.1", 0)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started:  # noqa: ASYNC110  uvicorn tells it in no other way
        await asyncio.sleep(0.005)
    try:
        yield f"127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def with_server(test: Callable[[Served], Awaitable[None]], served: Agent | None = None, **options: Any) -> None:
    """Runs the test against a server, and sees to it that nothing is left behind."""

    async def main() -> None:
        before = asyncio.all_tasks()
        async with serving(served, **options) as here:
            await test(here)
        assert asyncio.all_tasks() == before

    asyncio.run(main())
