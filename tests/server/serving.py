"""A server in this process on a free port, and a client that knows nothing of Antiphon but the protocol's documents."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from antiphon.agent import Agent
from antiphon.lab.scripted import EnergyVad, LlmTiming, ScriptedLlm, ScriptedStt, ScriptedTts, SttTiming, TtsTiming
from antiphon.lab.tones import ToneCode
from antiphon.server.limits import Limits
from antiphon.server.run import listen, make_server
from antiphon.server.service import ServerOptions, Service

CODE = ToneCode(["i want to book a table please hello caller your is booked"])
GREETING = "Hello caller."
FRAME = 0.02  # seconds


def agent(**fields: Any) -> Agent:
    """An agent of scripted stages that take next to no time."""
    fields.setdefault("llm", ScriptedLlm("Your table is booked.", timing=LlmTiming.instant()))
    return Agent(
        **{
            "greeting": GREETING,
            "stt": ScriptedStt(CODE, timing=SttTiming.instant()),
            "tts": ScriptedTts(CODE, timing=TtsTiming.instant()),
            "vad": EnergyVad(),
            **fields,
        }
    )


@asynccontextmanager
async def serving(served: Agent, limits: Limits | None = None) -> AsyncIterator[str]:
    """Serves; yields the address without a scheme: "127.0.0.1:40123"."""
    server = make_server(served.runtime(), Service(ServerOptions(limits=limits or Limits())))
    sock = listen("127.0.0.1", 0)
    running = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started:  # noqa: ASYNC110  uvicorn tells it in no other way
        await asyncio.sleep(0.005)
    try:
        yield f"127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


class Wire:
    """A raw connection: JSON out, JSON in, every message kept."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def until(self, kind: str) -> dict[str, Any]:
        """The next event of this type."""
        async with asyncio.timeout(10):
            while True:
                event: dict[str, Any] = json.loads(await self.socket.recv())
                self.events.append(event)
                if event["type"] == kind:
                    return event

    async def audio(self, data: bytes, *, frame: int) -> None:
        """Streams audio at its own pace, in frames of so many bytes."""
        for at in range(0, len(data), frame):
            await self.send(type="input.audio", audio=base64.b64encode(data[at : at + frame]).decode())
            await asyncio.sleep(FRAME)

    def heard(self) -> bytes:
        return b"".join(base64.b64decode(event["data"]) for event in self.events if event["type"] == "reply.audio")

    async def open(self, **session: Any) -> dict[str, Any]:
        await self.send(type="session.update", session=session)
        return await self.until("session.ready")


@asynccontextmanager
async def connected(address: str, **options: Any) -> AsyncIterator[Wire]:
    async with connect(f"ws://{address}/v1/ws", compression=None, proxy=None, **options) as socket:
        yield Wire(socket)


def with_server(test: Callable[[str], Awaitable[None]], served: Agent | None = None, **limits: Any) -> None:
    """Runs the test against a server, and sees to it that nothing is left behind."""

    async def main() -> None:
        before = asyncio.all_tasks()
        async with serving(served or agent(), Limits(**limits)) as address:
            await test(address)
        assert asyncio.all_tasks() == before

    asyncio.run(main())
