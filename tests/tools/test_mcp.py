"""Tools of MCP servers: a real one in a process of its own, and one over HTTP on this machine."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from antiphon.errors import ConfigError
from antiphon.lab.simulated_call import scripted_stages
from antiphon.lab.tones import ToneCode
from antiphon.server.runtime import Blueprint, Runtime
from antiphon.tools.base import RESULT_LIMIT, ToolContext, ToolResult, ToolSource
from antiphon.tools.ending import end_call_tool
from antiphon.tools.mcp import McpServer
from antiphon.types import ToolCall

pytest.importorskip("mcp")

SERVER = Path(__file__).with_name("mcp_server.py")
CONTEXT = ToolContext(call_id="call_1", say=lambda text: None, end_call=lambda: None)


@asynccontextmanager
async def started(server: McpServer) -> AsyncIterator[McpServer]:
    await server.start()
    try:
        yield server
    finally:
        await server.aclose()


def shop(path: Path, **options: Any) -> McpServer:
    return McpServer([sys.executable, str(SERVER), str(path / "asked")], **options)


async def run(server: McpServer, name: str, **arguments: Any) -> ToolResult:
    (tool,) = [tool for tool in server.tools if tool.spec.name == name]
    return await tool.run(ToolCall("call_1", name, arguments), CONTEXT)


def with_shop(path: Path, scenario: Callable[[McpServer], Awaitable[Any]], **options: Any) -> Any:
    async def main() -> Any:
        async with started(shop(path, **options)) as server:
            return await scenario(server)

    return asyncio.run(main())


def test_tools_are_listed_and_called(tmp_path):
    async def scenario(server: McpServer) -> None:
        assert isinstance(server, ToolSource)
        specs = {tool.spec.name: tool.spec for tool in server.tools}
        assert specs["order"].description == "Orders a cake."
        assert specs["order"].parameters["required"] == ["item"]
        assert (specs["order"].idempotent, specs["price"].idempotent) == (False, True)
        assert await run(server, "order", item="cake", count=2) == ToolResult("2 cake ordered")
        assert await run(server, "who") == ToolResult("call_1")
        failed, flooded = await run(server, "fail"), await run(server, "flood")
        assert failed.is_error and "no such cake" in failed.text
        assert RESULT_LIMIT < len(flooded.text) < RESULT_LIMIT + 100
        assert (await run(server, "order", count="many")).is_error

    with_shop(tmp_path, scenario)


def test_a_server_that_dies_is_told_and_started_again(tmp_path):
    async def scenario(server: McpServer) -> None:
        gone = await run(server, "die")
        assert gone.is_error and "outcome is unknown" in gone.text
        assert await run(server, "order", item="cake") == ToolResult("1 cake ordered")

    with_shop(tmp_path, scenario)


def test_only_what_is_idempotent_is_tried_again(tmp_path):
    async def scenario(server: McpServer) -> None:
        assert await run(server, "price", item="cake") == ToolResult("12 euros")

    with_shop(tmp_path, scenario)


def test_a_death_that_nobody_saw_is_found(tmp_path):
    async def scenario(server: McpServer) -> None:
        await run(server, "die")
        await asyncio.sleep(2.5)
        assert await run(server, "order", item="cake") == ToolResult("1 cake ordered")

    with_shop(tmp_path, scenario, check_every=0.1)


def test_a_tool_that_hangs_is_told_and_keeps_nobody_waiting(tmp_path):
    async def scenario(server: McpServer) -> None:
        hung, done = await asyncio.gather(run(server, "hang"), run(server, "order", item="cake"))
        assert hung.is_error and "did not answer within 1 s" in hung.text
        assert done == ToolResult("1 cake ordered")

    with_shop(tmp_path, scenario, timeout=1.0)


def test_names_may_be_chosen_and_prefixed(tmp_path):
    async def scenario(server: McpServer) -> None:
        assert [tool.spec.name for tool in server.tools] == ["shop_order"]
        assert await run(server, "shop_order", item="cake") == ToolResult("1 cake ordered")

    with_shop(tmp_path, scenario, only=["order"], prefix="shop.")


@pytest.mark.parametrize("command", [["no-such-program"], [sys.executable, "-c", "print('hello')"]])
def test_a_server_that_cannot_be_started_is_told_at_the_start(command):
    with pytest.raises(ConfigError, match="could not be started"):
        asyncio.run(McpServer(command).start())


def test_a_tool_that_is_wanted_and_missing_is_told_at_the_start(tmp_path):
    with pytest.raises(ConfigError, match="no tool 'bake'"):
        asyncio.run(shop(tmp_path, only=["bake"]).start())


@pytest.mark.parametrize("given", [{}, {"command": ["x"], "url": "http://x"}])
def test_a_command_or_a_url(given):
    with pytest.raises(ConfigError, match="either"):
        McpServer(**given)


def test_over_http():
    from tests.tools.mcp_server import server as remote

    async def main() -> None:
        app = remote.streamable_http_app()
        http = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="on"))
        serving = asyncio.create_task(http.serve())
        while not http.started:  # noqa: ASYNC110 - it has no event to wait for
            await asyncio.sleep(0.01)
        port = http.servers[0].sockets[0].getsockname()[1]
        async with started(
            McpServer(url=f"http://127.0.0.1:{port}/mcp", headers={"Authorization": "secret"})
        ) as server:
            assert "secret" not in repr(server)
            assert await run(server, "order", item="cake") == ToolResult("1 cake ordered")
            assert await run(server, "who") == ToolResult("call_1")
        http.should_exit = True
        await serving

    asyncio.run(main())


def test_the_runtime_starts_them_and_ends_them(tmp_path):
    async def main() -> None:
        server = shop(tmp_path, only=["order"])
        runtime = Runtime(Blueprint(scripted_stages(ToneCode([])), {}, tools=(server, end_call_tool())))
        await runtime.ready()
        assert [tool.spec.name for tool in runtime.tools] == ["order", "end_call"]
        await runtime.aclose()
        assert (await run(server, "order", item="cake")).is_error

    asyncio.run(main())


def test_a_runtime_without_its_tools_is_not_ready():
    async def main() -> None:
        runtime = Runtime(Blueprint(scripted_stages(ToneCode([])), {}, tools=(McpServer(["no-such-program"]),)))
        with pytest.raises(ConfigError, match="no-such-program"):
            await runtime.ready()
        await runtime.aclose()

    asyncio.run(main())
