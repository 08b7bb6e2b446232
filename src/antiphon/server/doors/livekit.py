"""A worker of a LiveKit server's: it is given rooms, and an agent joins each. Needs the extra `livekit`.

There is no route: the worker opens the socket, and opens it again when it is lost. The rooms go on meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from livekit.api import AccessToken, VideoGrants
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from antiphon.errors import AntiphonError, ConfigError, ProtocolError
from antiphon.protocols.livekit import PATH, PING_EVERY, Join, Leave, Reply, Worker

log = logging.getLogger("antiphon.server")

FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0  # seconds before the socket is opened again; doubled each time
REFUSED = (401, 403)

# Joins a room and stays as long as the agent does. Raises AntiphonError where it cannot be joined.
Joiner = Callable[[Join], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveKit:
    """A server, and the account to use of it."""

    url: str  # wss://…
    key: str
    secret: str = field(repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Raises ConfigError."""
        names = ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")
        if missing := [name for name in names if not environment.get(name)]:
            raise ConfigError(f"not set: {', '.join(missing)}; they are in the settings of your LiveKit project")
        url, key, secret = (environment[name] for name in names)
        if urlsplit(url).scheme not in ("ws", "wss", "http", "https"):
            raise ConfigError("LIVEKIT_URL: write one like wss://name.livekit.cloud")
        return cls(url=url.replace("http", "ws", 1) if url.startswith("http") else url, key=key, secret=secret)

    @property
    def socket(self) -> str:
        return self.url.rstrip("/") + PATH

    def token(self) -> str:
        """Says that a worker is asking."""
        return AccessToken(self.key, self.secret).with_grants(VideoGrants(agent=True)).to_jwt()


class LiveKitWorker:
    """`run` until cancelled; the rooms that are joined are then left."""

    def __init__(self, account: LiveKit, join: Joiner, *, agent_name: str = "", version: str = "", most: int = 8):
        self._account = account
        self._join = join
        self._worker = Worker(agent_name=agent_name, version=version, most=most)
        self._rooms: dict[str, asyncio.Task[None]] = {}
        self._socket: ClientConnection | None = None
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Raises ConfigError where the server does not know the account."""
        wait = FIRST_WAIT
        try:
            while True:
                if await self._serve():
                    wait = FIRST_WAIT
                log.warning("livekit: the server is not reached; again in %.1f s", wait)
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
        finally:
            for room in self._rooms.values():
                room.cancel()
            await asyncio.gather(*self._rooms.values(), return_exceptions=True)

    async def _serve(self) -> bool:
        """One connection, to its end. Returns whether there was one."""
        headers = {"Authorization": f"Bearer {self._account.token()}"}
        self._worker.id = ""
        try:
            async with connect(self._account.socket, additional_headers=headers) as socket:
                self._socket = socket
                await socket.send(self._worker.opening())
                pinging = asyncio.create_task(self._ping(socket), name="livekit-ping")
                try:
                    await self._read(socket)
                finally:
                    pinging.cancel()
                    await asyncio.gather(pinging, return_exceptions=True)
        except InvalidStatus as refusal:
            if refusal.response.status_code in REFUSED:
                raise ConfigError("LiveKit refuses LIVEKIT_API_KEY and its secret") from refusal
        except (OSError, WebSocketException, ProtocolError) as error:
            log.info("livekit: %s", type(error).__name__)
        finally:
            self._socket = None
        return bool(self._worker.id)

    async def _read(self, socket: ClientConnection) -> None:
        async for data in socket:
            for order in self._worker.receive(data if isinstance(data, bytes) else data.encode(), self._loop.time()):
                match order:
                    case Reply(data=answer):
                        await socket.send(answer)
                    case Join():
                        task = asyncio.create_task(self._stay(order), name=f"livekit:{order.job_id}")
                        self._rooms[order.job_id] = task
                    case Leave(job_id=job_id) if job_id in self._rooms:
                        self._rooms[job_id].cancel()

    async def _ping(self, socket: ClientConnection) -> None:
        while True:
            await asyncio.sleep(PING_EVERY)
            await socket.send(self._worker.ping(self._loop.time()))

    async def _stay(self, join: Join) -> None:
        error = ""
        try:
            await self._join(join)
        except AntiphonError as failure:
            log.error("livekit: %s could not be joined: %s", join.room, failure)
            error = str(failure)
        finally:
            self._rooms.pop(join.job_id, None)
            messages = self._worker.over(join.job_id, error=error)
            if self._socket:
                await self._tell(self._socket, *messages)

    @staticmethod
    async def _tell(socket: ClientConnection, *messages: bytes) -> None:
        try:
            for message in messages:
                await socket.send(message)
        except (OSError, WebSocketException):
            log.info("livekit: the server could not be told that a room was left")
