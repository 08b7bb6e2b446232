"""One WebSocket of a door: its protocol on one side, a session on the other, and both end together."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
from starlette.websockets import WebSocket

from antiphon.conversation.notices import Notice
from antiphon.errors import AntiphonError, ProtocolError
from antiphon.protocols.doors import Answer, Begin, Change, Command, Digit, Door
from antiphon.protocols.voice_agent import commands, new_id, refusals
from antiphon.protocols.voice_agent.config import Session as Wanted
from antiphon.protocols.voice_agent.config import Settings, changed_field, merge, to_config
from antiphon.server.connection import CLOSE_TIMEOUT, READY_TIMEOUT
from antiphon.server.doors.lodger import Lodger
from antiphon.server.outbox import Outbox
from antiphon.server.pulse import pulse_of
from antiphon.server.runtime import Runtime
from antiphon.server.service import Service
from antiphon.server.visit import Visit
from antiphon.session.session import Session
from antiphon.tools.base import Tool

log = logging.getLogger("antiphon.server")


class DoorConnection:
    """Serves one caller. A door with needs of its own has a class of this kind."""

    def __init__(self, websocket: WebSocket, runtime: Runtime, service: Service, door: Door) -> None:
        self._websocket = websocket
        self._runtime = runtime
        self._service = service
        self._door = door
        self._visit = Visit(service, on_late=self._late, on_quiet=self._quiet)
        self._outbox = Outbox(websocket, on_drained=self._drained)
        self._lodger: Lodger | None = None
        self._settings = self.new_settings()

    @staticmethod
    def new_settings() -> Settings:
        return Settings(session=Wanted(id=new_id("sess")))

    async def serve(self) -> None:
        """Runs the connection, and the session, to their end."""
        await self._accept()
        writer = asyncio.create_task(self._outbox.run(), name="writer")
        try:
            await self._enter()
            await self._read()
        except ProtocolError as error:
            self._refuse(error)
        finally:
            await self._finish(writer)

    @property
    def session(self) -> Session | None:
        return self._lodger.session if self._lodger else None

    # --- what a door may do in its own way ------------------------------------------------------------------------

    async def _accept(self) -> None:
        await self._websocket.accept()

    async def _enter(self) -> None:
        """The connection is there. Raises ProtocolError."""

    def _tools(self) -> tuple[Tool, ...]:
        """What the door itself lets the agent do."""
        return ()

    def _pressed(self, key: str) -> None:
        """The caller pressed a key of the telephone."""

    def _told(self, notice: Notice) -> None:
        """The session tells something, and the caller is there."""

    # --- limits ---------------------------------------------------------------------------------------------------

    def _drained(self) -> None:
        if self.session:
            self.session.drained()

    def _late(self) -> None:
        late = refusals.out_of_order("no session was asked for in time")
        late.fatal = True
        self._refuse(late)

    def _quiet(self) -> None:
        if self.session:
            self.session.farewell("idle_timeout", line=self._runtime.blueprint.options.settings.goodbye_line)

    # --- what comes in --------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            await self._visit.message()
            data = message.get("text")
            try:
                for command in self._door.receive(data if data is not None else message.get("bytes") or b""):
                    await self._obey(command)
            except ProtocolError as error:
                self._refuse(error)

    def _refuse(self, error: ProtocolError) -> None:
        log.info("%s: %s", self._websocket.scope.get("path", ""), error.code)
        for message in self._door.error(error):
            self._outbox.put(message)
        if (code := self._door.close_code(error)) is not None:
            self._outbox.close(code)

    async def _obey(self, command: Command) -> None:
        if isinstance(command, Begin):
            await self._begin(command)
        elif isinstance(command, Answer):
            for message in command.messages:
                self._outbox.put(message)
        elif (session := self.session) is not None:
            self._tell(session, command)
        elif isinstance(command, commands.End):
            self._outbox.close(refusals.CLOSE_NORMAL)

    def _tell(self, session: Session, command: Command) -> None:
        match command:
            case commands.Audio(data):
                if self._visit.audio(data):
                    session.audio(data)
            case Change(fields):
                self._change(session, fields)
            case Digit(key):
                self._pressed(key)
            case commands.ToolResult(call_id, result, is_error):
                session.tool_result(call_id, result, is_error=is_error)
            case commands.CreateReply(instructions):
                session.reply(instructions)
            case commands.CancelReply(reply_id):
                session.interrupt(reply_id or None)
            case commands.AddMessage(role, content):
                session.add_message(role, content)
            case commands.PlayoutPosition(reply_id, samples):
                session.played(reply_id, samples)
            case commands.End():
                if self._lodger:
                    self._lodger.leave()

    def _change(self, session: Session, fields: dict[str, Any]) -> None:
        """Raises ProtocolError."""
        settings = merge(self._settings, fields)
        if field := changed_field(self._settings.session, settings.session):
            raise refusals.immutable_field(field)
        self._settings = settings
        session.update(to_config(settings))
        self._visit.configured(settings)
        for message in self._door.opened(settings):
            self._outbox.put(message)

    async def _begin(self, begin: Begin) -> None:
        """Raises ProtocolError, fatal."""
        if begin.ticket is not None:
            await self._visit.admit_by(begin.ticket)
        await self._wait_until_ready()
        session_id = self._settings.session.id
        settings, found = merge(self._settings, self._runtime.blueprint.defaults), dict[str, Any]()
        if begin.agent_id:
            stored, found = await self._visit.agent(begin.agent_id, session_id=session_id, facts=begin.facts)
            if stored is None:
                raise refusals.agent_not_found()
            settings = merge(settings, stored)
        settings = merge(settings, begin.session)
        self._settings = msgspec.structs.replace(settings, context={**begin.facts, **found})
        own = await self._visit.own(begin.agent_id, found)
        booking = await self._visit.book(self._settings, agent_id=begin.agent_id)
        self._lodger = Lodger(
            to_config(self._settings),
            self._outbox,
            self._door,
            booking=booking,
            blueprint=self._runtime.blueprint,
            tools=(*self._runtime.tools, *self._tools()),
            own=own,
            pulse=pulse_of(self._websocket),
            on_notice=self._told,
        )
        for message in self._door.opened(self._settings):
            self._outbox.put(message)
        self._service.park.add(self._lodger)
        await asyncio.sleep(0)  # it begins; what came along with the request for it comes after that

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
        if self._lodger:
            self._lodger.leave()
        self._outbox.close(refusals.CLOSE_NORMAL)
        await asyncio.wait([writer], timeout=CLOSE_TIMEOUT)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
