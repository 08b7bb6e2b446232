"""LiveKit's worker socket, on loopback: what its server asks of a worker, and what one answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from antiphon.errors import ConfigError, ProtocolError

pytest.importorskip("livekit.api", reason="needs livekit-api")

from livekit.api import TokenVerifier
from livekit.protocol import agent as lk

from antiphon.protocols.livekit import Join, Worker
from antiphon.server.doors.livekit import LiveKit, LiveKitWorker
from antiphon.server.doors.livekit_call import join_room
from antiphon.server.service import ServerOptions, Service
from tests.server.serving import agent

KEY, SECRET = "devkey", "a-secret-of-livekit-0123456789abcdef"


class FakeServer:
    """The part of LiveKit's server that hands out rooms. Its tokens are judged by LiveKit's own verifier."""

    def __init__(self) -> None:
        self.url = ""
        self.said: list[lk.WorkerMessage] = []
        self.connections = 0
        self._socket: ServerConnection | None = None
        self._news = asyncio.Event()

    def check(self, connection: ServerConnection, request: Any) -> Any:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            claims = TokenVerifier(KEY, SECRET).verify(token)
        except Exception:  # noqa: BLE001  whatever the verifier raises, the server says the same
            return connection.respond(HTTPStatus.UNAUTHORIZED, "")
        known = request.path == "/agent" and claims.video and claims.video.agent
        return None if known else connection.respond(HTTPStatus.FORBIDDEN, "")

    async def handle(self, socket: ServerConnection) -> None:
        self._socket, self.connections = socket, self.connections + 1
        async for data in socket:
            assert isinstance(data, bytes)
            message = lk.WorkerMessage.FromString(data)
            self.said.append(message)
            if message.HasField("register"):
                await self.send(register=lk.RegisterWorkerResponse(worker_id="AW_1"))
            self._news.set()

    async def send(self, **kind: Any) -> None:
        assert self._socket
        await self._socket.send(lk.ServerMessage(**kind).SerializeToString())

    async def offer(self, job_id: str) -> lk.AvailabilityResponse:
        await self.send(availability=lk.AvailabilityRequest(job=lk.Job(id=job_id)))
        return (await self.until("availability", lambda one: one.job_id == job_id)).availability

    async def assign(self, job_id: str, *, token: str = "let-me-in") -> None:
        job = lk.Job(id=job_id)
        job.room.name = "kitchen"
        await self.send(assignment=lk.JobAssignment(job=job, token=token))

    async def until(self, kind: str, wanted: Callable[[Any], bool] = lambda _: True) -> Any:
        async with asyncio.timeout(20):
            while True:
                found = [m for m in self.said if m.WhichOneof("message") == kind and wanted(getattr(m, kind))]
                if found:
                    return found[-1]
                self._news.clear()
                await self._news.wait()

    async def status_of(self, job_id: str, status: int) -> lk.UpdateJobStatus:
        found = await self.until("update_job", lambda one: (one.job_id, one.status) == (job_id, status))
        return found.update_job

    async def drop(self) -> None:
        assert self._socket
        self._socket.transport.abort()


class Rooms:
    """Joins nothing, and stays until it is told to leave."""

    def __init__(self) -> None:
        self.joined: list[Join] = []
        self.leave = asyncio.Event()

    async def __call__(self, join: Join) -> None:
        self.joined.append(join)
        await self.leave.wait()


@contextlib.asynccontextmanager
async def working(join: Any, **options: Any) -> AsyncIterator[FakeServer]:
    server = FakeServer()
    async with serve(server.handle, "127.0.0.1", 0, process_request=server.check) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        server.url = f"ws://127.0.0.1:{port}"
        account = LiveKit(url=server.url, key=KEY, secret=SECRET)
        running = asyncio.create_task(LiveKitWorker(account, join, **options).run())
        try:
            await server.until("update_worker")
            yield server
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def with_rooms(test: Callable[[FakeServer, Rooms], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        rooms = Rooms()
        async with working(rooms, **options) as server:
            await test(server, rooms)

    asyncio.run(main())


def test_a_worker_registers_takes_a_room_and_says_when_it_has_left() -> None:
    async def test(server: FakeServer, rooms: Rooms) -> None:
        register = server.said[0].register
        assert (register.type, register.agent_name) == (lk.JobType.JT_ROOM, "rosa")
        assert register.allowed_permissions.can_publish and register.allowed_permissions.agent
        answer = await server.offer("AJ_1")
        assert answer.available and answer.participant_identity == "agent-AJ_1"
        await server.assign("AJ_1")
        await server.status_of("AJ_1", lk.JobStatus.JS_RUNNING)
        await server.until("update_worker", lambda one: one.job_count == 1)
        assert [(join.room, join.token) for join in rooms.joined] == [("kitchen", "let-me-in")]
        rooms.leave.set()
        await server.status_of("AJ_1", lk.JobStatus.JS_SUCCESS)
        assert "let-me-in" not in repr(rooms.joined)

    with_rooms(test, agent_name="rosa")


def test_a_worker_that_is_full_takes_no_more() -> None:
    async def test(server: FakeServer, rooms: Rooms) -> None:
        assert (await server.offer("AJ_1")).available
        assert not (await server.offer("AJ_2")).available  # the first is promised
        await server.assign("AJ_1")
        await server.until("update_worker", lambda one: one.status == lk.WorkerStatus.WS_FULL)
        assert not (await server.offer("AJ_3")).available
        await server.assign("AJ_2")  # nobody promised that
        await server.offer("AJ_4")
        assert len(rooms.joined) == 1

    with_rooms(test, most=1)


def test_a_room_is_left_when_the_server_says_so_and_kept_when_the_socket_is_lost() -> None:
    async def test(server: FakeServer, rooms: Rooms) -> None:
        await server.offer("AJ_1")
        await server.assign("AJ_1")
        await server.status_of("AJ_1", lk.JobStatus.JS_RUNNING)
        server.said.clear()
        await server.drop()
        again = await server.until("update_worker")
        assert server.connections == 2 and again.update_worker.job_count == 1
        await server.send(termination=lk.JobTermination(job_id="AJ_1"))
        await server.status_of("AJ_1", lk.JobStatus.JS_SUCCESS)

    with_rooms(test)


def test_a_room_that_cannot_be_joined_is_told_as_failed() -> None:
    async def main() -> None:
        runtime, service = agent().runtime(), Service(ServerOptions())
        await runtime.ready()

        async def join(given: Join) -> None:
            await join_room(given, url="ws://127.0.0.1:9", runtime=runtime, service=service)

        async with working(join) as server:
            await server.offer("AJ_1")
            await server.assign("AJ_1")
            failed = await server.status_of("AJ_1", lk.JobStatus.JS_FAILED)
            assert "kitchen" in failed.error
        await runtime.aclose()
        await service.aclose()

    asyncio.run(main())


def test_a_wrong_secret_ends_the_worker_with_a_reason() -> None:
    async def main() -> None:
        server = FakeServer()
        async with serve(server.handle, "127.0.0.1", 0, process_request=server.check) as listening:
            port = next(iter(listening.sockets)).getsockname()[1]
            account = LiveKit(url=f"ws://127.0.0.1:{port}", key=KEY, secret="another-secret-0123456789abcdefghij")
            with pytest.raises(ConfigError, match="LIVEKIT_API_KEY"):
                await LiveKitWorker(account, Rooms()).run()

    asyncio.run(main())


def test_an_account_is_read_from_the_environment_and_does_not_print_its_secret() -> None:
    with pytest.raises(ConfigError, match="LIVEKIT_API_SECRET"):
        LiveKit.from_environment({"LIVEKIT_URL": "wss://x.example", "LIVEKIT_API_KEY": KEY})
    given = {"LIVEKIT_URL": "https://x.example/", "LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}
    account = LiveKit.from_environment(given)
    assert account.socket == "wss://x.example/agent" and SECRET not in repr(account)


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(ProtocolError):
        Worker().receive(b"\xff\xff\xff", 0.0)
    assert not Worker().receive(b"", 0.0)
