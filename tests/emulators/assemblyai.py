"""AssemblyAI's streaming API, version 3, on the loopback interface."""

from __future__ import annotations

import json
from typing import Any

from tests.emulators.hearing import PAUSE, Hearing, Word, slices, text
from tests.emulators.websocket import Visit, WebSocketEmulator


class AssemblyAIServer(WebSocketEmulator):
    """Ends a turn at a pause, or when it is forced to. A turn's last word is not told before the turn is over, and the
    transcript grows with each partial. `unpunctuated` models repeat a final, formatted, if they are asked to."""

    farewells = ("Terminate",)

    async def converse(self, visit: Visit) -> None:
        if visit.headers.get("authorization") != self.key:
            return await self._refuse(visit, 1008, "Invalid API key")
        session = _Session(visit)
        model = visit.query.get("speech_model", "")
        if not model:
            return await self._refuse(visit, 3006, "User Input Validation Error: Invalid 'speech_model'")
        await visit.send(
            {
                "type": "Begin",
                "id": "00000000-0000-4000-8000-000000000001",
                "expires_at": 1_795_000_000,
                "configuration": {"model": model, "mode": visit.query.get("mode"), "api_version": "2025-05-12"},
            }
        )
        while (message := await visit.receive()) is not None:
            if isinstance(message, bytes):
                length = len(message) / 2 / session.rate
                if not 0.05 <= length <= 1.0:
                    wrong = f"Input Duration Error: Input Duration Violation: {length * 1000:.1f} ms"
                    return await self._refuse(visit, 3007, wrong)
                for piece in slices(message, session.rate):
                    await session.hear(piece)
            elif message.get("type") == "ForceEndpoint":
                await session.end()
            elif message.get("type") == "UpdateConfiguration":
                session.updates.append(message)
            elif message.get("type") == "Terminate":
                await session.end()
                seconds = int(session.hearing.seconds)
                await visit.send(
                    {"type": "Termination", "audio_duration_seconds": seconds, "session_duration_seconds": seconds}
                )
                return await visit.connection.close(1000, "Session Ended")
        return None

    async def fail(self, visit: Visit) -> None:
        await self._refuse(visit, 3005, "Session Cancelled: An error occurred")

    async def expire(self, visit: Visit) -> None:
        await self._refuse(visit, 3008, "Session Expired: maximum session duration exceeded")

    async def _refuse(self, visit: Visit, code: int, why: str) -> None:
        await visit.connection.send(json.dumps({"type": "Error", "error_code": code, "error": why}))
        await visit.connection.close(code, "See Error message for details")


class _Session:
    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.rate = int(visit.query["sample_rate"])
        self.hearing = Hearing(self.rate)
        self.updates: list[dict[str, Any]] = []
        self._formats = visit.query.get("format_turns", "").lower() == "true"
        self._universal_3 = visit.query["speech_model"].startswith(("universal-3", "u3-"))
        self._acknowledges = visit.query.get("acknowledge_silence") == "true"
        self._acknowledged = 0.0
        self._order = 0
        self._words: list[Word] = []  # of the open turn

    async def hear(self, pcm: bytes) -> None:
        self.hearing.feed(pcm)
        if words := self.hearing.take():
            if not self._words and self._universal_3:
                await self.visit.send({"type": "SpeechStarted", "timestamp": int(words[0].start * 1000)})
            self._words += words
            await self._turn()
        elif self._words and self.hearing.pause > PAUSE:
            await self.end()
        elif self._acknowledges and not self._words and self.hearing.seconds - self._acknowledged >= 1:
            start, self._acknowledged = self._acknowledged, self.hearing.seconds
            until = int(self._acknowledged * 1000)
            await self.visit.send({"type": "Silence", "start_ms": int(start * 1000), "end_ms": until})

    async def end(self) -> None:
        """Nothing is said where no turn is open."""
        self._words += self.hearing.take()
        if not self._words:
            return
        formatted = self._universal_3
        await self._turn(ended=True, formatted=formatted)
        if self._formats and not formatted:
            await self._turn(ended=True, formatted=True)
        self._order += 1
        self._words = []

    async def _turn(self, *, ended: bool = False, formatted: bool = False) -> None:
        transcript = text(self._words)
        await self.visit.send(
            {
                "type": "Turn",
                "turn_order": self._order,
                "turn_is_formatted": formatted,
                "end_of_turn": ended,
                "transcript": transcript.capitalize() + "." if formatted else transcript,
                "utterance": transcript if ended else "",
                "end_of_turn_confidence": 1.0 if ended else 0.0,
                "words": [
                    {
                        "text": word.text,
                        "start": int(word.start * 1000),
                        "end": int(word.end * 1000) + 240,  # they are late by that
                        "confidence": 0.9,
                        "word_is_final": ended,
                    }
                    for word in self._words
                ],
            }
        )
