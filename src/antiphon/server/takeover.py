"""Sessions whose owner is gone: taken over when their client asks for them here, closed when nobody does.

An owner that lives says so in the store every HEARTBEAT seconds. Whoever takes a session over becomes its owner there,
at once and for all processes: an owner that was only slow is refused at its next write, and lets go.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from antiphon.protocols.voice_agent import refusals
from antiphon.protocols.voice_agent.config import Settings
from antiphon.server import journal
from antiphon.server.auth import Principal
from antiphon.server.booking import Booking
from antiphon.server.journal import HEARTBEAT
from antiphon.server.stores.base import SessionMissing, SessionRecord, StaleEpoch, StoreError

if TYPE_CHECKING:
    from antiphon.server.service import Service

log = logging.getLogger("antiphon.server")

CLAIMS = 5  # owners at once that may try for a session before one is told that it is not there
LATE = 2 * HEARTBEAT  # seconds an owner's last sign of life may be behind its death
CLOSE_EVERY = 15.0  # seconds
CLOSE_AT_ONCE = 100  # sessions
GONE = "disconnected"  # why a session ended whose client did not come back


class Takeover:
    """Owned by the Service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._closing: asyncio.Task[None] | None = None

    async def claim(self, principal: Principal, session_id: str) -> tuple[Booking, Settings, list[journal.Entry]]:
        """Makes this process the owner of a session: its books, what it was configured to be, and its journal so far.
        Raises ProtocolError, fatal; StoreUnavailable."""
        self._service.check_room()
        record = await self._claimed(principal, session_id)
        entries = [journal.read(entry) for entry in await self._service.store.journal(session_id)]
        settings = msgspec.msgpack.decode(record.settings, type=Settings)
        log.info("%s is taken over: owner %d", session_id, record.epoch)
        return self._service.booking(record, settings), settings, entries

    async def _claimed(self, principal: Principal, session_id: str) -> SessionRecord:
        store, now = self._service.store, self._service.now
        for _ in range(CLAIMS):
            found = await store.session(session_id)
            if found is None or not self._waits(found):
                break
            if found.account != principal.account:
                raise refusals.session_forbidden()
            if found.expires_at <= now():
                raise refusals.session_expired()
            try:
                return await store.claim(session_id, found.epoch, seen_at=now())
            except StaleEpoch:
                continue  # somebody was faster: is it still to be had?
            except SessionMissing:
                break
        raise refusals.session_not_found()

    def _waits(self, record: SessionRecord) -> bool:
        """Whether the window in which its client may come back is still open."""
        silent = self._service.now() - record.seen_at
        return record.ended_at is None and silent <= self._service.limits.resume_window + LATE

    # --- nobody came ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._closing = asyncio.create_task(self._close_abandoned(), name="close-abandoned")

    async def aclose(self) -> None:
        if self._closing:
            self._closing.cancel()
            await asyncio.gather(self._closing, return_exceptions=True)

    async def _close_abandoned(self) -> None:
        while True:
            await asyncio.sleep(CLOSE_EVERY)
            try:
                await self.close_abandoned()
            except StoreError as error:
                log.error("sessions without an owner could not be closed: %s", error)

    async def close_abandoned(self) -> None:
        """Ends the sessions whose owner is gone, and whose client did not come back to another. Raises StoreError."""
        before = self._service.now() - self._service.limits.resume_window - LATE
        for record in await self._service.store.abandoned(seen_before=before, limit=CLOSE_AT_ONCE):
            try:
                mine = await self._service.store.claim(record.id, record.epoch, seen_at=self._service.now())
            except (StaleEpoch, SessionMissing):
                continue  # it was not abandoned after all, or is gone
            log.info("%s is closed: its owner and its client are gone", record.id)
            booking = Booking(self._service, mine, settings=msgspec.msgpack.decode(mine.settings, type=Settings))
            booking.journal.put(journal.Ended(at=booking.journal.ms, reason=GONE))
            await booking.close(GONE)
