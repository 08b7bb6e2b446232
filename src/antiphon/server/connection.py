"""One WebSocket: the protocol on one side, the session on the other, and one writer between."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from antiphon.conversation.notices import Notice, SessionEnded
from antiphon.errors import AntiphonError, ProtocolError
from antiphon.protocols.voice_agent import VoiceAgentProtocol, commands, refusals
from antiphon.server.runtime import Runtime
from antiphon.server.service import Service
from antiphon.server.visit import Visit, hide_token
from antiphon.session.session import Session

log = logging.getLogger("antiphon.server")

FRAMES_AHEAD = 2  # messages waiting to be written above which no more audio is made
BACKLOG = 2_000  # messages waiting to be written at which a reader is too slow to serve
CLOSE_TIMEOUT = 3.0  # seconds the last messages have to leave
READY_TIMEOUT = 30.0  # seconds a client waits for a server that is still loading
EXPIRED = "max_duration"  # why a session ended that lasted as long as it may


class Outbox:
    """The one writer of a socket. `put` never blocks; what is put is written in order, by `run`."""

    def __init__(self, websocket: WebSocket, *, on_drained: Callable[[], None]) -> None:
        self._websocket = websocket
        self._on_drained = on_drained
        self._waiting: deque[str] = deque()
        self._more = asyncio.Event()
        self.congested = False  # more is waiting than should be when audio is sent
        self._closing: int | None = None  # the close code, once nothing more will be put

    def put(self, text: str) -> None:
        if self._closing is not None:
            return
        self._waiting.append(text)
        self._more.set()
        self.congested = len(self._waiting) > FRAMES_AHEAD
        if len(self._waiting) > BACKLOG:
            log.warning("closing a connection whose peer does not read")
            self.abandon(1008)

    def close(self, code: int) -> None:
        """Closes the socket once all that was put is written."""
        if self._closing is None:
            self._closing = code
            self._more.set()

    def abandon(self, code: int) -> None:
        """Closes the socket and drops what is waiting."""
        self._waiting.clear()
        self.congested = False
        self.close(code)

    async def run(self) -> None:
        """Writes until the socket is closed, by us or by the peer."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            while True:
                while self._waiting:
                    await self._websocket.send({"type": "websocket.send", "text": self._waiting.popleft()})
                    if self.congested and len(self._waiting) <= FRAMES_AHEAD:
                        self.congested = False
                        self._on_drained()
                if self._closing is not None:
                    await self._websocket.close(self._closing)
                    return
                self._more.clear()
                await self._more.wait()
        self.abandon(1006)


class Connection:
    """Serves one client. It is the session's Peer."""

    def __init__(self, websocket: WebSocket, runtime: Runtime, service: Service) -> None:
        self._websocket = websocket
        self._runtime = runtime
        self._visit = Visit(service, on_late=self._late, on_quiet=self._quiet, on_expired=self._expired)
        extensions = frozenset(filter(None, websocket.query_params.get("extensions", "").split(",")))
        blueprint = runtime.blueprint
        self._protocol = VoiceAgentProtocol(strict=blueprint.strict, extensions=extensions, defaults=blueprint.defaults)
        self._outbox = Outbox(websocket, on_drained=self._drained)
        self._session: Session | None = None
        self._running: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Runs the connection to its end, and the session with it."""
        hide_token(self._websocket)
        await self._websocket.accept()
        writer = asyncio.create_task(self._outbox.run(), name="writer")
        try:
            await self._visit.admit(self._websocket)
            await self._read()
        except ProtocolError as error:
            self._refuse(error)
        finally:
            await self._finish(writer)

    # --- Peer -----------------------------------------------------------------------------------------------------

    def send(self, notice: Notice) -> None:
        if text := self._protocol.send(notice):
            self._outbox.put(text)
        if isinstance(notice, SessionEnded):
            self._outbox.close(refusals.CLOSE_REFUSED if notice.reason == EXPIRED else refusals.CLOSE_NORMAL)

    @property
    def congested(self) -> bool:
        return self._outbox.congested

    def _drained(self) -> None:
        if self._session:
            self._session.drained()

    # --- limits ---------------------------------------------------------------------------------------------------

    def _late(self) -> None:
        late = refusals.out_of_order("no session.update or session.resume came in time")
        late.fatal = True
        self._refuse(late)

    def _quiet(self) -> None:
        if self._session:
            self._session.end("idle_timeout")

    def _expired(self) -> None:
        if self._session:
            self._outbox.put(self._protocol.error(refusals.session_expired()))
            self._session.end(EXPIRED)

    # --- what the client says -------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
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
        session = self._session
        if session is None:
            await self._before_session(command)
            return
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
                agent = await self._visit.agent(agent_id)
                await self._open(self._protocol.bind_agent(agent), agent_id=agent_id)
            case commands.Resume():
                self._protocol.resume(None)
            case commands.End():
                self._outbox.put(self._protocol.session_ended(0.0))
                self._outbox.close(1000)

    async def _open(self, command: commands.Configure, *, agent_id: str | None = None) -> None:
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                await self._runtime.ready()
        except (AntiphonError, TimeoutError) as error:
            raise ProtocolError(
                f"the agent could not be started: {error}", code="internal_error", fatal=True
            ) from error
        tools = await self._visit.agent_tools(agent_id)
        booking = await self._visit.book(self._protocol.settings, agent_id=agent_id)
        blueprint = self._runtime.blueprint
        self._session = session = Session(
            command.config,
            session_id=self._protocol.session_id,
            stages=blueprint.stages,
            peer=self,
            tools=(*tools, *self._runtime.tools),
            hooks=booking.watching(blueprint.hooks),
            options=blueprint.options,
        )
        self._outbox.put(self._protocol.session_updated())
        self._outbox.put(
            self._protocol.session_ready(expires_at=int(booking.expires_at), resume_token=booking.resume_token())
        )
        booking.on_lost = lambda: session.end("lost")
        self._running = asyncio.create_task(session.run(), name=f"session:{self._protocol.session_id}")

    async def _finish(self, writer: asyncio.Task[None]) -> None:
        if self._session and self._running:
            self._session.end("disconnected")
            await asyncio.wait([self._running], timeout=CLOSE_TIMEOUT)
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self._visit.leave("disconnected")
        self._outbox.close(1000)
        await asyncio.wait([writer], timeout=CLOSE_TIMEOUT)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
