"""The HAProxy configuration, with HAProxy: checked, and with calls through it to two servers."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from antiphon.client import Client
from antiphon.lab.haproxy import BINARY, CONFIGURATION, Proxy, address_of, haproxy, missing, reserved
from antiphon.server.stores import make_store
from tests.server_api.serving import KEY, Served, serving

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


@dataclass(frozen=True)
class Site:
    proxy: Proxy
    servers: tuple[Served, Served]

    def client(self, **options: Any) -> Client:
        return Client(self.proxy.ws, **{"api_key": KEY, **options})

    @property
    def sessions(self) -> list[int]:
        return [server.service.sessions for server in self.servers]


def using(tmp_path, body: Callable[[Site], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with asyncio.timeout(60), site(tmp_path) as made:
            return await body(made)

    return asyncio.run(main())


@contextlib.asynccontextmanager
async def site(tmp_path) -> AsyncIterator[Site]:
    stores = [make_store(str(tmp_path / "sessions.db")) for _ in range(2)]
    async with serving(store=stores[0]) as one, serving(store=stores[1]) as two:
        for server in (one, two):
            await healthy(server)
        addresses = [server.ws.removeprefix("ws://").removesuffix("/v1/ws") for server in (one, two)]
        starting = contextlib.ExitStack()
        proxy = await asyncio.to_thread(
            starting.enter_context, haproxy(addresses[0], addresses[1], log=tmp_path / "haproxy.log")
        )
        with starting:
            yield Site(proxy, (one, two))


async def healthy(server: Served) -> None:
    """HAProxy's first check must find it so: another is a second away."""
    url = server.ws.replace("ws:", "http:").replace("/v1/ws", "/healthz")
    while (await server.rest.get(url)).status_code != 200:  # noqa: ASYNC110  it can only be asked
        await asyncio.sleep(0.01)


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110  what is waited for has no event of its own
        await asyncio.sleep(0.02)


async def rest(client: Client) -> list[str]:
    return [type(event).__name__ async for event in client]


def test_the_configuration_is_valid():
    done = subprocess.run([BINARY, "-c", "-f", str(CONFIGURATION)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr.lower()


def test_calls_go_to_the_server_with_the_fewest(tmp_path):
    async def body(site):
        async with contextlib.AsyncExitStack() as calls:
            for _ in range(6):
                client = await calls.enter_async_context(site.client())
                await client.configure()
            assert site.sessions == [3, 3]

    using(tmp_path, body)


def test_a_server_that_drains_keeps_its_calls_and_gets_no_new_ones(tmp_path):
    async def body(site):
        async with site.client() as early:
            await early.configure()
            busy = site.sessions.index(1)
            site.servers[busy].service.draining = True
            async with contextlib.AsyncExitStack() as calls:
                for _ in range(3):
                    client = await calls.enter_async_context(site.client())
                    await client.configure()
                assert (site.sessions[busy], site.sessions[1 - busy]) == (1, 3)
            await early.end()
            assert (await rest(early))[-1] == "SessionEnded"

    using(tmp_path, body)


def test_a_server_that_is_not_there_costs_a_call_nothing(tmp_path):
    async def main() -> None:
        async with asyncio.timeout(60), serving() as served:
            here = served.ws.removeprefix("ws://").removesuffix("/v1/ws")
            await healthy(served)
            with reserved() as nobody, haproxy(address_of(nobody), here, log=tmp_path / "log") as proxy:
                for _ in range(2):
                    async with Client(proxy.ws, api_key=KEY) as client:
                        await client.configure()
                        await client.end()
                        await rest(client)

    asyncio.run(main())


def test_the_metrics_are_not_for_the_public(tmp_path):
    async def body(site):
        async with httpx2.AsyncClient(trust_env=False) as http:
            assert (await http.get(f"{site.proxy.http}/healthz")).status_code == 200
            assert (await http.get(f"{site.proxy.http}/metrics")).status_code == 404

    using(tmp_path, body)


def test_no_token_is_in_the_log(tmp_path):
    async def body(site):
        token = (await site.servers[0].rest.post("/tokens")).json()["token"]
        async with site.client(api_key=None, token=token) as client:
            await client.configure()
            await client.end()
            await rest(client)
        await until(lambda: "/v1/ws" in site.proxy.log.read_text())
        assert token not in site.proxy.log.read_text()

    using(tmp_path, body)
