"""One session as the server keeps it: from its first connection to its end, through whatever connections it has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from antiphon.conversation.notices import Notice, ReplyAudio, ReplyStarted, SessionEnded, ToolCalled
from antiphon.protocols.voice_agent import Told, VoiceAgentProtocol, refusals
from antiphon.server import logs
from antiphon.server.booking import DELETED, Booking
from antiphon.server.outbox import Outbox
from antiphon.server.own import Own
from antiphon.server.pulse import Pulse
from antiphon.server.runtime import Blueprint
from antiphon.server.stores.base import SessionMissing, StoreError
from antiphon.session.makings import Past
from antiphon.session.session import Session
from antiphon.tools.base import Tool
from antiphon.types import SessionConfig

log = logging.getLogger("antiphon.server")

EXPIRED = "max_duration"  # why a session ended that lasted as long as it may
GONE = "disconnected"  # why one ended whose client did not come back

# A client that loses its connection to another one of the same session must not take it back.
SUPPLANTED = (refusals.CLOSE_REFUSED, "the session was resumed on another connection")
MOVED = (refusals.CLOSE_RESTART, "the server stops; resume the session")


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One connection, as far as a stay needs it."""

    outbox: Outbox
    protocol: VoiceAgentProtocol
    seen: Callable[[], float]  # loop time of the client's last sign of life
    pulse: Pulse | None = None


class Stay:
    """The session's Peer. Made when a session begins or is taken up from the store; whoever makes it runs `run`."""

    def __init__(
        self,
        config: SessionConfig,
        line: Line,
        *,
        booking: Booking,
        blueprint: Blueprint,
        tools: tuple[Tool, ...],
        own: Own,
        window: float,
        past: Past | None = None,
    ) -> None:
        """Closes `own` with the session. `window` in seconds: so long the session waits for its client to come back.
        `past`: another process began it."""
        self.place = logs.enter(line.protocol.session_id)  # before the session makes its first timer
        self.booking = booking
        self._own = own
        blueprint = own.laid_over(blueprint)
        self.line: Line | None = line  # None: the client is away
        self._protocol = line.protocol  # of the last connection there was
        self._window = window
        self._loop = asyncio.get_running_loop()
        self._left = 0.0  # loop time at which the client was last there
        self._unasked: set[str] = set()  # tool calls that were told to nobody
        self._moved = False  # it goes on elsewhere: this is not its end
        self.session = Session(
            config,
            session_id=line.protocol.session_id,
            stages=blueprint.stages,
            peer=self,
            tools=(*own.tools, *tools),
            hooks=booking.watching(blueprint.hooks, blueprint.stages),
            options=booking.asking(blueprint.options),
            past=past,
        )
        booking.on_lost = self._lost
        self._waiting: asyncio.TimerHandle | None = None  # for the client, until the window closes
        self._expiry = [self._loop.call_later(booking.lasts, self.session.end, EXPIRED)]
        if (left := booking.says_goodbye_in) is not None:
            self._expiry.append(self._loop.call_later(left, self.session.farewell, EXPIRED))
        line.outbox.put(line.protocol.session_updated())
        line.outbox.put(self._ready(line))

    async def run(self) -> None:
        """Returns once the session is over, and its books are closed."""
        log.info("session begun")
        try:
            await self.session.run()
        finally:
            for timer in self._expiry:
                timer.cancel()
            self._stop_waiting()
            if not self._moved:
                await self.booking.close(GONE)
            await self._own.aclose()
            if self.line:
                self.line.outbox.close(refusals.CLOSE_NORMAL)

    @property
    def has_client(self) -> bool:
        return self.line is not None

    # --- Peer -----------------------------------------------------------------------------------------------------

    def send(self, notice: Notice) -> None:
        if isinstance(notice, ReplyStarted):
            self.place.reply_id = notice.reply_id
        elif isinstance(notice, SessionEnded):
            log.info("session ended: %s after %.1f s", notice.reason, notice.duration)
        expired = isinstance(notice, SessionEnded) and notice.reason == EXPIRED
        if expired and self.line:
            self.line.outbox.put(self._protocol.error(refusals.session_expired()))
        text = self._protocol.send(notice)
        if self.line is None:
            if isinstance(notice, ToolCalled):
                self._unasked.add(notice.call_id)
            return
        if text:
            self.line.outbox.put(text)
        if isinstance(notice, ReplyAudio):
            self.booking.agent_audio(notice.data)
        elif isinstance(notice, SessionEnded):
            self.line.outbox.close(refusals.CLOSE_REFUSED if expired else refusals.CLOSE_NORMAL)

    @property
    def congested(self) -> bool:
        return self.line is not None and self.line.outbox.congested

    def is_there(self, since: float) -> bool:
        pulse = self.line.pulse if self.line else None
        if pulse is None or pulse.seen >= since:
            return True
        pulse.ask()
        return False

    # --- connections come and go ----------------------------------------------------------------------------------

    def leave(self, line: Line, *, at: float | None = None) -> None:
        """A connection is over: if it is the present one, the session waits for another. The client was there until
        `at`, in the loop's time; None: until now."""
        if line is not self.line:
            return
        now = self._loop.time()
        self.line, self._left = None, now
        self.session.lost(now if at is None else min(at, now))
        if self._window > 0:
            self._waiting = self._loop.call_later(self._window, self.session.end, GONE)
        else:
            self.session.end(GONE)

    def supplant(self) -> None:
        """The client is coming back, on another connection: one it still has, though it may not know, is closed."""
        if old := self.line:
            old.outbox.abandon(*SUPPLANTED)
            self.leave(old, at=old.seen())

    def take(self, line: Line, *, last_seq: int | None = None) -> float:
        """The client is back, on another connection, and all that it was or will be told is stored. `last_seq` is the
        last event it has, if it counts them. Returns the seconds it was away."""
        self.supplant()  # another may have been quicker
        self._stop_waiting()
        missed = line.protocol.resume(self._protocol.settings, log=self._protocol.log, last_seq=last_seq)
        self.line, self._protocol = line, line.protocol
        line.outbox.put(line.protocol.session_updated())
        line.outbox.put(self._ready(line))
        for told in missed or ():
            line.outbox.put(told.text)
        self.session.returned(replayed=missed is not None, unasked=self._to_be_asked(missed))
        self._unasked.clear()
        return self._loop.time() - self._left

    def _to_be_asked(self, missed: list[Told] | None) -> frozenset[str]:
        """The calls of the client's tools that it is to be asked again. One that counts its events knows each call by
        its id, and answers it without running it twice; it is asked all that it was not told just now. Any other is
        asked only what it cannot know of, and what may be run twice."""
        asked = self.session.asked()
        if missed is not None:
            return asked - {told.call_id for told in missed}
        return asked & (self._unasked | self.session.asked(idempotent=True))

    async def move(self) -> None:
        """Lets go of the session for another process to take it up: all of it is in the store, and the client is told
        to come back."""
        line, self.line, self._moved = self.line, None, True
        self.session.lost(self._loop.time())
        if line:
            line.outbox.close(*MOVED)
        await self.booking.release()
        self.session.end("moved")

    def delete(self) -> None:
        """Nothing may be kept of it: it ends."""
        self.session.end(DELETED)

    def _ready(self, line: Line) -> str:
        expires_at = int(self.booking.expires_at)
        return line.protocol.session_ready(expires_at=expires_at, resume_token=self.booking.resume_token())

    def _lost(self, error: StoreError) -> None:
        """The store takes no more of what happens here: the session was deleted, or another process has it."""
        if isinstance(error, SessionMissing):
            self.delete()
            return
        line, self.line = self.line, None
        if line:
            line.outbox.abandon(*SUPPLANTED)
        self.session.end("lost")

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._waiting.cancel()
            self._waiting = None
