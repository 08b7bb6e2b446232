"""`antiphon serve`, drained and with workers: processes of its own, signals, and what clients see of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from antiphon.client import Client
from antiphon.client.errors import ConnectionLost
from tests.cli.plugin import STAGES, environment

PATIENCE = 60.0


@dataclass
class Running:
    process: subprocess.Popen[str]
    url: str

    @property
    def http(self) -> str:
        return self.url.replace("ws:", "http:").removesuffix("/v1/ws")

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(self.http + path, trust_env=False, timeout=PATIENCE)

    def metric(self, name: str) -> dict[str, float]:
        """By worker."""
        found = {}
        for line in self.get("/metrics").text.splitlines():
            if line.startswith(f"antiphon_{name}{{"):
                found[line.partition('"')[2].partition('"')[0]] = float(line.rpartition(" ")[2])
        return found

    def workers(self) -> list[int]:
        """The processes of the workers."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
            pids = [int(pid) for pid in children.read().split()]
        return [pid for pid in pids if "resource_tracker" not in command(pid)]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def command(pid: int) -> str:
    with open(f"/proc/{pid}/cmdline") as line:
        return line.read()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def serve(tmp_path) -> Iterator[Callable[..., Running]]:
    """Starts a server with these options; it has ended when the test has."""
    agent = tmp_path / "agent.yaml"
    agent.write_text("greeting: hello there\n" + "".join(f"{stage}: scripted\n" for stage in STAGES))
    started: list[subprocess.Popen[str]] = []

    def start(*options: object) -> Running:
        store = [] if "--store" in options else ["--store", tmp_path / "sessions.db"]
        line = [sys.executable, "-m", "antiphon", "serve", agent, "--port", 0, *store, *options]
        process = subprocess.Popen(
            [*map(str, line)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(tmp_path)
        )
        started.append(process)
        assert process.stdout is not None
        running = Running(process, process.stdout.readline().removeprefix("listening on ").strip())
        if running.url:
            until(lambda: running.get("/healthz").status_code == 200)
        return running

    yield start
    for process in started:
        process.kill()
        process.communicate()


@asynccontextmanager
async def calling(running: Running) -> AsyncIterator[Client]:
    async with asyncio.timeout(PATIENCE), Client(running.url) as client:
        await client.configure()
        yield client


async def rest(client: Client) -> None:
    async for _ in client:
        pass


# --- draining


@pytest.mark.parametrize("workers", [1, 2])
def test_it_drains_when_it_is_told_to_stop(serve, workers):
    async def main() -> None:
        running = serve("--workers", workers)
        async with calling(running) as client:
            running.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(until, lambda: running.get("/healthz").status_code == 503)
            assert running.get("/healthz").json()["reason"] == "the server is stopping"
            with pytest.raises(InvalidStatus) as refused:
                await connect(running.url, proxy=None)
            assert refused.value.response.status_code == 503
            assert int(refused.value.response.headers["Retry-After"]) > 0
            assert running.process.poll() is None
            await client.end()
            await rest(client)
        assert await asyncio.to_thread(running.process.wait, PATIENCE) == 0

    asyncio.run(main())


def test_it_does_not_wait_longer_than_the_grace(serve):
    async def main() -> None:
        running = serve("--grace", 1)
        async with connect(running.url, proxy=None) as socket:
            await socket.send('{"type":"session.update","session":{}}')
            running.process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed):
                while True:
                    await asyncio.wait_for(socket.recv(), PATIENCE)
            assert socket.close_code == 1012
        assert await asyncio.to_thread(running.process.wait, PATIENCE) == 0

    asyncio.run(main())


def test_a_second_signal_stops_it_at_once(serve):
    async def main() -> None:
        running = serve("--workers", 2, "--grace", 1000)
        async with calling(running):
            running.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(until, lambda: running.get("/healthz").status_code == 503)
            running.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(running.process.wait, PATIENCE) == 0

    asyncio.run(main())


# --- workers


def test_workers_share_a_port_and_the_calls(serve):
    async def main() -> None:
        running = serve("--workers", 2)
        await asyncio.to_thread(until, lambda: list(running.metric("ready").values()) == [1, 1])
        clients = [Client(running.url) for _ in range(6)]
        for client in clients:
            await client.__aenter__()
            await client.configure()
        await asyncio.to_thread(until, lambda: sum(running.metric("sessions").values()) == 6)
        assert min(running.metric("sessions").values()) >= 2
        for client in clients:
            await client.__aexit__(None, None, None)
        assert await asyncio.to_thread(running.stop) == 0

    asyncio.run(main())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_ends_is_started_again_and_the_other_takes_its_call(serve, how):
    async def main() -> None:
        running = serve("--workers", 2, "--grace", 1)
        await asyncio.to_thread(until, lambda: list(running.metric("ready").values()) == [1, 1])
        async with calling(running) as client:
            assert client.ready
            session_id = client.ready.session_id
            await asyncio.to_thread(until, lambda: sum(running.metric("sessions").values()) == 1)
            busy = list(running.metric("sessions").values()).index(1)
            os.kill(running.workers()[busy], how)
            with pytest.raises(ConnectionLost, match="1012" if how is signal.SIGTERM else None):
                await rest(client)
        async with asyncio.timeout(PATIENCE), Client(running.url) as client:
            assert (await client.resume(session_id)).session_id == session_id
        await asyncio.to_thread(until, lambda: sorted(running.metric("starts_total").values()) == [1, 2])
        await asyncio.to_thread(until, lambda: list(running.metric("ready").values()) == [1, 1])

    asyncio.run(main())


def test_whichever_worker_is_asked_the_calls_of_all_are_counted(serve):
    async def main() -> None:
        running = serve("--workers", 2)
        await asyncio.to_thread(until, lambda: list(running.metric("ready").values()) == [1, 1])
        async with calling(running) as one, calling(running) as another:
            for client in (one, another):
                await client.end()
                await rest(client)
        ended = 'antiphon_sessions_ended_total{reason="client_end"} 2.0'
        for _ in range(6):
            await asyncio.to_thread(until, lambda: ended in running.get("/metrics").text)

    asyncio.run(main())


@pytest.mark.parametrize("workers", [1, 2])
def test_logs_can_be_json(serve, workers):
    async def main() -> tuple[str, str]:
        running = serve("--workers", workers, "--log-json")
        async with calling(running) as client:
            assert client.ready
            session_id = client.ready.session_id
            await client.end()
            await rest(client)
        running.process.send_signal(signal.SIGTERM)
        _, err = await asyncio.to_thread(running.process.communicate, timeout=PATIENCE)
        return session_id, err

    session_id, err = asyncio.run(main())
    lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    ended = [line["message"] for line in lines if line.get("session_id") == session_id]
    assert ended[0] == "session begun" and ended[-1].startswith("session ended: client_end after ")


def test_workers_do_not_outlive_their_supervisor(serve):
    running = serve("--workers", 2)
    until(lambda: list(running.metric("ready").values()) == [1, 1])
    workers = running.workers()
    running.process.kill()
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers))


def test_ctrl_c_stops_the_workers_at_once(serve):
    async def main() -> str:
        running = serve("--workers", 2, "--grace", 1000)
        async with calling(running):
            running.process.send_signal(signal.SIGINT)
            _, err = await asyncio.to_thread(running.process.communicate, timeout=PATIENCE)
        assert running.process.returncode == 0
        return err

    assert "Traceback" not in asyncio.run(main())


def test_workers_need_a_store_they_can_share(antiphon):
    done = antiphon("serve", "--workers", "2", "--store", "memory")
    assert done.code == 2
    assert "--store" in done.complaint


def test_workers_that_cannot_load_their_models_end_it(tmp_path):
    stages = "".join(f"{stage}: scripted\n" for stage in STAGES if stage != "llm")
    (tmp_path / "agent.yaml").write_text(f"{stages}llm: scripted/broken\n")
    options = ["--port", "0", "--workers", "2", "--store", str(tmp_path / "sessions.db")]
    line = [sys.executable, "-m", "antiphon", "serve", str(tmp_path / "agent.yaml"), *options]
    done = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, env=environment(tmp_path))
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["antiphon: llm scripted/broken: the key was refused; set OPENAI_API_KEY"]
