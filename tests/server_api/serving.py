"""A whole server on a free port of this machine, with scripted stages and the options a test wants."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from antiphon.client import Client
from antiphon.lab.scripted import EnergyVad, LlmTiming, ScriptedLlm, ScriptedStt, ScriptedTts, SttTiming, TtsTiming
from antiphon.lab.tones import ToneCode
from antiphon.server.exposure import Tls
from antiphon.server.keys import ApiKey, Keys
from antiphon.server.run import listen, make_server
from antiphon.server.runtime import Blueprint, Runtime
from antiphon.server.service import ServerOptions, Service
from antiphon.session.makings import Hooks, SessionOptions, Stages

KEY = "shop-web-key-0123456789"
OTHER_KEY = "bank-key-0123456789"
KEYS = Keys([ApiKey.of("shop/web", KEY), ApiKey.of("bank", OTHER_KEY)])
PATIENCE = 60.0  # seconds for an answer over HTTP: client and server share a loop, and a machine that may be busy
CODE = ToneCode(["hello", "there", "yes"])


@dataclass(frozen=True)
class Served:
    service: Service
    rest: httpx2.AsyncClient  # with KEY
    ws: str

    @property
    def address(self) -> str:
        """Without a scheme: "127.0.0.1:40123"."""
        return urlsplit(self.ws).netloc

    def client(self, *, api_key: str | None = KEY, **options: Any) -> Client:
        return Client(self.ws, api_key=api_key, **options)


def stages(reply: str = "hello there") -> Stages:
    return Stages(
        stt=ScriptedStt(utterances=["yes there"] * 9, timing=SttTiming.instant()),
        llm=ScriptedLlm(reply, timing=LlmTiming.instant()),
        tts=ScriptedTts(CODE, timing=TtsTiming.instant()),
        vad=EnergyVad(),
    )


@contextlib.asynccontextmanager
async def serving(
    *,
    made: Stages | None = None,
    hooks: Hooks | None = None,
    tls: Tls | None = None,
    strict: bool = False,
    session: SessionOptions | None = None,
    **options: Any,
) -> AsyncIterator[Served]:
    """Serves while the block runs, with two keys unless `keys` says otherwise."""
    service = Service(ServerOptions(**{"keys": KEYS, **options}))
    blueprint = Blueprint(
        made or stages(), defaults={}, hooks=hooks or Hooks(), strict=strict, options=session or SessionOptions()
    )
    runtime = Runtime(blueprint)
    listener = listen("127.0.0.1", 0)
    server = make_server(runtime, service, tls=tls)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    place = f"127.0.0.1:{listener.getsockname()[1]}"
    running = asyncio.create_task(server.serve(sockets=[listener]))
    headers = {"Authorization": f"Bearer {KEY}"}
    rest = httpx2.AsyncClient(base_url=f"http://{place}/v1", headers=headers, trust_env=False, timeout=PATIENCE)
    try:
        async with rest:
            yield Served(service, rest, f"{'wss' if tls else 'ws'}://{place}/v1/ws")
    finally:
        server.should_exit = True
        await running
