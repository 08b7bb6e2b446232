"""One connection of the Voice Agent API, without the connection.

    text in  ──► receive() ──► a Command, None, or ProtocolError ──► error() ──► text out
                 send() ◄── a Notice of the session's                       ──► text out

The class knows the wire and its order, and nothing of sockets, clocks or audio. A connection goes through these phases:

    WAITING ──session.update──► CONFIGURED ──session_ready()──► READY ──session.end──► ENDED
       ├──session.update{agent_id}──► BINDING ──bind_agent()──► CONFIGURED
       └──session.resume──► RESUMING ──resume()──► CONFIGURED

A fatal error leads to ENDED too. Before READY audio is dropped without a word: clients in the field start their
microphone when the socket opens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Set
from enum import Enum, auto
from typing import Any

import msgspec
from msgspec import UNSET

from antiphon.conversation import notices
from antiphon.errors import ProtocolError
from antiphon.protocols.voice_agent import commands, events, legacy, messages, refusals, translate, webhook
from antiphon.protocols.voice_agent.config import (
    MERGED_FIELDS,
    PCM,
    SESSION_FIELDS,
    Session,
    Settings,
    changed_field,
    check_names,
    merge,
    to_config,
)
from antiphon.protocols.voice_agent.eventlog import EventLog, Told
from antiphon.protocols.voice_agent.ids import new_id
from antiphon.types import Cost, SessionConfig

EXTENSIONS = frozenset({"metrics", "playout", "seq"})


class Phase(Enum):
    WAITING = auto()  # for the first session.update or session.resume
    BINDING = auto()  # a stored agent is being looked up
    RESUMING = auto()  # a lost session is being looked up
    CONFIGURED = auto()  # the session is being opened
    READY = auto()  # audio counts
    ENDED = auto()  # nothing counts


class VoiceAgentProtocol:
    """The server's side of one connection.

    `strict` refuses what only older generations of clients send, and voices and languages the vendor does not have.
    `extensions` are the names the client asked for that are to be honoured (see EXTENSIONS); others are ignored.
    `defaults` is the `session` object that the client's first update is laid over; ProtocolError where it is wrong.
    `now` gives seconds of the epoch for the `timestamp` of every event.
    """

    def __init__(
        self,
        *,
        strict: bool = False,
        extensions: Set[str] = frozenset(),
        defaults: dict[str, Any] | None = None,
        session_id: str | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._strict = strict
        self._extensions = EXTENSIONS & extensions
        self._now = now

        # Where the connection stands. Changed by the methods on the arrows above, and by no other.
        self.phase = Phase.WAITING

        # All that outlives the connection: merged into by every update, echoed, given to the next one by a resume.
        start = Settings(session=Session(id=session_id or new_id("sess")))
        self.settings = merge(start, defaults or {})

        # Extension "seq": the numbered events of the session, which outlive the connection too. On a resume, the number
        # of the event after which this connection goes on: what opens it stands outside the numbering.
        self.log = EventLog() if "seq" in self._extensions else None
        self._goes_on_after: int | None = None
        self._replayed = False

        # Bytes of one sample of the input format. Looked at for every audio message, set with the settings.
        self._sample_bytes = 2

    @property
    def session_id(self) -> str:
        return self.settings.session.id

    @property
    def config(self) -> SessionConfig:
        """The session's present configuration, in Antiphon's own terms."""
        return to_config(self.settings)

    # What comes in

    def receive(self, data: str | bytes) -> commands.Command | None:
        """What one WebSocket message asks for; None where there is nothing to do. `bytes` is a binary frame.

        Raises ProtocolError, and nothing else, for everything the client may not send.
        """
        if not isinstance(data, str):
            raise refusals.invalid_audio("send audio as base64 in an input.audio message, not as binary frames")
        message = messages.read(data, strict=self._strict)
        if isinstance(message, messages.InputAudio):
            return self._receive_audio(message.audio)
        if self.phase is Phase.ENDED:
            return None
        match message:
            case messages.SessionUpdate():
                return self._receive_update(message.session or {})
            case messages.SessionResume():
                return self._receive_resume(message)
            case messages.SessionEnd():
                self.phase = Phase.ENDED
                return commands.End()
            case _:
                return self._receive_request(message)

    def bind_agent(self, fields: dict[str, Any] | None, context: dict[str, Any] | None = None) -> commands.Configure:
        """Answer to BindAgent: the stored agent as a `session` object, or None when there is no such agent. `context`
        is kept with the settings.

        Raises ProtocolError (`agent_not_found`, fatal).
        """
        if fields is None:
            raise refusals.agent_not_found()
        self._adopt(msgspec.structs.replace(merge(self.settings, fields), context=context or {}))
        self.phase = Phase.CONFIGURED
        return commands.Configure(config=self.config, first=True)

    def resume(
        self, settings: Settings | None, *, log: EventLog | None = None, last_seq: int | None = None
    ) -> list[Told] | None:
        """Answer to Resume: the `settings` of the lost connection, or None when the session cannot be had any more.

        `session_updated()` and `session_ready()` are due next. A client of the extension "seq" is then told what is
        returned, as it is: all it missed after `last_seq`, by the `log` of the lost connection. None: it must be told
        anew what is still open. Raises ProtocolError (`session_not_found`, fatal).
        """
        if settings is None:
            raise refusals.session_not_found()
        self._adopt(settings)
        self.phase = Phase.CONFIGURED
        if self.log is None:
            return None
        missed = log.after(last_seq) if log and last_seq is not None else None
        if log is None or missed is None:
            self.log = EventLog(last=max(last_seq or 0, log.last if log else 0))
        else:
            self.log = log
        self._replayed = missed is not None
        self._goes_on_after = self.log.last - len(missed or ())
        return missed

    # What goes out

    def send(self, notice: notices.Notice) -> str | None:
        """The text message for a notice; None when this client is not told."""
        if isinstance(notice, notices.ReplyAudio):  # first: fifty a second
            return self._tell(events.ReplyAudio(reply_id=notice.reply_id, data=notice.data, timestamp=self._now()))
        if isinstance(notice, notices.Endpointing | notices.ReplyMade):
            return None
        if isinstance(notice, notices.TurnMetrics | notices.ReplyCost) and "metrics" not in self._extensions:
            return None
        if isinstance(notice, notices.BargeIn):
            return None  # what becomes of it is told by its events
        if isinstance(notice, notices.SessionEnded):
            return self.session_ended(notice.duration, notice.cost)
        if isinstance(notice, notices.SessionFault):
            return self.error(ProtocolError(notice.message, code=notice.code, param=notice.param))
        return self._tell(translate.event(notice, now=self._now(), old_client=self.settings.old_client))

    def session_updated(self) -> str:
        """`session.updated` with the whole resolved configuration: due after every Configure."""
        return self._tell(events.SessionUpdated(config=self.settings.session, timestamp=self._now()))

    def session_ready(self, *, expires_at: int, resume_token: str | None = None) -> str:
        """`session.ready`: once on a connection, after `session.updated`. `expires_at` in seconds of the epoch."""
        ready = events.SessionReady(
            session_id=self.session_id,
            config=self.settings.session,
            expires_at=expires_at,
            resume_token=resume_token,
            replayed=UNSET if self._goes_on_after is None else self._replayed,
            timestamp=self._now(),
        )
        text = self._tell(ready)
        self.phase = Phase.READY
        return text

    def session_ended(self, duration: float, cost: Cost | None = None) -> str:
        """`session.ended`, the last message of a connection. `duration` of the session in seconds."""
        self.phase = Phase.ENDED
        told = cost.rounded() if cost and "metrics" in self._extensions else msgspec.UNSET
        return self._tell(events.SessionEnded(session_duration_seconds=duration, cost=told, timestamp=self._now()))

    def error(self, error: ProtocolError) -> str:
        """`session.error`. Close with `refusals.close_code(error)` afterwards where that is not None.

        After a fatal one nothing that still arrives counts. A code that the API does not have goes out as
        `internal_error`, with its own name in the message.
        """
        code, message = error.code, str(error)
        if code not in refusals.ERROR_CODES:
            code, message = refusals.ErrorCode.INTERNAL_ERROR, f"{error.code}: {message}"
        event = events.SessionError(code=code, message=message, timestamp=self._now())
        if code not in refusals.MESSAGE_CODES:
            session_id = None if code in refusals.CONNECT_CODES else self.session_id
            event = msgspec.structs.replace(event, param=error.param, session_id=session_id)
        text = self._tell(event)
        self.phase = Phase.ENDED if error.fatal else self.phase
        return text

    def _tell(self, event: events.Event) -> str:
        """The event as a text message, numbered if the client wants that and there is a session."""
        if self.log is None or self.phase in (Phase.WAITING, Phase.BINDING, Phase.RESUMING):
            return events.encode(event)
        if self.phase is Phase.CONFIGURED and self._goes_on_after is not None:
            msgspec.structs.force_setattr(event, "seq", self._goes_on_after)
            return events.encode(event)
        return self.log.add(event)

    # The rules

    def _receive_audio(self, data: bytes) -> commands.Audio | None:
        if self.phase is not Phase.READY or not data:
            return None
        if len(data) % self._sample_bytes:
            raise refusals.invalid_audio(f"16-bit samples need an even number of bytes, not {len(data)}")
        if data.startswith(b"RIFF") and data[8:12] == b"WAVE":
            raise refusals.invalid_audio("send the samples without the WAV header")
        return commands.Audio(data)

    def _receive_update(self, update: dict[str, Any]) -> commands.Configure | commands.BindAgent:
        if self.phase in (Phase.BINDING, Phase.RESUMING):
            raise refusals.out_of_order("session.update must wait for session.ready")
        first = self.phase is Phase.WAITING
        try:
            return self._update(update, first=first)
        except ProtocolError as error:
            error.fatal = first and error.code == refusals.ErrorCode.INVALID_VALUE
            raise

    def _update(self, update: dict[str, Any], *, first: bool) -> commands.Configure | commands.BindAgent:
        old_client = self.settings.old_client
        if not self._strict:
            old_client = old_client or legacy.speaks_old(update)
            update = legacy.modern_session(update)
        agent_id = _check_fields(update, first=first)
        if agent_id is not None:
            self.phase = Phase.BINDING
            return commands.BindAgent(agent_id)
        settings = merge(self.settings, {name: update[name] for name in update.keys() & MERGED_FIELDS})
        if not first and (field := changed_field(self.settings.session, settings.session)):
            raise refusals.immutable_field(field)
        if self._strict:
            check_names(settings.session)
        hook = settings.webhook
        if update.get("webhook") is not None:
            hook = webhook.read(update["webhook"], strict=self._strict)
        self._adopt(msgspec.structs.replace(settings, webhook=hook, old_client=old_client))
        self.phase = Phase.CONFIGURED if first else self.phase
        return commands.Configure(config=self.config, first=first)

    def _adopt(self, settings: Settings) -> None:
        self.settings = settings
        self._sample_bytes = 2 if isinstance(settings.session.input.format, PCM) else 1

    def _receive_resume(self, message: messages.SessionResume) -> commands.Resume:
        if self.phase is not Phase.WAITING:
            raise refusals.out_of_order("session.resume must be the first message of a connection")
        self.phase = Phase.RESUMING
        return commands.Resume(message.session_id, message.last_seq)

    def _receive_request(self, message: translate.Request) -> commands.Command:
        if isinstance(message, messages.PlayoutPositionMessage) and "playout" not in self._extensions:
            raise refusals.unknown_type("playout.position")
        if self.phase is Phase.WAITING:
            raise refusals.out_of_order("the first message must be session.update or session.resume")
        return translate.command(message)


def _check_fields(update: dict[str, Any], *, first: bool) -> str | None:
    """The rules about which fields may be there at all. Returns the id of a stored agent, if one is asked for."""
    if not update.keys() <= SESSION_FIELDS:
        raise refusals.invalid_message("session.update")
    if "greeting" in update and update["greeting"] is None:
        raise refusals.invalid_message("session.update")
    agent_id = update.get("agent_id")
    if agent_id is not None and not isinstance(agent_id, str):
        raise refusals.invalid_message("session.update")
    if agent_id is not None and not first:
        raise refusals.agent_id_not_first()
    if agent_id is not None and any(value is not None for name, value in update.items() if name != "agent_id"):
        raise refusals.agent_id_mixed()
    for name in ("llm", "pre_connect_requests"):
        if update.get(name):
            raise refusals.invalid_value(name, "only a stored agent may have this")
    return agent_id
