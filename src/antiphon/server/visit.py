"""One connection, as far as credentials and limits go: who it is, what it may send, and the session it was given."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from starlette.websockets import WebSocket

from antiphon.errors import ProtocolError
from antiphon.protocols.voice_agent import refusals
from antiphon.protocols.voice_agent.config import Settings, to_config
from antiphon.server import agents, pre_connect
from antiphon.server.auth import Principal
from antiphon.server.booking import Booking
from antiphon.server.journal import Entry
from antiphon.server.limits import Allowance, Quiet
from antiphon.server.own import Own
from antiphon.server.service import Service
from antiphon.server.stay import Stay
from antiphon.server.stores.base import StoreUnavailable
from antiphon.types import AudioFormat

log = logging.getLogger("antiphon.server")

TELL_EVERY = 1.0  # seconds between two errors about audio that comes too fast


class Visit:
    """Made when a client connects, inside the running loop; `leave` when it is gone."""

    def __init__(
        self,
        service: Service,
        *,
        on_late: Callable[[], None],
        on_quiet: Callable[[], None],
    ) -> None:
        """`on_late`: no session was asked for in time. `on_quiet`: nothing is sent any more."""
        self._service = service
        self._on_quiet = on_quiet
        self._loop = asyncio.get_running_loop()
        self._principal: Principal | None = None  # once admitted
        self.booking: Booking | None = None  # once there is a session
        limits, clock = service.limits, self._loop.time
        self._messages = Allowance(rate=limits.messages_per_second, most=limits.messages_at_once, clock=clock)
        self._audio = Allowance(rate=1.0, most=limits.audio_ahead, clock=clock)  # seconds of it
        self._bytes_per_second = 0
        self._seen = self._loop.time()
        self._told = 0.0  # loop time of the last error about audio
        self._place = service.lobby.enter(on_late)  # until there is a session
        self._quiet: Quiet | None = None

    # --- at the door ----------------------------------------------------------------------------------------------

    async def admit(self, websocket: WebSocket) -> None:
        """Finds out who it is. Raises ProtocolError, fatal."""
        try:
            self._principal = await self._service.doorkeeper.admit(websocket)
        except StoreUnavailable as error:
            log.error("nobody can be admitted: %s", error)
            raise refusals.internal_error() from error

    async def admit_by(self, ticket: str) -> None:
        """The same, where the credential is shown later on. Raises ProtocolError, fatal."""
        try:
            self._principal = await self._service.doorkeeper.recognise([ticket])
        except StoreUnavailable as error:
            log.error("nobody can be admitted: %s", error)
            raise refusals.internal_error() from error

    async def agent(
        self, agent_id: str, *, session_id: str, facts: Mapping[str, str] | None = None
    ) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        """A stored agent as a `session` object, or None; and what it has found out about this call, of which `facts`
        are known. Raises ProtocolError, also where it does not want the call."""
        self._place.leave()
        try:
            record = await self._service.agent(self.principal, agent_id)
        except StoreUnavailable as error:
            log.error("no agent can be read: %s", error)
            raise refusals.internal_error() from error
        if record is None:
            return None, {}
        known = {"direction": "inbound", **(facts or {}), "session_id": session_id, "agent_id": agent_id}
        found = await pre_connect.ask(record, known, allow_private=self._service.options.private_hosts)
        if found.rejected:
            raise refusals.rejected()
        fields = agents.session_object(record)
        if found.greeting:
            fields["greeting"] = found.greeting
        return fields, found.values

    async def own(self, agent_id: str | None, context: dict[str, Any]) -> Own:
        """What the stored agent brings along. Raises ProtocolError."""
        try:
            return await self._service.own(agent_id, context) if agent_id else Own()
        except StoreUnavailable as error:
            log.error("no agent can be read: %s", error)
            raise refusals.internal_error() from error

    async def book(self, settings: Settings, *, agent_id: str | None = None) -> Booking:
        """Makes room for the session that the client asks for. Raises ProtocolError, fatal."""
        self._place.leave()
        if self.principal.resumes:  # good for that session only
            raise refusals.unauthorized()
        try:
            self.booking = await self._service.book(
                self.principal, session_id=settings.session.id, agent_id=agent_id, settings=settings
            )
        except StoreUnavailable as error:
            log.error("no session can be begun: %s", error)
            raise refusals.internal_error() from error
        self._begin(settings)
        return self.booking

    async def find(self, session_id: str) -> Stay | None:
        """The session that the client wants to go on with, if this process has it. Raises ProtocolError, fatal."""
        self._place.leave()
        return await self._service.park.find(self.principal, session_id)

    async def claim(self, session_id: str) -> tuple[Booking, Settings, list[Entry]]:
        """The session that the client wants to go on with, from the store. Raises ProtocolError, fatal."""
        try:
            return await self._service.takeover.claim(self.principal, session_id)
        except StoreUnavailable as error:
            log.error("no session can be taken over: %s", error)
            raise refusals.internal_error() from error

    def returned(self, booking: Booking, settings: Settings, *, away: float) -> None:
        """The client has its session back after so many seconds, and may send what was said meanwhile."""
        self.booking = booking
        self._begin(settings)
        self._audio.grant(away)

    def _begin(self, settings: Settings) -> None:
        self._bytes_per_second = bytes_per_second(to_config(settings).input_format)
        self._quiet = Quiet(self._service.limits.idle, self._on_quiet)

    @property
    def principal(self) -> Principal:
        if self._principal is None:
            raise refusals.unauthorized()
        return self._principal

    # --- what it sends --------------------------------------------------------------------------------------------

    async def message(self) -> None:
        """Counts a message. One who sends too many is read more slowly: this returns later."""
        self._seen = self._loop.time()
        if self._quiet:
            self._quiet.heard()
        if wait := self._messages.debt(1):
            await asyncio.sleep(wait)

    def audio(self, data: bytes) -> bool:
        """Is this still about real time? If not it must be dropped: False, and about once a second ProtocolError
        `audio_rate_violation`, which is not fatal."""
        if self._audio.take(len(data) / self._bytes_per_second):
            if self.booking:
                self.booking.caller_audio(data)
            return True
        if self._loop.time() - self._told < TELL_EVERY:
            return False
        self._told = self._loop.time()
        message = "Audio is faster than real time; the excess was discarded"
        raise ProtocolError(message, code=refusals.ErrorCode.AUDIO_RATE_VIOLATION)

    def configured(self, settings: Settings) -> None:
        """The input format holds from the next audio on."""
        self._bytes_per_second = bytes_per_second(to_config(settings).input_format)
        if self.booking:
            self.booking.configured(settings)

    def seen(self) -> float:
        """The loop's time when the client last sent anything."""
        return self._seen

    def leave(self) -> None:
        """The connection is gone."""
        self._place.leave()
        if self._quiet:
            self._quiet.stop()


def bytes_per_second(audio_format: AudioFormat) -> int:
    return audio_format.sample_rate * audio_format.sample_bytes
