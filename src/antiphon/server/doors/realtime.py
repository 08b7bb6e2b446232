"""`/v1/realtime`: OpenAI's Realtime API over a WebSocket."""

from __future__ import annotations

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from antiphon.conversation.notices import Notice, SpeechStarted
from antiphon.protocols.doors import Begin
from antiphon.protocols.realtime import RealtimeDoor
from antiphon.protocols.voice_agent import refusals
from antiphon.protocols.voice_agent.config import merge
from antiphon.server.doors.connection import DoorConnection
from antiphon.server.draining import refuse
from antiphon.server.runtime import Runtime
from antiphon.server.service import Service

SUBPROTOCOL = "realtime"
IN_SUBPROTOCOL = "openai-insecure-api-key."  # how web pages, which can set no header, show a token
UNPLAYED = 0.2  # seconds that a client is taken to hold, until it has told how much it has played


def routes(runtime: Runtime, service: Service) -> list[BaseRoute]:
    async def realtime(websocket: WebSocket) -> None:
        if service.draining:
            await refuse(websocket)
            return
        await service.open()
        await RealtimeConnection(websocket, runtime, service).serve()

    return [WebSocketRoute("/v1/realtime", realtime)]


class RealtimeConnection(DoorConnection):
    def __init__(self, websocket: WebSocket, runtime: Runtime, service: Service) -> None:
        settings = DoorConnection.new_settings()
        self._realtime = RealtimeDoor(
            merge(settings, runtime.blueprint.defaults),
            model=websocket.query_params.get("model", ""),
            voices=runtime.blueprint.stages.tts.capabilities.voices,
        )
        super().__init__(websocket, runtime, service, self._realtime)
        self._settings = settings
        self._agent_id = websocket.query_params.get("agent_id")
        self._tells = False  # the session knows that this client says how much it has played

    async def _accept(self) -> None:
        offered = self._websocket.scope.get("subprotocols", [])
        await self._websocket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)

    async def _enter(self) -> None:
        offered = self._websocket.scope.get("subprotocols", [])
        shown = [name.removeprefix(IN_SUBPROTOCOL) for name in offered if name.startswith(IN_SUBPROTOCOL)]
        if shown:
            if not self._service.doorkeeper.allows_origin(self._websocket):
                raise refusals.unauthorized()
            await self._visit.admit_by(shown[0])
        else:
            await self._visit.admit(self._websocket)
        for message in self._realtime.created():
            self._outbox.put(message)

    async def _begin(self, begin: Begin) -> None:
        await super()._begin(Begin(begin.session, agent_id=self._agent_id))

    def _told(self, notice: Notice) -> None:
        """A client that is interrupted says how much it has played, a moment later. The session waits for that only if
        it knows that it will come."""
        if not isinstance(notice, SpeechStarted) or self._tells or self.session is None:
            return
        reply_id, samples = self.session.heard
        if reply_id:
            self._tells = True
            rate = self.session.config.output_format.sample_rate
            self.session.played(reply_id, max(samples - int(UNPLAYED * rate), 0))
