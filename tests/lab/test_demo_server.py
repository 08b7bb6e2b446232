"""A server in a process of its own: it ends with the block, and tells why it did not begin."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from antiphon.lab import demo_server
from antiphon.lab.demo_server import ServerFailed, server_process

HEALTHY = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        Handler.asked += 1
        self.send_response(200 if Handler.asked > 2 else 503)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(f"listening on ws://127.0.0.1:{server.server_port}/{os.getpid()}", flush=True)
server.serve_forever()
"""


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch):
    """Runs this code instead of a server."""
    return lambda code: monkeypatch.setattr(demo_server, "COMMAND", (sys.executable, "-c", code))


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_process_lives_as_long_as_the_block(program) -> None:
    program(HEALTHY)

    async def use() -> int:
        async with server_process() as url:
            pid = int(url.rpartition("/")[2])
            assert running(pid)
            return pid

    assert not running(asyncio.run(use()))


def test_it_ends_with_a_block_that_is_cancelled(program) -> None:
    program(HEALTHY)

    async def use() -> int:
        began: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def hold() -> None:
            async with server_process() as url:
                began.set_result(int(url.rpartition("/")[2]))
                await asyncio.sleep(60)

        task = asyncio.create_task(hold())
        pid = await began
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return pid

    assert not running(asyncio.run(use()))


def test_one_that_does_not_listen_to_reason_is_killed(program, monkeypatch: pytest.MonkeyPatch) -> None:
    program(f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{HEALTHY}")
    monkeypatch.setattr(demo_server, "STOP_WITHIN", 0.2)

    async def use() -> int:
        async with server_process() as url:
            return int(url.rpartition("/")[2])

    assert not running(asyncio.run(use()))


async def enter() -> None:
    async with server_process():
        raise AssertionError("it is not ready")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys; sys.exit('antiphon: no weights')", "antiphon: no weights"),
        ("pass", "it said nothing"),
        (r"print('listening on ws://127.0.0.1:9/v1/ws\nantiphon: out of memory')", "out of memory"),
    ],
)
def test_a_server_that_fails_says_why(program, code: str, why: str) -> None:
    program(code)
    with pytest.raises(ServerFailed, match=why):
        asyncio.run(enter())


def test_a_server_that_hangs_is_waited_for_only_so_long(program, monkeypatch: pytest.MonkeyPatch) -> None:
    program("import time; time.sleep(60)")
    monkeypatch.setattr(demo_server, "READY_WITHIN", 0.3)
    with pytest.raises(ServerFailed):
        asyncio.run(enter())


def test_the_users_own_keys_are_not_the_demos(program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_API_KEYS", "me: secret")
    monkeypatch.setenv("ANTIPHON_CACHE", "/models")
    program("import os; print([n for n in os.environ if n.startswith('ANTIPHON_')])")
    with pytest.raises(ServerFailed, match=r"\['ANTIPHON_CACHE'\]"):
        asyncio.run(enter())
