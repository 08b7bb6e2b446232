"""The session of a caller who came through a door. It ends with its connection: nobody can come back to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from antiphon.conversation.notices import Notice, ReplyAudio, ReplyDone, ReplyStarted, SessionEnded
from antiphon.protocols.doors import Door
from antiphon.protocols.voice_agent import refusals
from antiphon.server.booking import DELETED, Booking
from antiphon.server.outbox import Outbox
from antiphon.server.own import Own
from antiphon.server.pulse import Pulse
from antiphon.server.runtime import Blueprint
from antiphon.server.stay import EXPIRED, GONE
from antiphon.session.session import Session
from antiphon.tools.base import Tool
from antiphon.types import SessionConfig

log = logging.getLogger("antiphon.server")


class Lodger:
    """The session's Peer. Made when a session begins; whoever makes it runs `run`."""

    def __init__(
        self,
        config: SessionConfig,
        outbox: Outbox,
        door: Door,
        *,
        booking: Booking,
        blueprint: Blueprint,
        tools: tuple[Tool, ...],
        own: Own,
        pulse: Pulse | None,
        on_notice: Callable[[Notice], None],
    ) -> None:
        """Closes `own` with the session. `on_notice` is told what the session tells while the caller is there, before
        the caller is."""
        self.booking = booking
        self._outbox = outbox
        self._door = door
        self._own = own
        self._pulse = pulse
        self._on_notice = on_notice
        self._loop = asyncio.get_running_loop()
        self.has_client = True
        self.quiet = asyncio.Event()  # no reply is under way
        self.quiet.set()
        blueprint = own.laid_over(blueprint)
        self.session = Session(
            config,
            session_id=booking.record.id,
            stages=blueprint.stages,
            peer=self,
            tools=(*own.tools, *tools),
            hooks=booking.watching(blueprint.hooks, blueprint.stages),
            options=booking.asking(blueprint.options),
        )
        booking.on_lost = lambda _: self.delete()
        self._expiry = [self._loop.call_later(booking.lasts, self.session.end, EXPIRED)]
        if (left := booking.says_goodbye_in) is not None:
            self._expiry.append(self._loop.call_later(left, self.session.farewell, EXPIRED))

    async def run(self) -> None:
        """Returns once the session is over, and its books are closed."""
        try:
            await self.session.run()
        finally:
            for timer in self._expiry:
                timer.cancel()
            await self.booking.close(GONE)
            await self._own.aclose()
            self._outbox.close(refusals.CLOSE_NORMAL)

    def leave(self) -> None:
        """The connection is over."""
        self.has_client = False
        self.session.end(GONE)

    async def move(self) -> None:
        """A call cannot be taken along to another process."""
        self.session.end("server_shutdown")

    def delete(self) -> None:
        """Nothing may be kept of it: it ends."""
        self.session.end(DELETED)

    # --- Peer -----------------------------------------------------------------------------------------------------

    def send(self, notice: Notice) -> None:
        if isinstance(notice, ReplyStarted):
            self.quiet.clear()
        elif isinstance(notice, ReplyDone | SessionEnded):
            self.quiet.set()
        if not self.has_client:
            return
        self._on_notice(notice)
        for message in self._door.send(notice):
            self._outbox.put(message)
        if isinstance(notice, ReplyAudio):
            self.booking.agent_audio(notice.data)
        elif isinstance(notice, SessionEnded):
            self._outbox.close(refusals.CLOSE_NORMAL)

    @property
    def congested(self) -> bool:
        return self.has_client and self._outbox.congested

    def is_there(self, since: float) -> bool:
        if self._pulse is None or self._pulse.seen >= since:
            return True
        self._pulse.ask()
        return False
