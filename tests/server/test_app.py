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
from antiphon.server.run import listen
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
