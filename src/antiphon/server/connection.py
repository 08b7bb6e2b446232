"""One WebSocket: the protocol on one side, and on the other the session, which may outlive it."""

from __future__ import annotations

import asyncio
import logging

from starlette.websockets import WebSocket

from antiphon.errors import AntiphonError, ProtocolError
from antiphon.protocols.voice_agent import VoiceAgentProtocol, commands, refusals
from antiphon.server import logs, recall
from antiphon.server.booking import Booking
from antiphon.server.outbox import Outbox
from antiphon.server.own import Own
from antiphon.server.pulse import pulse_of
from antiphon.server.runtime import Runtime
from antiphon.server.service import Service
from antiphon.server.stay import Line, Stay
from antiphon.server.visit import Visit
from antiphon.session.makings import Past
from antiphon.session.session import Session
from antiphon.types import SessionConfig

log = logging.getLogger("antiphon.server")

CLOSE_TIMEOUT = 3.0  # seconds the last messages have to leave
READY_TIMEOUT = 30.0  # seconds a client waits for a server that is still loading
ABNORMAL = 1006  # the code of a connection that ended without a close frame


class Connection:
    """Serves one client."""

    def __init__(self, websocket: WebSocket, runtime: Runtime, service: Service) -> None:
        self._websocket = websocket
        self._runtime = runtime
        self._service = service
        self._visit = Visit(service, on_late=self._late, on_quiet=self._quiet)
        extensions = frozenset(filter(None, websocket.query_params.get("extensions", "").split(",")))
        blueprint = runtime.blueprint
        self._protocol = VoiceAgentProtocol(strict=blueprint.strict, extensions=extensions, defaults=blueprint.defaults)
        self._outbox = Outbox(websocket, on_drained=self._drained)
        self._line = Line(self._outbox, self._protocol, self._seen, pulse_of(websocket))
        self._stay: Stay | None = None
        self._closed_by_client = False  # it said goodbye to the socket, so it was there until then

    async def serve(self) -> None:
        """Runs the connection to its end. The session may outlive it."""
        await self._websocket.accept()
        writer = asyncio.create_task(self._outbox.run(), name="writer")
        try:
            await self._visit.admit(self._websocket)
            await self._read()
        except ProtocolError as error:
            self._refuse(error)
        finally:
            await self._finish(writer)

    @property
    def _session(self) -> Session | None:
        """The session, while this is its connection."""
        return self._stay.session if self._stay and self._stay.line is self._line else None

    def _drained(self) -> None:
        if self._session:
            self._session.drained()

    def _seen(self) -> float:
        """The loop's time of the client's last sign of life."""
        return max(self._visit.seen(), self._line.pulse.seen if self._line.pulse else 0.0)

    # --- limits ---------------------------------------------------------------------------------------------------

    def _late(self) -> None:
        late = refusals.out_of_order("no session.update or session.resume came in time")
        late.fatal = True
        self._refuse(late)

    def _quiet(self) -> None:
        if self._session:
            self._session.farewell("idle_timeout", line=self._runtime.blueprint.options.settings.goodbye_line)

    # --- what the client says -------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                self._closed_by_client = message.get("code") != ABNORMAL
                return
            await self._visit.message()
            data = message.get("text")
            try:
                if command := self._protocol.receive(data if data is not None else message.get("bytes") or b""):
                    await self._obey(command)
            except ProtocolError as error:
                self._refuse(error)

    def _refuse(self, error: ProtocolError) -> None:
        self._outbox.put(self._protocol.error(error))
        code = refusals.close_code(error)
        if code is not None:
            self._outbox.close(code)

    async def _obey(self, command: commands.Command) -> None:
        if self._stay is None:
            await self._before_session(command)
            return
        session = self._session
        if session is None:
            return  # another connection has it
        match command:
            case commands.Audio(data):
                if self._visit.audio(data):
                    session.audio(data)
            case commands.Configure(config=config):
                session.update(config)
                self._visit.configured(self._protocol.settings)
                self._outbox.put(self._protocol.session_updated())
            case commands.ToolResult(call_id, result, is_error):
                session.tool_result(call_id, result, is_error=is_error)
            case commands.CreateReply(instructions):
                session.reply(instructions)
            case commands.CancelReply(reply_id):
                session.interrupt(reply_id)
            case commands.AddMessage(role, content):
                session.add_message(role, content)
            case commands.PlayoutPosition(reply_id, samples):
                session.played(reply_id, samples)
            case commands.End():
                session.end("client_end")

    async def _before_session(self, command: commands.Command) -> None:
        match command:
            case commands.Configure():
                await self._open(command)
            case commands.BindAgent(agent_id):
                agent, context = await self._visit.agent(agent_id, session_id=self._protocol.session_id)
                await self._open(self._protocol.bind_agent(agent, context), agent_id=agent_id)
            case commands.Resume():
                await self._resume(command)
            case commands.End():
                self._outbox.put(self._protocol.session_ended(0.0))
                self._outbox.close(1000)

    async def _open(self, command: commands.Configure, *, agent_id: str | None = None) -> None:
        await self._wait_until_ready()
        own = await self._visit.own(agent_id, self._protocol.settings.context)
        booking = await self._visit.book(self._protocol.settings, agent_id=agent_id)
        self._begin(command.config, booking, own)

    async def _resume(self, wanted: commands.Resume) -> None:
        await self._wait_until_ready()
        if stay := await self._visit.find(wanted.session_id):
            away = stay.take(self._line, last_seq=wanted.last_seq)
            self._stay = stay
            logs.return_to(stay.place)
            self._visit.returned(stay.booking, self._protocol.settings, away=away)
        else:
            await self._take_over(wanted)

    async def _take_over(self, wanted: commands.Resume) -> None:
        """A session that another process began, and has no more."""
        booking, settings, entries = await self._visit.claim(wanted.session_id)
        try:
            own = await self._visit.own(booking.record.agent_id, settings.context)
        except ProtocolError:
            await booking.release()  # as it was
            raise
        self._protocol.resume(settings, last_seq=wanted.last_seq)
        config, record, now = self._protocol.config, booking.record, self._service.now()
        tools = (*own.tools, *self._runtime.tools)
        offered = {spec.name: spec for spec in (*config.tools, *(tool.spec for tool in tools))}
        past = recall.past(record, entries, config=config, offered=offered.values(), now=now)
        booking.go_on(past, entries)
        self._begin(config, booking, own, past)
        self._visit.returned(booking, settings, away=self._service.limits.resume_window)

    def _begin(self, config: SessionConfig, booking: Booking, own: Own, past: Past | None = None) -> None:
        self._stay = Stay(
            config,
            self._line,
            booking=booking,
            blueprint=self._runtime.blueprint,
            tools=self._runtime.tools,
            own=own,
            window=self._service.limits.resume_window,
            past=past,
        )
        self._service.park.add(self._stay)

    async def _wait_until_ready(self) -> None:
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                await self._runtime.ready()
        except (AntiphonError, TimeoutError) as error:
            raise ProtocolError(
                f"the agent could not be started: {error}", code="internal_error", fatal=True
            ) from error

    async def _finish(self, writer: asyncio.Task[None]) -> None:
        self._visit.leave()
        if self._stay:
            self._stay.leave(self._line, at=None if self._closed_by_client else self._seen())
        self._outbox.close(refusals.CLOSE_NORMAL)
        await asyncio.wait([writer], timeout=CLOSE_TIMEOUT)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
