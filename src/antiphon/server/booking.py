"""One session in the server's books: its journal, its recording, its room, and who is told of it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.errors import SessionClosed
from antiphon.protocols.voice_agent.config import Settings, to_config
from antiphon.server import journal as to
from antiphon.server import logs, recall, tokens
from antiphon.server.journal_hooks import JournalHooks
from antiphon.server.recorder import Recorder
from antiphon.server.stores.base import SessionMissing, SessionRecord, StoreError
from antiphon.session.makings import Hooks, Past, SessionOptions, Stages
from antiphon.session.telling import call_hook
from antiphon.types import ToolCall

if TYPE_CHECKING:
    from antiphon.server.service import Service
    from antiphon.session.session import Session


DELETED = "deleted"  # why a session ended of which nothing may be kept


class Booking:
    """Made by the Service, for a session that begins or one that is taken over; whoever runs the session closes it."""

    def __init__(
        self, service: Service, record: SessionRecord, *, settings: Settings, recorder: Recorder | None = None
    ) -> None:
        self.record = record
        self.on_lost: Callable[[StoreError], None] = lambda _: None  # another process has the session, or it is deleted
        self._service = service
        self._settings = settings
        self._closed = False
        self._reason: str | None = None  # why it ended, once it said so
        self._session: Session | None = None  # once it has begun
        self.journal = to.Journal(
            service.store,
            record,
            on_lost=self._lost,
            standing=self._standing,
            now=service.now,
        )
        self._hooks = JournalHooks(self.journal)
        self._recorder = recorder
        self._consented = False  # another owner of the session was told that it may be recorded
        self._consent_line = ""  # that has yet to be heard before anything is recorded
        self._deleted = False  # nothing of it may be kept

    def begin(self) -> None:
        """A session begins."""
        self.journal.put(to.Configured(at=self.journal.ms, config=self._settings.session))
        self._tell("session.started")

    def go_on(self, found: Past, entries: Sequence[to.Entry]) -> None:
        """A session goes on that another process began; `entries` are what it wrote."""
        self.journal.put(*recall.endings(found, entries, at=self.journal.ms))
        self._consented = any(isinstance(entry, to.Consented) for entry in entries)
        self._hooks.go_on(call.call_id for call in found.found.again)

    @property
    def expires_at(self) -> float:
        """When the session must end, in seconds of the epoch."""
        return self.record.expires_at

    @property
    def lasts(self) -> float:
        """Seconds until then."""
        return max(self.record.expires_at - self._service.now(), 0.0)

    @property
    def says_goodbye_in(self) -> float | None:
        """Seconds until it must begin to, to be done by then. None: it is too short to spend its time on that."""
        goodbye = self._service.limits.goodbye
        long_enough = self.record.expires_at - self.record.created_at >= 3 * goodbye
        return max(self.lasts - goodbye, 0.0) if long_enough else None

    async def is_ours(self, *, timeout: float) -> bool:
        """Whether the store knows of no later owner. One that does not answer in time knows of none."""
        self.journal.put()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self.journal.durable()
        return not self.journal.lost

    def resume_token(self, *, grace: float = 60.0) -> str | None:
        """A credential for taking up this session, and nothing else."""
        key = self._service.doorkeeper.keys.named(self.record.key_name)
        if key is None:
            return None
        return tokens.issue(key, use="resume", expires_at=self.expires_at + grace, session_id=self.record.id)

    def watching(self, hooks: Hooks, stages: Stages) -> Hooks:
        """`hooks` with ours before them: give these to the session on `stages`."""
        if self._service.options.metrics:
            hooks = self._service.meters.watching(hooks, stages)
        if traces := self._service.traces:
            hooks = traces.watching(hooks, stages, self.record)
        self.journal.redact = hooks.redact
        logs.redact(hooks.redact)
        before, after = hooks.on_notice, hooks.journal

        def begins(session: Session) -> None:
            self._session = session
            call_hook(hooks.on_session, session)

        def notice(notice: out.Notice) -> None:
            self._notice(notice)
            call_hook(before, notice)

        def step(now: float, event: ev.Event, actions: list[act.Action]) -> None:
            self._hooks.step(now, event, actions)
            if after:
                after(now, event, actions)

        async def before_tool(call: ToolCall) -> None:
            await self.journal.durable()
            if self.journal.lost:
                raise SessionClosed("another owner has this session now")
            if hooks.before_tool:
                await hooks.before_tool(call)

        async def stored() -> None:
            await self.journal.settled()
            if hooks.stored:
                await hooks.stored()

        return dataclasses.replace(
            hooks, on_session=begins, on_notice=notice, journal=step, before_tool=before_tool, stored=stored
        )

    def asking(self, options: SessionOptions) -> SessionOptions:
        """`options` of the session, with a line that tells of the recording only where there is one. Nothing is
        recorded before it was heard to its end; where somebody stops it, nothing is at all."""
        line = options.settings.consent_line
        if self._recorder and not self._consented:
            self._consent_line = line
            return options
        return dataclasses.replace(options, settings=dataclasses.replace(options.settings, consent_line=""))

    def caller_audio(self, data: bytes) -> None:
        """What the caller's microphone heard, in the input format."""
        if self._recorder and not self._consent_line:
            self._recorder.caller(data)

    def agent_audio(self, data: bytes) -> None:
        """What the agent says, as it is sent, in the output format."""
        if self._recorder and not self._consent_line:
            self._recorder.agent(data)

    def configured(self, settings: Settings) -> None:
        """The client has changed its session."""
        if self._recorder:
            self._recorder.configure(input=to_config(settings).input_format)
        self._settings = settings
        entry = to.Configured(at=self.journal.ms, config=settings.session)
        self.journal.put(entry, settings=msgspec.msgpack.encode(settings))

    async def close(self, reason: str) -> None:
        """The session is over, and will not be resumed. Closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        self._service.leave(self.record.id)
        reason, now = self._reason or reason, self._service.now()
        if recorder := self._recorder:
            await recorder.close()
            self.journal.put(to.Recorded(at=self.journal.ms, chunks=recorder.chunks, dropped=recorder.dropped))
        self.journal.put(ended_at=now, close_reason=reason)
        await self.journal.close()
        if self._recorder and (self._deleted or self._consent_line or reason == DELETED):
            self._recorder.path.unlink(missing_ok=True)
        self._tell(
            "session.completed", public_close_reason=reason, duration_seconds=round(now - self.record.created_at, 3)
        )

    async def release(self) -> None:
        """Another process may go on with the session: what is known of it is in the store."""
        if self._closed:
            return
        self._closed = True
        self._service.leave(self.record.id)
        if self._recorder:
            await self._recorder.close()
        await self.journal.close()

    def _lost(self, error: StoreError) -> None:
        self._deleted = isinstance(error, SessionMissing)
        self.on_lost(error)

    def _notice(self, notice: out.Notice) -> None:
        if isinstance(notice, out.SessionEnded):
            self._reason = notice.reason
        elif isinstance(notice, out.AgentTranscript) and not notice.interrupted:
            self._heard(notice.text)
        self._hooks.notice(notice)

    def _heard(self, text: str) -> None:
        if self._consent_line and text.strip() == self._consent_line.strip():
            self._consent_line = ""
            self.journal.put(to.Consented(at=self.journal.ms))

    def _standing(self) -> dict[str, Any]:
        """What another process would need to go on, beside the journal."""
        if self._session is None:
            return {}
        reply_id, samples = self._session.heard
        unfinished = self._session.unfinished()
        if redact := self.journal.redact:
            unfinished = recall.without_secrets(unfinished, redact)
        state = msgspec.msgpack.encode(unfinished)
        return {"state": state, "heard_reply": reply_id, "heard_samples": samples}

    def _tell(self, event: str, **more: Any) -> None:
        self._service.webhooks.tell(
            event,
            account=self.record.account,
            session_id=self.record.id,
            agent_id=self.record.agent_id,
            hook=self._settings.webhook,
            **more,
        )


def recordings_of(folder: Path, session_id: str) -> list[Path]:
    """Every part of a session's recording that is there."""
    return [*folder.glob(f"{session_id}.ogg"), *folder.glob(f"{session_id}.*.ogg")]


def recording_path(folder: Path, session_id: str, *, epoch: int = 1) -> Path:
    """Where the recording of a session is, or would be: of its first owner's part. Each later owner has a file too."""
    return folder / (f"{session_id}.ogg" if epoch == 1 else f"{session_id}.{epoch}.ogg")
