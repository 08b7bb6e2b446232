"""Deepgram's /v2/listen (Flux) and /v1/listen (Nova) on the loopback interface."""

from __future__ import annotations

from typing import Any

from websockets.http11 import Request

from tests.emulators.hearing import Hearing, Word, slices, text
from tests.emulators.websocket import Visit, WebSocketEmulator

REQUEST = "00000000-0000-4000-8000-000000000002"
EAGER, OVER = 0.15, 0.4  # seconds of a pause after which Flux takes a turn to be likely over, and over
UPDATES = 0.25  # seconds of audio between two updates of Flux
ENDPOINTING = 0.3  # seconds of a pause that end a stretch of Nova
STRETCH = 1.0  # seconds of audio between two results of Nova


class DeepgramServer(WebSocketEmulator):
    farewells = ("CloseStream",)

    def refusal(self, request: Request) -> int | None:
        if request.headers.get("authorization") not in (f"Token {self.key}", f"token {self.key}"):
            return 401
        return None if "model=" in request.path else 400

    async def converse(self, visit: Visit) -> None:
        if visit.path == "/v2/listen":
            await _Flux(visit).converse()
        else:
            await _Nova(visit).converse()

    async def fail(self, visit: Visit) -> None:
        error = {"type": "Error", "sequence_id": 9, "code": "INTERNAL_SERVER_ERROR", "description": "Oh dear."}
        await visit.send(error | {"variant": "INTERNAL_SERVER_ERROR", "request_id": REQUEST})
        await visit.connection.close(1011, "INTERNAL_SERVER_ERROR")

    async def expire(self, visit: Visit) -> None:
        await visit.connection.close(1011, "NET-0001: the session has timed out")


class _Flux:
    """Ends a turn at a pause, or when it is forced to; `ForceEndTurn` without a turn is ignored."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.hearing = Hearing(int(visit.query["sample_rate"]))
        self.eager = "eager_eot_threshold" in visit.query
        self._sequence = 0
        self._turn = 0
        self._words: list[Word] = []
        self._awaits_end = False
        self._told = 0.0  # seconds of audio at the last message

    async def converse(self) -> None:
        await self._send({"type": "Connected", "request_id": REQUEST})
        while (message := await self.visit.receive()) is not None:
            if isinstance(message, bytes):
                for piece in slices(message, self.hearing.rate):
                    await self._hear(piece)
            elif message["type"] == "ForceEndTurn" and (self._words or self.hearing.waiting):
                self._words += self.hearing.take()
                await self._end("manual")
            elif message["type"] == "CloseStream":
                return

    async def _hear(self, pcm: bytes) -> None:
        self.hearing.feed(pcm)
        if words := self.hearing.take():
            if self._awaits_end:
                self._awaits_end = False
                await self._tell("TurnResumed")
            began = not self._words
            self._words += words
            await self._tell("StartOfTurn" if began else "Update")
        elif self._words and self.hearing.pause > OVER:
            await self._end("model")
        elif self._words and self.eager and not self._awaits_end and self.hearing.pause > EAGER:
            self._awaits_end = True
            await self._tell("EagerEndOfTurn")
        elif self.hearing.seconds - self._told >= UPDATES:
            await self._tell("Update")

    async def _end(self, trigger: str) -> None:
        await self._tell("EndOfTurn", trigger=trigger)
        self._turn += 1
        self._words, self._awaits_end = [], False

    async def _tell(self, event: str, **fields: Any) -> None:
        self._told = self.hearing.seconds
        await self._send(
            {
                "type": "TurnInfo",
                "request_id": REQUEST,
                "event": event,
                "turn_index": self._turn,
                "audio_window_start": 0.0,
                "audio_window_end": round(self._told, 3),
                "transcript": text(self._words),
                "words": [
                    {"word": word.text, "confidence": 0.9, "start": word.start, "end": word.end} for word in self._words
                ],
                "end_of_turn_confidence": 0.9 if event == "EndOfTurn" else 0.1,
                **fields,
            }
        )

    async def _send(self, message: dict[str, Any]) -> None:
        self._sequence += 1
        await self.visit.send(message | {"sequence_id": self._sequence - 1})


class _Nova:
    """Tells a stretch of audio with each word and each second, and settles it at a pause or when told to."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.hearing = Hearing(int(visit.query["sample_rate"]))
        self._start = 0.0  # of the stretch under way
        self._told = 0.0
        self._words: list[Word] = []

    async def converse(self) -> None:
        while (message := await self.visit.receive()) is not None:
            if isinstance(message, bytes):
                for piece in slices(message, self.hearing.rate):
                    await self._hear(piece)
            elif message["type"] == "Finalize":
                self._words += self.hearing.take()
                await self._tell(is_final=True, from_finalize=True)
            elif message["type"] == "CloseStream":
                await self._tell(is_final=True)
                await self.visit.send(
                    {
                        "type": "Metadata",
                        "transaction_key": "deprecated",
                        "request_id": REQUEST,
                        "sha256": "0" * 64,
                        "created": "2026-11-23T12:00:00Z",
                        "duration": self.hearing.seconds,
                        "channels": 1,
                    }
                )
                return

    async def _hear(self, pcm: bytes) -> None:
        self.hearing.feed(pcm)
        words = self.hearing.take()
        self._words += words
        if self._words and self.hearing.pause > ENDPOINTING:
            await self._tell(is_final=True, speech_final=True)
        elif words or self.hearing.seconds - self._told >= STRETCH:
            await self._tell()

    async def _tell(self, *, is_final: bool = False, speech_final: bool = False, from_finalize: bool = False) -> None:
        self._told = self.hearing.seconds
        spoken = [{"word": word.text, "start": word.start, "end": word.end, "confidence": 0.9} for word in self._words]
        await self.visit.send(
            {
                "type": "Results",
                "channel_index": [0, 1],
                "start": self._start,
                "duration": self._told - self._start,
                "is_final": is_final,
                "speech_final": speech_final,
                "from_finalize": from_finalize,
                "channel": {"alternatives": [{"transcript": text(self._words), "confidence": 0.9, "words": spoken}]},
                "metadata": {
                    "request_id": REQUEST,
                    "model_info": {"name": "general-nova-3", "version": "2026-01-01.0", "arch": "nova-3"},
                    "model_uuid": REQUEST,
                },
            }
        )
        if is_final:
            self._start, self._words = self._told, []
