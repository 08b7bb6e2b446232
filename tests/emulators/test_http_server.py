"""Every fault of the HTTP emulators, as a client of the vendor sees it."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from tests.emulators.faults import HTTP_FAULTS, RETRY_AFTER, Fault
from tests.emulators.openai_chat import OpenAIChat


async def ask(server: OpenAIChat) -> httpx2.Response:
    async with httpx2.AsyncClient(timeout=0.3) as client:
        return await client.post(f"{server.url}/chat/completions", json={})


@pytest.mark.parametrize("fault", [fault for fault in HTTP_FAULTS if fault.status])
def test_a_status(fault: Fault) -> None:
    async def main() -> None:
        async with OpenAIChat(fault=fault) as server:
            answer = await ask(server)
            assert answer.status_code == fault.status
            assert (answer.headers.get("retry-after") == f"{RETRY_AFTER:g}") == (fault is Fault.RATE_LIMITED)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.REFUSE, httpx2.ConnectError),
        (Fault.HANG, httpx2.ReadTimeout),
        (Fault.SLOW_FIRST_BYTE, httpx2.ReadTimeout),
        (Fault.STALL, httpx2.ReadTimeout),
        (Fault.RESET, httpx2.NetworkError),
    ],
)
def test_a_connection_that_is_no_good(fault: Fault, error: type[Exception]) -> None:
    async def main() -> None:
        async with OpenAIChat(fault=fault) as server:
            with pytest.raises(error):
                await ask(server)

    asyncio.run(main())


def test_what_it_says_when_it_breaks_in_the_middle() -> None:
    async def main() -> None:
        async with OpenAIChat(fault=Fault.ERROR_EVENT) as server:
            text = (await ask(server)).text
            assert "Hello " in text and "server_error" in text and "[DONE]" not in text
            server.fault = Fault.GARBAGE
            assert "data:" not in (await ask(server)).text

    asyncio.run(main())


def test_a_server_comes_back_at_its_address() -> None:
    async def main() -> None:
        async with OpenAIChat() as server:
            await server.go_down()
            with pytest.raises(httpx2.ConnectError):
                await ask(server)
            await server.come_back()
            assert "[DONE]" in (await ask(server)).text

    asyncio.run(main())
