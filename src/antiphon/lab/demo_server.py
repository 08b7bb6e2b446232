"""A server in a process of its own, for as long as a block runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from antiphon.errors import AntiphonError

# A free port of its own choice, nothing kept, and nobody waited for.
COMMAND = (sys.executable, "-m", "antiphon", "serve", "--port", "0", "--store", "memory", "--grace", "0")
READY_WITHIN = 120.0  # seconds from the start until every stage is loaded
PROBE_EVERY = 0.1  # seconds
STOP_WITHIN = 10.0  # seconds to end when asked to; then it is killed
LAST_WORDS = 20  # lines of its output kept, for when it fails


class ServerFailed(AntiphonError):
    """The server's process ended, or was not ready in time. The message has its last words."""


@contextlib.asynccontextmanager
async def server_process() -> AsyncIterator[str]:
    """The address of a server that is ready. Its process is ended with the block, however that ends."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=_environment()
    )
    output = _Output(process)
    try:
        try:
            async with asyncio.timeout(READY_WITHIN):
                url = await output.address
                await _ready(url, process)
        except (TimeoutError, OSError) as failure:
            await _stop(process)
            await output.close()
            raise ServerFailed(f"the server was not ready: {output.last_words()}") from failure
        yield url
    finally:
        await _stop(process)
        await output.close()


def _environment() -> dict[str, str]:
    """Ours, without what is meant for the user's own server, such as its API keys."""
    return {k: v for k, v in os.environ.items() if not k.startswith("ANTIPHON_") or k == "ANTIPHON_CACHE"}


class _Output:
    """Reads all that the process prints, so that it never waits for a reader."""

    def __init__(self, process: Process) -> None:
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._lines: deque[str] = deque(maxlen=LAST_WORDS)
        assert process.stdout is not None and process.stderr is not None
        self._readers = [asyncio.create_task(self._read(stream)) for stream in (process.stdout, process.stderr)]

    def last_words(self) -> str:
        return self._lines[-1] if self._lines else "it said nothing"

    async def close(self) -> None:
        """Returns when all has been read. To be called when the process has ended; twice is harmless."""
        await asyncio.gather(*self._readers)
        self.address.cancel()

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while line := (await stream.readline()).decode(errors="replace"):
            if line.strip():
                self._lines.append(line.strip())
            if line.startswith("listening on ") and not self.address.done():
                self.address.set_result(line.split()[-1])
        if not self.address.done():  # both streams end with the process
            self.address.set_exception(ConnectionError("the process ended"))


async def _ready(url: str, process: Process) -> None:
    """Returns once /healthz answers 200. Raises OSError when the process has ended."""
    place = urlsplit(url)
    while True:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
        status = await reader.readline()
        writer.close()
        if b" 200 " in status:
            return
        if process.returncode is not None:
            raise ConnectionError("the process ended")
        await asyncio.sleep(PROBE_EVERY)


async def _stop(process: Process) -> None:
    """Ends the process and waits until it is gone."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_WITHIN):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
