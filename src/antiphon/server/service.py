"""What a server is besides its agent: who may use it, what it keeps, how much it takes on."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from antiphon.errors import ConfigError, ProtocolError
from antiphon.protocols.phone import Carrier
from antiphon.protocols.voice_agent import refusals
from antiphon.protocols.voice_agent.config import Settings, to_config
from antiphon.server import agents
from antiphon.server.auth import Doorkeeper, Principal
from antiphon.server.board import Board
from antiphon.server.booking import Booking, recording_path, recordings_of
from antiphon.server.keys import ApiKey, Keys
from antiphon.server.limits import Limits, LoopLag
from antiphon.server.lobby import Lobby
from antiphon.server.meters import Meters
from antiphon.server.own import Own, own
from antiphon.server.park import Park
from antiphon.server.recorder import Recorder, encoder
from antiphon.server.stores.base import SessionRecord, Store, StoreUnavailable
from antiphon.server.stores.memory import MemoryStore
from antiphon.server.takeover import Takeover
from antiphon.server.telemetry import Traces, from_environment
from antiphon.server.webhooks import Webhooks
from antiphon.tools.addresses import AddressPolicy

log = logging.getLogger("antiphon.server")

PURGE_EVERY = 3600.0  # seconds
OWNER_SILENT = 30.0  # seconds without a sign of life after which a session does not count as live


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How an operator wants the server to be."""

    keys: Keys = field(default_factory=Keys)
    store: Store = field(default_factory=MemoryStore)
    origins: tuple[str, ...] = ()  # of the pages that may call; see Doorkeeper
    limits: Limits = field(default_factory=Limits)
    reuse_tokens: bool = False  # a temporary token opens any number of sessions until it expires
    recordings: Path | None = None  # where calls are recorded; None: nowhere
    keep_sessions: float = 30 * 86_400  # seconds the journal and the recording of a session are kept
    private_hosts: tuple[str, ...] = ()  # networks and hosts of one's own that what stored agents name may be in
    carriers: tuple[Carrier, ...] = ()  # of telephone calls
    console: bool = True  # a page at `/` to talk to the agent
    private_webhooks: bool = False  # webhooks may lead into the server's own network
    metrics: bool = True  # sessions are counted, for /metrics
    traces: Traces | None = None  # None: as the environment says


class Service:
    """Owned by the application. Open it before its first use; `aclose` closes the store too."""

    def __init__(
        self,
        options: ServerOptions | None = None,
        *,
        board: Board | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`board` is that of the machine, where this is one worker of many."""
        options = options or ServerOptions()
        AddressPolicy(options.private_hosts)  # what is wrong with it is better told now than to the first caller
        self.options = options
        self.store = options.store
        self.limits = options.limits
        self.now = now
        self.doorkeeper = Doorkeeper(
            options.keys, options.store, origins=options.origins, reuse_tokens=options.reuse_tokens, now=now
        )
        self.webhooks = Webhooks(options.store, allow_private=options.private_webhooks or not options.keys, now=now)
        self.board = board or Board()
        self.draining = False  # no session is begun or taken up any more
        self.lag = LoopLag()
        self.meters = Meters()
        self.traces = options.traces
        self.lobby = Lobby(
            most=self.limits.waiting, patience=self.limits.handshake, hurry=self.limits.handshake_crowded
        )
        self.park = Park(lasting=options.store.lasting)
        self.takeover = Takeover(self)
        self._live: dict[str, Booking] = {}
        self._anyones_key = ApiKey.of("local", secrets.token_hex(32))  # signs what a server without keys signs
        self._encoder = ThreadPoolExecutor(1, thread_name_prefix="recorder")
        self._opening: asyncio.Task[None] | None = None
        self._purging: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Opens the store, once, however many ask. Raises ConfigError where that cannot be, MissingDependency."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open(), name="open-store")
        await asyncio.shield(self._opening)

    async def _open(self) -> None:
        if self.options.recordings:
            encoder()
            try:
                self.options.recordings.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigError(f"cannot record calls in {self.options.recordings}: {error.strerror}") from error
        if self.traces is None:
            self.traces = from_environment(os.environ)
        await self.store.open()
        self.lag.start()
        self._purging = asyncio.create_task(self._purge(), name="purge")
        self.takeover.start()

    async def aclose(self) -> None:
        self.lag.stop()
        self.lobby.close()
        if self._purging:
            self._purging.cancel()
            await asyncio.gather(self._purging, return_exceptions=True)
        await self.takeover.aclose()
        await self.park.aclose()
        await asyncio.gather(*(booking.close("closed") for booking in list(self._live.values())))
        await self.webhooks.aclose()
        await self.store.aclose()
        if self.traces:
            await self.traces.aclose()
        self._encoder.shutdown(wait=False)

    def signer(self, principal: Principal) -> ApiKey:
        """The key that signs tokens for `principal`."""
        return principal.key or self._anyones_key

    async def agent(self, principal: Principal, agent_id: str) -> agents.Record | None:
        """A stored agent's record; None where the caller's account has none of that id."""
        document = await self.store.document("agent", agent_id)
        if document is None or document.account != principal.account:
            return None
        return agents.from_document(document)

    async def own(self, agent_id: str, context: dict[str, Any]) -> Own:
        """What a stored agent brings along; the caller has been found to own it. Raises ProtocolError, fatal."""
        document = await self.store.document("agent", agent_id)
        if document is None:
            return Own()
        return own(agents.from_document(document), context=context, allow_private=self.options.private_hosts)

    # --- sessions -------------------------------------------------------------------------------------------------

    @property
    def sessions(self) -> int:
        """Live on this process."""
        return len(self._live)

    async def book(self, principal: Principal, *, session_id: str, agent_id: str | None, settings: Settings) -> Booking:
        """Makes room for a session and begins its journal. Close the booking when the session is over.

        Raises ProtocolError: `at_capacity` and `concurrency_exceeded`, both fatal; StoreUnavailable.
        """
        self.check_room()
        await self._check_key(principal)
        now = self.now()
        longest = min(self.limits.session_duration, principal.max_duration or self.limits.session_duration)
        record = SessionRecord(
            id=session_id,
            account=principal.account,
            key_name=principal.key_name,
            created_at=now,
            expires_at=now + longest,
            seen_at=now,
            agent_id=agent_id,
            settings=msgspec.msgpack.encode(settings),
        )
        await self.store.create(record)
        booking = self.booking(record, settings)
        booking.begin()
        return booking

    def booking(self, record: SessionRecord, settings: Settings) -> Booking:
        """The books of a session that this process owns."""
        booking = Booking(self, record, settings=settings, recorder=self._recorder(record, settings))
        self._live[record.id] = booking
        return booking

    def _recorder(self, record: SessionRecord, settings: Settings) -> Recorder | None:
        if self.options.recordings is None:
            return None
        config = to_config(settings)
        path = recording_path(self.options.recordings, record.id, epoch=record.epoch)
        return Recorder(path, self._encoder, input=config.input_format, output=config.output_format)

    async def forget(self, session_id: str) -> None:
        """Deletes all that is kept of a session. One that is live ends: its owner is told at once if that is this
        process, else at its next write, and deletes what it has recorded by then."""
        await self.store.forget(session_id)
        self.park.delete(session_id)
        if folder := self.options.recordings:
            for path in recordings_of(folder, session_id):
                path.unlink(missing_ok=True)

    def leave(self, session_id: str) -> None:
        """The booking is closed; told by itself."""
        self._live.pop(session_id, None)

    def check_room(self) -> None:
        """Raises ProtocolError `at_capacity`, fatal, where this process has no room for another session."""
        limits, here = self.limits, len(self._live)
        if self.draining:
            raise refusals.at_capacity("The server is stopping; try again, and another will answer")
        if limits.sessions is not None and here >= limits.sessions:
            raise refusals.at_capacity()
        if here >= limits.sessions_whatever_lag and self.lag.seconds > limits.lag:
            log.warning("at capacity with %d sessions: the event loop is %.0f ms late", here, self.lag.seconds * 1000)
            raise refusals.at_capacity()

    async def _check_key(self, principal: Principal) -> None:
        limits = self.limits
        if limits.sessions_per_key is None:
            return
        live = await self.store.live(principal.key_name, seen_after=self.now() - OWNER_SILENT)
        if live >= limits.sessions_per_key:
            message = f"This API key may have {limits.sessions_per_key} sessions at a time"
            raise ProtocolError(message, code=refusals.ErrorCode.CONCURRENCY_EXCEEDED, fatal=True)

    async def _purge(self) -> None:
        while True:
            await self.purge()
            await asyncio.sleep(PURGE_EVERY)

    async def purge(self) -> None:
        """Deletes what has been kept for as long as it may be."""
        before = self.now() - self.options.keep_sessions
        try:
            if purged := await self.store.purge(before=before):
                log.info("%d old sessions were deleted", purged)
        except StoreUnavailable as error:
            log.error("old sessions could not be deleted: %s", error)
        if self.options.recordings:
            await asyncio.to_thread(_delete_before, self.options.recordings, before)


def _delete_before(folder: Path, before: float) -> None:
    for path in folder.glob("sess_*.ogg"):
        try:
            if path.stat().st_mtime < before:
                path.unlink()
        except OSError as error:
            log.error("%s could not be deleted: %s", path, error.strerror)
