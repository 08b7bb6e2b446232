"""The sessions of this process, with a client or, for a while, without one.

A session outlives its socket: when a connection is lost without `session.end`, its `Stay` waits here for the client to
come back, and ends when the window closes. A server that must stop calls `hand_over`:

    await service.park.hand_over()

Every session's last state is then in the store, every client's socket is closed with 1012 (service restart), and any
process that shares the store can take the sessions up. New sessions must be refused before it is called.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from antiphon.errors import without_words
from antiphon.protocols.voice_agent import refusals
from antiphon.server.auth import Principal
from antiphon.server.booking import Booking
from antiphon.server.stay import Stay
from antiphon.session.session import Session

log = logging.getLogger("antiphon.server")

MOVE_TIMEOUT = 5.0  # seconds all sessions together have to be handed over
END_TIMEOUT = 5.0  # seconds they have to end
OWNER_TIMEOUT = 0.5  # seconds the store has to say that a session is still this process's


class Resident(Protocol):
    """A session as this process keeps it: a Stay, or that of a caller who came through another door."""

    booking: Booking
    session: Session

    @property
    def has_client(self) -> bool: ...

    async def run(self) -> None: ...

    async def move(self) -> None: ...

    def delete(self) -> None: ...


class Park:
    """Owned by the Service."""

    def __init__(self, *, lasting: bool) -> None:
        """`lasting`: the store outlives this process."""
        self._lasting = lasting
        self._stays: dict[str, Resident] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._stays)

    @property
    def has_clients(self) -> bool:
        """Is anyone on the line?"""
        return any(stay.has_client for stay in self._stays.values())

    def add(self, stay: Resident) -> None:
        """Runs it to its end."""
        session_id = stay.session.session_id
        self._stays[session_id] = stay
        task = asyncio.create_task(self._run(stay), name=f"session:{session_id}")
        self._running[session_id] = task

    async def find(self, principal: Principal, session_id: str) -> Stay | None:
        """The session, if it is here and theirs, without a client; None if it is not here. Raises ProtocolError,
        fatal."""
        if principal.resumes not in (None, session_id):
            raise refusals.session_forbidden()
        stay = self._stays.get(session_id)
        if stay is None:
            return None
        if stay.session.is_over or not isinstance(stay, Stay):
            raise refusals.session_not_found()
        if stay.booking.record.account != principal.account:
            raise refusals.session_forbidden()
        stay.supplant()  # how its reply ended is stored before anyone is told
        if not await stay.booking.is_ours(timeout=OWNER_TIMEOUT):
            await self._wait(stay)
            return None
        return stay

    def delete(self, session_id: str) -> None:
        """Its record is gone: if it is here, it ends."""
        if stay := self._stays.get(session_id):
            stay.delete()

    async def hand_over(self) -> None:
        """Lets go of every session, for other processes to take up; where the store dies with this one, they end.
        Returns once none is left, or after MOVE_TIMEOUT."""
        if not self._lasting:
            await self._end("server_shutdown")
            return
        moving = [asyncio.create_task(stay.move(), name="move") for stay in self._stays.values()]
        if moving:
            _, stuck = await asyncio.wait(moving, timeout=MOVE_TIMEOUT)
            for task in stuck:
                log.error("a session could not be handed over in %g s", MOVE_TIMEOUT)
                task.cancel()
        await self._end("moved")

    async def aclose(self) -> None:
        await self.hand_over()
        for task in list(self._running.values()):
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _end(self, reason: str) -> None:
        for stay in list(self._stays.values()):
            stay.session.end(reason)
        if running := list(self._running.values()):
            await asyncio.wait(running, timeout=END_TIMEOUT)

    async def _wait(self, stay: Resident) -> None:
        """For one that has lost its session, to be out of the way."""
        if task := self._running.get(stay.session.session_id):
            await asyncio.wait([task], timeout=END_TIMEOUT)

    async def _run(self, stay: Resident) -> None:
        session_id = stay.session.session_id
        try:
            await stay.run()
        except Exception as error:
            log.error("session %s failed: %s", session_id, without_words(error))
            log.debug("session %s", session_id, exc_info=error)
        finally:
            if self._stays.get(session_id) is stay:
                del self._stays[session_id], self._running[session_id]
