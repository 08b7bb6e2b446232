"""A server on the loopback interface that speaks both multi-context wires of ElevenLabs."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from tests.emulators.tts_contexts import ContextEmulator, Spoken
from tests.emulators.voice import CHARACTER
from tests.emulators.websocket import Visit

MOST = 5  # contexts at once on a socket


class ElevenLabsSpeech(ContextEmulator):
    """As the vendor does, it speaks on after a context was closed, and ends it then. `alignment` False: no times."""

    alignment = True
    normalized = ""  # spoken instead of the text, which the alignment then does not fit

    async def heard(
        self, visit: Visit, message: dict[str, Any], contexts: dict[str, Spoken], tasks: asyncio.TaskGroup
    ) -> None:
        context_id = message["context_id"]
        known = context_id in contexts
        if message.get("close_context"):
            if known:
                self._close_context(contexts[context_id])
            return
        text = self._text(visit, message, known)
        if not known and len(contexts) == MOST:
            await visit.send({"error": "max_active_conversations", "message": "Maximum exceeded (5).", "code": 1008})
            await visit.connection.close(1008, "Maximum simultaneous contexts per WebSocket connection exceeded (5).")
            return
        context = self.context(visit, context_id, contexts, tasks)
        if text.strip():
            self.asked(context, text)

    async def speak(self, visit: Visit, context: Spoken, text: str) -> None:
        assert text.endswith(" ")
        rate = int(visit.query["output_format"].removeprefix("pcm_"))
        said = self.normalized or text.rstrip()
        async for pcm, begins in self.pieces(text.rstrip(), rate):
            chars = [said[place] for place in begins if place < len(said)]
            starts = [round(1000 * start) for start in begins.values()][: len(chars)]
            if len(text) - 2 in begins:
                chars, starts = [*chars, " "], [*starts, round(500 * len(pcm) / rate)]
            await visit.send(self._audio(visit, context, pcm, chars, starts))

    async def over(self, visit: Visit, context: Spoken) -> None:
        if self._dialogue(visit):
            await visit.send({"is_final": True, "context_id": context.id})
        else:
            await visit.send({"isFinal": True, "contextId": context.id})

    async def fail(self, visit: Visit) -> None:
        await visit.connection.send('{"error": "something_went_wrong", "message": "Try again.", "code": 1011}')

    async def expire(self, visit: Visit) -> None:
        await visit.connection.close(1008, "the session has lasted too long")

    def _close_context(self, context: Spoken) -> None:
        if context.spoken < context.asked:
            self.cancel(context)
        context.texts.put_nowait(None)

    def _text(self, visit: Visit, message: dict[str, Any], known: bool) -> str:
        """The text of a message, which is checked against the rules of the wire."""
        if not self._dialogue(visit):
            assert known or message["text"] == " ", "a context begins with a space"
            return str(message["text"])
        assert known or message["voices"], "a context begins with its voices"
        return "".join(line["text"] for line in message.get("inputs", ()))

    def _audio(self, visit: Visit, context: Spoken, pcm: bytes, chars: list[str], starts: list[int]) -> dict[str, Any]:
        audio = base64.b64encode(pcm).decode()
        durations = [round(1000 * CHARACTER)] * len(chars)
        if self._dialogue(visit):
            times: dict[str, Any] = {"chars": chars, "char_start_times_ms": starts, "char_durations_ms": durations}
            return {"audio": audio, "alignment": times if self.alignment else None, "context_id": context.id}
        times = {"chars": chars, "charStartTimesMs": starts, "charDurationsMs": durations}
        alignment = times if self.alignment else None
        return {"audio": audio, "alignment": alignment, "normalizedAlignment": alignment, "contextId": context.id}

    def _dialogue(self, visit: Visit) -> bool:
        return visit.path.startswith("/v1/text-to-dialogue/")
