"""A server on the loopback interface that speaks Cartesia's WebSocket: contexts, flushes, the times of words."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from tests.emulators.tts_contexts import ContextEmulator, Spoken
from tests.emulators.voice import length, words
from tests.emulators.websocket import Visit

EXPIRY = 1.0  # seconds without text or audio after which a context is gone


class CartesiaSpeech(ContextEmulator):
    async def heard(
        self, visit: Visit, message: dict[str, Any], contexts: dict[str, Spoken], tasks: asyncio.TaskGroup
    ) -> None:
        context_id = message["context_id"]
        if message.get("cancel"):
            if context := contexts.pop(context_id, None):
                context.task.cancel()
                self.cancel(context)
            return
        assert message["output_format"]["container"] == "raw" and message["voice"]["id"] and message["model_id"]
        context = self.context(visit, context_id, contexts, tasks)
        context.rate = message["output_format"]["sample_rate"]
        if message["transcript"].strip():
            self.asked(context, message["transcript"])
        if not message.get("continue"):
            context.texts.put_nowait(None)

    async def speak(self, visit: Visit, context: Spoken, text: str) -> None:
        text = text.rstrip()
        flush, rate = context.spoken + 1, context.rate
        around = {"context_id": context.id, "status_code": 206, "done": False, "flush_id": flush}
        times = words(text)
        await visit.send(
            around
            | {
                "type": "timestamps",
                "word_timestamps": {
                    "words": [word.text for word in times],
                    "start": [context.origin + word.start for word in times],
                    "end": [context.origin + word.end for word in times],
                },
            }
        )
        async for pcm, _ in self.pieces(text, rate):
            await visit.send(around | {"type": "chunk", "data": base64.b64encode(pcm).decode(), "step_time": 1.0})
        context.origin += length(text, rate) / rate
        await visit.send(around | {"type": "flush_done", "flush_done": True})

    async def over(self, visit: Visit, context: Spoken) -> None:
        await visit.send({"type": "done", "context_id": context.id, "status_code": 200, "done": True})

    async def fail(self, visit: Visit) -> None:
        context_id = visit.received[-1]["context_id"]
        said = {"title": "Server error", "message": "Something broke.", "error_code": "internal_server_error"}
        error = said | {"type": "error", "context_id": context_id, "status_code": 500, "done": True}
        await visit.send(error)

    async def expire(self, visit: Visit) -> None:
        await visit.connection.close(1001, "going away")
