"""A conversation in real time: one loop that speaks and one task that listens. What is said, and when, is decided by a
Caller; what comes back is played on paper and acknowledged, so that the server knows what was heard.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from antiphon.audio import wav
from antiphon.audio.g711 import codec
from antiphon.audio.resample import resample
from antiphon.client.client import Client
from antiphon.client.errors import ClientError, NoAnswer
from antiphon.client.events import (
    Event,
    InputSpeechStarted,
    ReplyAudio,
    ReplyDone,
    ReplyError,
    ReplyStarted,
    SessionError,
    SessionReady,
    ToolCall,
)
from antiphon.client.microphone import FRAME, Microphone
from antiphon.client.playback import Playback
from antiphon.client.progress import Progress
from antiphon.client.report import CallReport, Timed, turns
from antiphon.errors import SessionClosed
from antiphon.types import PCM_24K, AudioFormat

ToolHandler = Callable[[ToolCall], str | Awaitable[str]]

ACKNOWLEDGE_EVERY = 5  # frames: 100 ms between two playout positions


class Caller(Protocol):
    """Who speaks on our side."""

    def attend(self, conversation: Conversation, now: float) -> bool:
        """Called before every frame, 50 times a second: the moment to look at `playback`, `progress` and `events`, and
        to speak through `microphone`. False hangs up."""

    @property
    def finished(self) -> bool:
        """Whether all has been said. A server that ends the session before has ended it early."""


class Conversation:
    """One conversation of `caller` over `client`, which is configured. All times are the event loop's."""

    def __init__(
        self,
        client: Client,
        caller: Caller,
        *,
        input_format: AudioFormat = PCM_24K,
        output_format: AudioFormat = PCM_24K,
        on_tool: ToolHandler | None = None,
        on_event: Callable[[Timed], None] | None = None,
        acknowledges: bool = True,
    ) -> None:
        self.microphone = Microphone(input_format)
        self.playback = Playback(output_format.sample_rate)
        self.progress = Progress()
        self._client = client
        self._caller = caller
        self._decode = codec(output_format).decode
        self._on_tool = on_tool
        self._on_event = on_event
        self._acknowledges = acknowledges  # the server wants to know what was heard
        self._clock = asyncio.get_running_loop().time

        # When the conversation began and ended, and why it ended early if it did.
        self.began = self.ended = self._clock()
        self.failure: str | None = None

        # Everything that came back; the errors in it; the reply in progress, for servers that do not name it in audio.
        self.events: list[Timed] = []
        self.errors: list[SessionError | ReplyError] = []
        self._reply_id = ""

        # The last playout position told of each reply, in samples.
        self._told: dict[str, int] = {}

        # Tool handlers at work; cancelled with the conversation.
        self._tools: set[asyncio.Task[None]] = set()

    async def run(self, *, timeout: float = 10.0) -> None:
        """Until the conversation is over; `timeout` bounds the wait for session.ended, in seconds. What breaks it is
        kept in `failure`."""
        listening = asyncio.create_task(self._listen())
        reason: Exception = NoAnswer(f"the server sent no session.ended within {timeout:g} s")
        try:
            try:
                await self._speak(listening)
            except (ClientError, SessionClosed) as failure:
                reason = failure  # the listener is about to learn it in full
            async with asyncio.timeout(timeout):
                await listening
            if not self._caller.finished:
                self.failure = "the server ended the session before the caller had finished"
        except TimeoutError:
            self.failure = str(reason)
        except (ClientError, SessionClosed) as failure:
            self.failure = str(failure)
        finally:
            self.ended = self._clock()
            await _cancel(listening, *self._tools)

    # Speaking

    async def _speak(self, listening: asyncio.Task[None]) -> None:
        """Frame after frame, on time, until the caller hangs up or the server ends the session."""
        sent = 0
        while not listening.done():
            await asyncio.sleep(self.began + sent * FRAME - self._clock())
            now = self._clock()
            if not self._caller.attend(self, now):
                break
            await self._client.send_audio(self.microphone.frame(at=now))
            sent += 1
            if sent % ACKNOWLEDGE_EVERY == 0 and self._acknowledges:
                await self._acknowledge(now)
        if not listening.done():
            await self._client.end()

    async def _acknowledge(self, now: float) -> None:
        for reply_id in {piece.reply_id: None for piece in self.playback.pieces[-2:]}:
            samples = self.playback.played(reply_id, now)
            if samples and self._told.get(reply_id) != samples:
                self._told[reply_id] = samples
                await self._client.playout_position(reply_id, samples)

    # Listening

    async def _listen(self) -> None:
        async for event in self._client:
            now = self._clock()
            timed = Timed(now - self.began, event)
            self.events.append(timed)
            self.progress.hear(event, now)
            self._take(event, now)
            if self._on_event is not None:
                self._on_event(timed)

    def _take(self, event: Event, now: float) -> None:
        match event:
            case ReplyAudio(reply_id=reply_id, data=data):
                self.playback.receive(reply_id or self._reply_id, self._decode(data), now)
            case ReplyStarted(reply_id=reply_id):
                self._reply_id = reply_id
            case InputSpeechStarted() | ReplyDone(status="interrupted"):
                self.playback.flush(now)
            case ToolCall():
                task = asyncio.create_task(self._answer(event))
                self._tools.add(task)
                task.add_done_callback(self._tools.discard)
            case SessionError(message=message) if "playout.position" in message:
                self._acknowledges = False  # a server without the extension
            case SessionError() | ReplyError():
                self.errors.append(event)

    async def _answer(self, event: ToolCall) -> None:
        result, is_error = "This caller has no tools.", True
        if self._on_tool is not None:
            try:
                said = self._on_tool(event)
                result, is_error = (await said if inspect.isawaitable(said) else said), False
            except Exception as error:  # noqa: BLE001 - whatever the tool's author did, the agent is told
                result = f"{type(error).__name__}: {error}"
        try:
            await self._client.tool_result(event.call_id, result, is_error=is_error)
        except (ClientError, SessionClosed):
            pass  # the listener learns it too

    # Afterwards

    def write_stereo(self, path: Path | str) -> None:
        """The conversation as it was heard: caller left, agent right."""
        rate = max(self.microphone.rate, self.playback.rate)
        left = resample(self.microphone.track(self.began), self.microphone.rate, rate)
        right = resample(self.playback.track(self.began), self.playback.rate, rate)
        wav.write(path, left, right, rate=rate)

    def report(self, ready: SessionReady) -> CallReport:
        began = self.began

        def last_voiced(before: float) -> float | None:
            at = self.microphone.last_voiced(began + before)
            return None if at is None else at - began

        def first_audible(reply_id: str) -> float | None:
            at = self.playback.first_audible(reply_id)
            return None if at is None else at - began

        return CallReport(
            session_id=ready.session_id,
            turns=turns(self.events, last_voiced=last_voiced, first_audible=first_audible),
            errors=tuple(self.errors),
            duration=self.ended - began,
            failure=self.failure,
            events=tuple(self.events),
        )


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
