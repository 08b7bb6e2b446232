"""A server on the loopback interface that speaks as OpenAI's realtime models do: responses outside the conversation."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import suppress
from typing import Any

from antiphon.audio.g711 import encode_ulaw
from tests.emulators.faults import Fault
from tests.emulators.voice import cut, speech
from tests.emulators.websocket import Visit, WebSocketEmulator


class OpenAIRealtimeSpeech(WebSocketEmulator):
    """`strays`: what it says instead of what it was told, and owns to in its transcript."""

    def __init__(self, fault: Fault | None = None, *, pace: float = 0.0) -> None:
        super().__init__(fault)
        self.pace = pace  # seconds between pieces
        self.texts: list[str] = []
        self.strays = ""
        self.stopped_at: float | None = None  # loop time at which a response was cancelled
        self._count = 0

    async def converse(self, visit: Visit) -> None:
        await self._tell(visit, "session.created", session={"type": "realtime", "id": "sess_1"})
        running: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while (message := await visit.receive()) is not None:
                assert isinstance(message, dict)
                if message["type"] == "session.update":
                    visit.session = message["session"]  # type: ignore[attr-defined]
                    await self._tell(visit, "session.updated", session=message["session"])
                elif message["type"] == "response.create":
                    self._count += 1
                    name = f"resp_{self._count}"
                    running[name] = tasks.create_task(self._respond(visit, name, message["response"]))
                elif message["type"] == "response.cancel":
                    self._cancel(running, message)
            for task in running.values():
                task.cancel()

    async def fail(self, visit: Visit) -> None:
        error = {"type": "server_error", "code": None, "message": "The server had an error.", "event_id": None}
        await visit.connection.send(json.dumps({"type": "error", "event_id": "event_0", "error": error}))

    async def expire(self, visit: Visit) -> None:
        error = {"type": "invalid_request_error", "code": "session_expired", "message": "Your session hit 60 minutes."}
        await visit.connection.send(json.dumps({"type": "error", "event_id": "event_0", "error": error}))
        await visit.connection.close(1001, "")

    def _cancel(self, running: dict[str, asyncio.Task[None]], message: dict[str, Any]) -> None:
        task = running[message["response_id"]]
        if not task.done():
            task.cancel()
            self.stopped_at = asyncio.get_running_loop().time()
            self.someone_left.set()

    async def _respond(self, visit: Visit, name: str, asked: dict[str, Any]) -> None:
        assert asked["conversation"] == "none"
        text = asked["input"][0]["content"][0]["text"]
        self.texts.append(text)
        about: dict[str, Any] = {"id": name, "object": "realtime.response", "metadata": asked.get("metadata")}
        status = "completed"
        try:
            await self._tell(visit, "response.created", response=about | {"status": "in_progress", "output": []})
            for piece in self._audio(visit, text):
                await asyncio.sleep(self.pace)
                await visit.send(
                    self._event("response.output_audio.delta", name, delta=base64.b64encode(piece).decode())
                )
            said = self.strays or text
            await visit.send(self._event("response.output_audio_transcript.delta", name, delta=said))
            await visit.send(self._event("response.output_audio.done", name))
        except asyncio.CancelledError:
            status = "cancelled"
        details = {"type": status, "reason": "client_cancelled"} if status == "cancelled" else {"type": status}
        with suppress(asyncio.CancelledError):
            await self._tell(visit, "response.done", response=about | {"status": status, "status_details": details})

    def _audio(self, visit: Visit, text: str) -> list[bytes]:
        output = visit.session["audio"]["output"]["format"]  # type: ignore[attr-defined]
        size = 333 if self.fault is Fault.ODD_BYTES else 4_800
        if output["type"] == "audio/pcmu":
            return cut(encode_ulaw(speech(text, 8_000)), size)
        return cut(speech(text, output["rate"]), size)

    def _event(self, kind: str, response_id: str, **fields: Any) -> dict[str, Any]:
        places = {"item_id": "item_1", "output_index": 0, "content_index": 0}
        return {"type": kind, "event_id": "event_1", "response_id": response_id} | places | fields

    async def _tell(self, visit: Visit, kind: str, **fields: Any) -> None:
        """What is no piece of an answer, and so comes before and after any fault."""
        await visit.connection.send(json.dumps({"type": kind, "event_id": "event_1"} | fields))
