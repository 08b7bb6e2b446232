"""A network between a page and its server, on loopback: late, jittery, and cut on request."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator


class Link:
    """Passes TCP on to `target`, "host:port", which may change at any time."""

    def __init__(self, target: str, *, jitter: float = 0.0, stall: float = 0.0, every: float = 10.0) -> None:
        """Seconds: bytes to the page are late by up to `jitter`, and by `stall` once in `every`; they keep their
        order."""
        self.target = target
        self.address = ""
        self._jitter = jitter
        self._stall = stall
        self._every = every
        self._rng = random.Random(0)
        self._open: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Every connection breaks, without a close frame."""
        for writer in self._open:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self.target.split(":")
        try:
            up, down = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, down}
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pass(reader, down, late=False))
                ways.create_task(self._pass(up, writer, late=True))
        finally:
            self._open -= {writer, down}
            for end in (writer, down):
                end.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, *, late: bool) -> None:
        loop = asyncio.get_running_loop()
        stalled = loop.time()
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if late and self._jitter:
                    await asyncio.sleep(self._rng.uniform(0, self._jitter))
                if late and self._stall and loop.time() - stalled > self._every:
                    stalled = loop.time()
                    await asyncio.sleep(self._stall)
                to.write(data)
                await to.drain()
            if to.can_write_eof():
                to.write_eof()


@contextlib.asynccontextmanager
async def linked(target: str, **options: float) -> AsyncIterator[Link]:
    link = Link(target, **options)
    running: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(link.serve(reader, writer))
        running.add(task)
        task.add_done_callback(running.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    link.address = "{}:{}".format(*server.sockets[0].getsockname()[:2])
    try:
        yield link
    finally:
        server.close()
        link.cut()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
