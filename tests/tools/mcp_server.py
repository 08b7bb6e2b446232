"""An MCP server over stdio, with tools that behave and tools that do not: `python mcp_server.py FILE`."""

from __future__ import annotations

import asyncio
import os
import sys

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

server = MCPServer("shop")


@server.tool()
def order(item: str, count: int = 1) -> str:
    """Orders a cake."""
    return f"{count} {item} ordered"


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def price(item: str) -> str:
    """What a cake costs. The server dies of the question the first time."""
    marker = sys.argv[1]
    if not os.path.exists(marker):
        with open(marker, "w", encoding="utf-8"):
            os._exit(1)
    return "12 euros"


@server.tool()
def die() -> str:
    """Ends the server."""
    os._exit(1)


@server.tool()
async def hang() -> str:
    """Never answers."""
    await asyncio.sleep(3600)
    return "late"


@server.tool()
def fail() -> str:
    """Fails."""
    raise ToolError("no such cake")


@server.tool()
def flood() -> str:
    """Says too much."""
    return "x" * 10_000_000


@server.tool()
def who(ctx: Context) -> str:
    """The idempotency key of the call."""
    return str((ctx.request_context.meta or {}).get("antiphon/call_id"))


if __name__ == "__main__":
    server.run()
