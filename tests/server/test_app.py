"""The application itself: health, and a place in somebody else's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from websockets.asyncio.client import connect

from antiphon.errors import AuthError
from antiphon.lab.scripted import ScriptedLlm
from antiphon.server.run import listen, make_server
from antiphon.server.service import ServerOptions, Service
from tests.server.serving import GREETING, Wire, agent, serving


class SlowLlm(ScriptedLlm):
    """Takes until it is told to get ready."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded = asyncio.Event()

    async def warm(self) -> None:
        await self.loaded.wait()


class RefusedLlm(ScriptedLlm):
    async def warm(self) -> None:
        raise AuthError("the key was refused", stage="llm", provider="scripted/llm")


async def health(address: str) -> tuple[int, str]:
    async with httpx2.AsyncClient() as client:
        answer = await client.get(f"http://{address}/healthz")
        return answer.status_code, answer.text


def test_the_server_is_healthy_once_every_stage_is_loaded() -> None:
    async def main() -> None:
        llm = SlowLlm()
        async with serving(agent(llm=llm)) as address:
            assert (await health(address))[0] == 503
            llm.loaded.set()
            await asyncio.sleep(0.05)
            assert (await health(address))[0] == 200

    asyncio.run(main())


def test_a_stage_that_cannot_be_loaded_is_named() -> None:
    async def main() -> None:
        async with serving(agent(llm=RefusedLlm())) as address:
            await asyncio.sleep(0.05)
            status, text = await health(address)
            assert status == 503 and "the key was refused" in text
            async with connect(f"ws://{address}/v1/ws", proxy=None) as socket:
                wire = Wire(socket)
                await wire.send(type="session.update", session={})
                error = await wire.until("session.error")
                assert error["code"] == "internal_error" and "the key was refused" in error["message"]

    asyncio.run(main())


def test_an_agent_mounted_in_somebody_elses_application_answers() -> None:
    """Starlette does not pass the lifespan on to what is mounted: the stages are loaded with the first call."""
    foreign = Starlette(routes=[Mount("/voice", app=agent().asgi())])

    async def main() -> None:
        async with served(foreign) as address, connect(f"ws://{address}/voice/v1/ws", proxy=None) as socket:
            wire = Wire(socket)
            await wire.open()
            await wire.until("reply.done")
            (said,) = [event["text"] for event in wire.events if event["type"] == "transcript.agent"]
            assert said == GREETING
            assert (await health(f"{address}/voice"))[0] == 200

    asyncio.run(main())


@contextlib.asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    sock = listen("127.0.0.1", 0)
    running = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        yield f"127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


async def stopping(asked_after: float) -> bytes:
    """What a client reads that is connected when the drained server is told to stop, and asks so much later."""
    service = Service(ServerOptions())
    server = make_server(agent().runtime(), service)
    sock = listen("127.0.0.1", 0)
    running = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started:  # noqa: ASYNC110  uvicorn tells it in no other way
        await asyncio.sleep(0.005)
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    service.draining = True
    while not server.server_state.connections:  # noqa: ASYNC110  until it is taken in
        await asyncio.sleep(0.005)
    server.should_exit = True
    await asyncio.sleep(asked_after)
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
        return await reader.read()
    finally:
        writer.close()
        await running


def test_who_was_taken_in_last_is_answered_before_a_drained_server_stops() -> None:
    answer = asyncio.run(stopping(asked_after=0.6))
    assert answer.startswith(b"HTTP/1.1 503") and b"the server is stopping" in answer


def test_who_asks_for_nothing_does_not_keep_a_drained_server_from_stopping() -> None:
    assert asyncio.run(asyncio.wait_for(stopping(asked_after=3), 30)) == b""
