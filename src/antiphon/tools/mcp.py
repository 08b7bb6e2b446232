"""The tools of an MCP server, started here (stdio) or somewhere else (streamable HTTP), through the official SDK.

One connection a process, kept by one task: the SDK wants a connection closed by the task that opened it. The task asks
for the server's tools now and then, which also tells whether the server still lives; one that died is connected anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from antiphon.errors import ConfigError, MissingDependency
from antiphon.tools.base import ToolContext, ToolResult, as_text, shorten, timed_out
from antiphon.types import ToolCall, ToolSpec

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client._transport import Transport
    from mcp_types import CallToolResult, RequestParamsMeta
    from mcp_types import Tool as Offer

log = logging.getLogger("antiphon.tools")

START_TIMEOUT = 30.0  # seconds to connect and list the tools
RETRY_FIRST, RETRY_MOST = 0.5, 30.0  # seconds before connecting again once that has failed; doubled each time
CALL_PATIENCE = 10.0  # seconds a call waits for a connection that is being made anew
CHECK_EVERY = 30.0  # seconds between two looks at what is offered
CALL_ID = "antiphon/call_id"  # in a request's `_meta`: its idempotency key


class McpServer:
    """An MCP server: `command` to start one as a child process, or the `url` of one that runs.

    `env` is added to the few variables a child is given. `headers` go with every request, and are never shown.
    `only` names the tools wanted, `prefix` stands before the names the model sees. `timeout` in seconds, of a call.
    A tool is run again when its outcome is not known only if the server says that it is read-only or idempotent, and
    `trust_hints` says that the server may be believed.
    """

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        url: str | None = None,
        env: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        only: Iterable[str] | None = None,
        prefix: str = "",
        timeout: float = 120.0,
        check_every: float = CHECK_EVERY,
        trust_hints: bool = True,
    ) -> None:
        if bool(command) == bool(url):
            raise ConfigError("an MCP server needs either the command that starts it or its url")
        self.name = url.partition("?")[0] if url else " ".join(command or ())
        self.timeout = timeout
        self._command, self._url = list(command or ()), url or ""
        self._env, self._headers = dict(env or {}), dict(headers or {})
        self._only = None if only is None else frozenset(only)
        self._prefix = prefix
        self._check_every = check_every
        self._trust_hints = trust_hints
        self._tools: tuple[McpTool, ...] = ()
        self._client: Client | None = None  # while connected
        self._connected = asyncio.Event()
        self._broken = asyncio.Event()  # somebody found the connection to be of no use
        self._keeper: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"McpServer({self.name!r})"

    @property
    def tools(self) -> tuple[McpTool, ...]:
        """What the server offered when last asked. Kept while it is away."""
        return self._tools

    async def start(self) -> None:
        """Connects and learns the tools. Raises ConfigError if that fails, MissingDependency without the SDK."""
        if self._keeper is None or self._keeper.done():
            first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._keeper = asyncio.create_task(self._keep(first), name=f"mcp:{self.name}")
            await first

    async def aclose(self) -> None:
        """Ends the connection, and the child process with it."""
        if keeper := self._keeper:
            self._keeper = None
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def call(self, name: str, call: ToolCall) -> CallToolResult:
        """Runs a tool under the server's own name for it. Raises OSError if there is no connection, MCPError if it
        breaks, TimeoutError."""
        if self._keeper is None:
            raise OSError("not started")
        try:
            async with asyncio.timeout(min(CALL_PATIENCE, self.timeout)):
                await self._connected.wait()
        except TimeoutError:
            raise OSError("not connected") from None
        client = self._client
        if client is None:
            raise OSError("not connected")
        async with asyncio.timeout(self.timeout):
            return await client.call_tool(name, call.arguments, meta=cast("RequestParamsMeta", {CALL_ID: call.call_id}))

    def lost(self) -> None:
        """The connection is of no use: another is made."""
        self._connected.clear()
        self._broken.set()

    # --- the connection -------------------------------------------------------------------------------------------

    async def _keep(self, first: asyncio.Future[None]) -> None:
        loop = asyncio.get_running_loop()
        wait = 0.0  # at once, unless it happens again soon
        while True:
            began = loop.time()
            try:
                await self._hold(first)
            except Exception as error:  # noqa: BLE001 - a child process or a remote server may fail in any way
                if not first.done():
                    first.set_exception(_why(self.name, error))
                    return
                log.warning("MCP server %s is away: %s", self.name, type(_cause(error)).__name__)
            finally:
                self._client = None
                self._connected.clear()
            if loop.time() - began > RETRY_MOST:
                wait = 0.0
            await asyncio.sleep(wait)
            wait = min(max(2 * wait, RETRY_FIRST), RETRY_MOST)

    async def _hold(self, first: asyncio.Future[None]) -> None:
        """Connects, and returns when the connection is lost."""
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(START_TIMEOUT):
                client = await stack.enter_async_context(await self._open(stack))
                await self._learn(client)
            self._broken.clear()
            self._client = client
            self._connected.set()
            if not first.done():
                first.set_result(None)
            while not await self._breaks():
                async with asyncio.timeout(START_TIMEOUT):
                    await self._learn(client)

    async def _breaks(self) -> bool:
        """Waits until it is time for another look; true as soon as the connection is lost."""
        try:
            async with asyncio.timeout(self._check_every):
                await self._broken.wait()
        except TimeoutError:
            return False
        return True

    async def _open(self, stack: contextlib.AsyncExitStack) -> Client:
        try:
            from mcp import Client, StdioServerParameters
            from mcp.client.streamable_http import streamable_http_client
        except ImportError as error:
            raise MissingDependency("MCP servers need the SDK: pip install 'antiphon[mcp]'") from error
        transport: StdioServerParameters | Transport
        if self._command:
            program, *arguments = self._command
            transport = StdioServerParameters(command=program, args=arguments, env=self._env)
        else:
            import httpx2

            timeout = httpx2.Timeout(30.0, read=None)  # calls have a timeout of their own
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=self._headers, timeout=timeout))
            transport = streamable_http_client(self._url, http_client=http)
        return Client(transport, cache=None)

    async def _learn(self, client: Client) -> None:
        offers: list[Offer] = []
        cursor: str | None = None
        while True:
            page = await client.list_tools(cursor=cursor)
            offers += page.tools
            cursor = page.next_cursor
            if not cursor:
                break
        wanted = [offer for offer in offers if self._only is None or offer.name in self._only]
        if self._only and (missing := self._only - {offer.name for offer in wanted}):
            raise ConfigError(f"MCP server {self.name} has no tool {sorted(missing)[0]!r}")
        self._tools = tuple(McpTool(self, offer.name, self._spec(offer)) for offer in wanted)

    def _spec(self, offer: Offer) -> ToolSpec:
        hints = offer.annotations if self._trust_hints else None
        return ToolSpec(
            name=re.sub(r"[^A-Za-z0-9_-]", "_", f"{self._prefix}{offer.name}")[:64],
            description=offer.description or offer.title or "",
            parameters=offer.input_schema,
            timeout=self.timeout,
            idempotent=bool(hints and (hints.read_only_hint or hints.idempotent_hint)),
        )


@dataclass(frozen=True, slots=True)
class McpTool:
    """One tool of a server."""

    server: McpServer
    remote_name: str
    spec: ToolSpec

    async def run(self, call: ToolCall, context: ToolContext) -> ToolResult:
        """A connection that breaks is told, and made anew; only an idempotent tool is tried once more."""
        result = await self._try(call)
        if result is None and self.spec.idempotent:
            result = await self._try(call)
        return result or ToolResult("its server went away during the call. The outcome is unknown.", is_error=True)

    async def _try(self, call: ToolCall) -> ToolResult | None:
        """None: the connection broke."""
        from mcp import MCPError
        from mcp_types import CONNECTION_CLOSED

        try:
            return _told(await self.server.call(self.remote_name, call))
        except TimeoutError:
            log.warning("tool %s did not answer within %g s", call.name, self.spec.timeout)
            return timed_out(self.spec.timeout)
        except OSError:
            return ToolResult("its server cannot be reached now. It was not run.", is_error=True)
        except MCPError as error:
            if error.code != CONNECTION_CLOSED:
                return ToolResult(shorten(str(error)), is_error=True)
        except Exception as error:  # noqa: BLE001 - whatever the SDK and its transports raise when a server goes away
            log.warning("tool %s failed: %s", call.name, type(error).__name__)
        self.server.lost()
        return None


def _told(result: CallToolResult) -> ToolResult:
    """A tool's texts; of pictures and sounds only that there are some. Else its structured result."""
    texts = [getattr(block, "text", None) or f"({block.type})" for block in result.content]
    if texts:
        return ToolResult(shorten("\n".join(texts)), result.is_error)
    return ToolResult(as_text(result.structured_content), result.is_error)


def _cause(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _why(name: str, error: Exception) -> Exception:
    cause = _cause(error)
    if isinstance(cause, ConfigError | MissingDependency):
        return cause
    if isinstance(cause, TimeoutError):
        return ConfigError(f"MCP server {name} did not answer within {START_TIMEOUT:g} s")
    return ConfigError(f"MCP server {name} could not be started: {cause or type(cause).__name__}")
