"""A server on the loopback interface with the manners of AssemblyAI's hosted Voice Agent API, as they were observed.

What sets it apart from ours: every upgrade succeeds, and a wrong key is told after it; nothing is sent before the first
message; no extension is known, and an unknown message is an error; replies are paced in real time and begin with
silence; the words of a reply come in one burst. It understands tones (see `hearing`), and answers each utterance with
a tone. Source: the Voice Agent API reference, where it tells what was seen on the wire.
"""

from __future__ import annotations

import asyncio
import base64
import time
from contextlib import suppress
from typing import Any

from tests.client.sound import quiet, speech
from tests.emulators.hearing import Hearing
from tests.emulators.websocket import Visit, WebSocketEmulator

RATE = 24_000  # Hz, both ways
CHUNK = 480  # bytes of a reply.audio: 10 ms
COMMIT = 0.5  # seconds of quiet after which a turn is over
SILENCE = 0.2  # seconds before a reply is heard
KNOWN = {
    "session.update", "session.resume", "session.end", "input.audio", "tool.result", "reply.create",
    "conversation.message",
}  # fmt: skip
FIELDS = {"agent_id", "system_prompt", "greeting", "input", "output", "tools", "llm", "pre_connect_requests", "webhook"}
VOICES = ("anna", "alba", "charles", "george", "vera")


class HostedAgent(WebSocketEmulator):
    """One answer for every utterance. `problems` lists what the vendor would have taken amiss."""

    def __init__(self, *, key: str = "key", answer: str = "It is sunny.") -> None:
        super().__init__(key=key)
        self.answer = answer
        self.problems: list[str] = []
        self.updates: list[dict[str, Any]] = []
        self._ids = 0

    async def converse(self, visit: Visit) -> None:
        if visit.headers.get("Authorization", "").removeprefix("Bearer ") != self.key:
            await self._error(visit, "unauthorized", "Authentication failed", session_id=None, param=None)
            await visit.connection.close(1008)
            return
        hearing, began, ready = Hearing(RATE), time.time(), False
        speaking: asyncio.Task[None] | None = None
        words: list[str] = []
        while isinstance(message := await visit.receive(), dict):
            kind = message.get("type")
            if kind == "session.update" and not ready:
                if not await self._configure(visit, message["session"]):
                    return
                ready = True
                if greeting := message["session"].get("greeting"):
                    speaking = asyncio.create_task(self._reply(visit, greeting))
            elif kind == "input.audio" and ready:
                hearing.feed(base64.b64decode(message["audio"], validate=True))
                for word in hearing.take():
                    if not words:
                        await self._tell(visit, "input.speech.started")
                    words.append(word.text)
                    await self._tell(visit, "transcript.user.delta", item_id="msg_1", text=" ".join(words))
                if words and hearing.pause > COMMIT:
                    await self._tell(visit, "input.speech.stopped")
                    await self._tell(visit, "transcript.user", item_id="msg_1", text=" ".join(words))
                    words = []
                    speaking = asyncio.create_task(self._reply(visit, self.answer))
            elif kind == "session.end":
                await self._tell(
                    visit, "session.ended", session_duration_seconds=time.time() - began, audio_duration_seconds=None
                )
                break
            elif kind not in KNOWN:
                self.problems.append(f"unknown message {kind}")
                await self._error(visit, "invalid_format", f"Unknown message type: {kind}")
        if speaking is not None:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    async def _configure(self, visit: Visit, session: dict[str, Any]) -> bool:
        """Opens the session; False if it is refused, which ends the connection."""
        self.updates.append(session)
        self.problems += [f"unknown field {name}" for name in session.keys() - FIELDS]
        self.problems += [f"null {name}" for name, value in session.items() if value is None]
        voice = session.get("output", {}).get("voice")
        wrong = None
        if "agent_id" in session and len(session) > 1:
            wrong = ("agent_id", "agent_id is mutually exclusive with other session fields")
        elif voice is not None and voice not in VOICES:
            wrong = ("output.voice", f"voice must be one of {', '.join(VOICES)}")
        if wrong:
            await self._error(visit, "invalid_value", wrong[1], session_id="sess_1", param=wrong[0])
            await visit.connection.close(1008)
            return False
        config = {"id": "sess_1", "greeting": session.get("greeting"), "tools": [], "llm": []}
        await self._tell(visit, "session.updated", config=config)
        await asyncio.sleep(0.015)
        expires_at = int(time.time()) + 3595
        await self._tell(visit, "session.ready", session_id="sess_1", config=config, expires_at=expires_at)
        return True

    async def _reply(self, visit: Visit, text: str) -> None:
        self._ids += 1
        about = {"reply_id": f"resp_{self._ids:032x}", "item_id": f"msg_{self._ids:032x}"}
        await self._tell(visit, "reply.started", **about)
        pcm = quiet(SILENCE) + speech(0.3)
        for at in range(0, len(pcm), CHUNK):
            data = base64.b64encode(pcm[at : at + CHUNK]).decode()
            await self._tell(visit, "reply.audio", reply_id=about["reply_id"], data=data)
            await asyncio.sleep(CHUNK / 2 / RATE)
        for word in text.split():
            await self._tell(visit, "transcript.agent.delta", **about, delta=f"{word} ", start_ms=None, end_ms=None)
        await self._tell(visit, "transcript.agent", **about, text=text, interrupted=False)
        await self._tell(visit, "reply.done", reply_id=about["reply_id"], status="completed")

    async def _error(self, visit: Visit, code: str, message: str, **more: Any) -> None:
        await self._tell(visit, "session.error", code=code, message=message, **more)

    async def _tell(self, visit: Visit, kind: str, **fields: Any) -> None:
        with suppress(ConnectionError):
            await visit.send({"type": kind, **fields, "timestamp": time.time()})
