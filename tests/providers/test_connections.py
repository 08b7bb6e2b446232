"""Connections that are opened ahead: a request takes the one that is on its way, where that costs it no time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx2
import pytest

from antiphon.lab import virtual
from antiphon.providers.http_stream import HttpStream

HANDSHAKE = 0.06  # seconds
ANSWER = 0.02  # seconds from a request to its answer


class Vendor(httpx2.AsyncBaseTransport):
    """A pool, and who is behind it: each request takes an idle connection, or opens one."""

    def __init__(self) -> None:
        self.opened = self.idle = 0
        self.trouble = ""  # of the requests that are made from now on

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        trouble = self.trouble
        if self.idle:
            self.idle -= 1
        else:
            self.opened += 1
            await asyncio.sleep(HANDSHAKE)
            if trouble == "refused":
                raise httpx2.ConnectError("refused")
            await request.extensions.get("trace", _unheard)("connection.connect_tcp.complete", {})
        await asyncio.sleep(30.0 if trouble == "slow" else ANSWER)
        self.idle += 1
        return httpx2.Response(200, content=b"{}")


async def _unheard(event: str, info: object) -> None:
    pass


def run(test: Callable[[HttpStream, Vendor], Awaitable[None]]) -> None:
    async def main() -> None:
        vendor = Vendor()
        http = HttpStream(
            "http://vendor", stage="llm", provider="toy", first_timeout=5, gap_timeout=5, transport=vendor
        )
        await http.probe("/models")
        vendor.idle = 0  # an answer was cut off
        http._connections.taken()
        await test(http, vendor)
        await http.aclose()

    virtual.run(main())


async def took(http: HttpStream, *, after: float, wait: bool = True) -> float:
    """Seconds of a request that is made so long after the connection began to be opened."""
    loop = asyncio.get_running_loop()
    opening = asyncio.create_task(http.rewarm("/models"))
    await asyncio.sleep(after)
    began = loop.time()
    async with http.post("/chat", {}) as answer:
        [piece async for piece in answer.pieces()]
    took = loop.time() - began
    if not wait:
        opening.cancel()
    await asyncio.wait([opening])
    return took


@pytest.mark.parametrize("after", [ANSWER, 0.05, HANDSHAKE, 0.07])
def test_a_request_waits_for_the_connection_that_is_on_its_way(after: float) -> None:
    async def test(http: HttpStream, vendor: Vendor) -> None:
        assert await took(http, after=after + 0.001) <= HANDSHAKE + ANSWER
        assert vendor.opened == 2

    run(test)


@pytest.mark.parametrize("after", [0.0, 0.01])
def test_it_does_not_wait_where_another_connection_is_there_sooner(after: float) -> None:
    async def test(http: HttpStream, vendor: Vendor) -> None:
        assert await took(http, after=after) == pytest.approx(HANDSHAKE + ANSWER)

    run(test)


@pytest.mark.parametrize("trouble", ["slow", "refused"])
def test_if_it_never_comes_no_more_than_a_handshake_is_lost(trouble: str) -> None:
    async def test(http: HttpStream, vendor: Vendor) -> None:
        vendor.trouble = trouble
        asyncio.get_running_loop().call_later(0.03, setattr, vendor, "trouble", "")
        assert await took(http, after=0.031, wait=False) <= 2 * HANDSHAKE + ANSWER + 0.001

    run(test)


def test_one_request_waits_and_another_opens_its_own() -> None:
    async def test(http: HttpStream, vendor: Vendor) -> None:
        times = await asyncio.gather(took(http, after=0.03), took(http, after=0.03))
        assert all(seconds <= HANDSHAKE + ANSWER for seconds in times)
        assert vendor.opened == 3  # of two at once, nobody gains from one

    run(test)
