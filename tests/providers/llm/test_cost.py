"""What a streamed token costs this process, in CPU time, against the vendor's own client with the same server. The
server is another process. A measurement, so it is part of the soak."""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection

import pytest

from antiphon.providers.base import Llm, LlmRequest, TextDelta
from antiphon.providers.fallback.llm import FallbackLlm
from antiphon.types import Message, Role
from tests.providers.llm.vendors import KEY, VENDORS, Vendor

TOKENS = 1000
ROUNDS = 9
MOST = 1.2  # times the vendor's own client
MODEL = "gemini-3.5-flash-lite"

Listen = Callable[[], Awaitable[int]]  # the characters of one answer


@asynccontextmanager
async def official(name: str, url: str) -> AsyncIterator[Listen]:
    """The vendor's client, as lean as it can be used."""
    ask = [{"role": "user", "content": "Hi"}]
    if name == "openai":
        openai = pytest.importorskip("openai")
        async with openai.AsyncOpenAI(api_key=KEY, base_url=url) as client:

            async def listen() -> int:
                stream = await client.chat.completions.create(model="toy", messages=ask, stream=True)
                return sum([len(chunk.choices[0].delta.content or "") async for chunk in stream if chunk.choices])

            yield listen
    elif name == "anthropic":
        anthropic = pytest.importorskip("anthropic")
        async with anthropic.AsyncAnthropic(api_key=KEY, base_url=url) as client:

            async def listen() -> int:
                stream = await client.messages.create(model="toy", max_tokens=2000, messages=ask, stream=True)
                deltas = [event.delta async for event in stream if event.type == "content_block_delta"]
                return sum(len(delta.text) for delta in deltas)

            yield listen
    else:
        genai = pytest.importorskip("google.genai")
        client = genai.Client(api_key=KEY, http_options=genai.types.HttpOptions(base_url=url))

        async def listen() -> int:
            stream = await client.aio.models.generate_content_stream(model=MODEL, contents="Hi")
            return sum([len(chunk.text or "") async for chunk in stream])

        yield listen
        await client.aio.aclose()


def serve(name: str, link: Connection) -> None:
    """In a process of its own: the vendor's emulator, until the link is closed."""

    async def main() -> None:
        vendor = next(each for each in VENDORS if each.name == name)
        async with vendor.emulator() as server:
            server.default = lambda: vendor.saying(*["word "] * TOKENS)  # type: ignore[method-assign]
            link.send(server.url)
            await asyncio.to_thread(link.poll, None)

    asyncio.run(main())


async def spent(listen: Listen) -> float:
    """Seconds of this process's CPU for one answer."""
    before = time.process_time()
    assert await listen() == TOKENS * len("word ")
    return time.process_time() - before


def listening(llm: Llm) -> Listen:
    async def listen() -> int:
        asked = LlmRequest((Message(Role.USER, "Hi"),), max_tokens=2000)
        return sum([len(event.text) async for event in llm.stream(asked) if isinstance(event, TextDelta)])

    return listen


async def compare(vendor: Vendor, url: str) -> list[float]:
    """CPU seconds of an answer: ours, ours at the head of a chain, and the official client's; the medians of rounds
    that take turns."""
    llm = vendor.provider(base_url=url, api_key=KEY)
    chain = FallbackLlm([llm, llm])
    async with official(vendor.name, url) as theirs:
        ways = [listening(llm), listening(chain), theirs]
        for way in ways:
            await way()  # what is done only once
        rounds = [[await spent(way) for way in ways] for _ in range(ROUNDS)]
    await chain.aclose()
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


@pytest.mark.soak
@pytest.mark.parametrize("vendor", VENDORS, ids=repr)
def test_a_token_costs_no_more_than_with_the_vendors_client(vendor: Vendor, capsys: pytest.CaptureFixture[str]) -> None:
    spawn = multiprocessing.get_context("spawn")
    link, far = spawn.Pipe()
    server = spawn.Process(target=serve, args=(vendor.name, far), daemon=True)
    server.start()
    try:
        alone, chained, theirs = asyncio.run(compare(vendor, link.recv()))
    finally:
        link.close()
        server.terminate()
        server.join(5)
    with capsys.disabled():
        each = ", ".join(f"{1e6 * seconds / TOKENS:.0f}" for seconds in (alone, chained, theirs))
        print(f"\n{vendor}: µs of CPU a token: {each} (alone, in a chain, the vendor's client)")
    assert max(alone, chained) <= MOST * theirs
