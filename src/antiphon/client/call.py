"""A whole call with a recorded caller: what was said on both sides, and how long each answer took to be heard."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Unpack

from antiphon.audio import wav
from antiphon.audio.g711 import codec
from antiphon.audio.resample import resample
from antiphon.client.caller import FRAME, Caller
from antiphon.client.client import Client
from antiphon.client.errors import ClientError, NoAnswer
from antiphon.client.events import (
    Event,
    InputSpeechStarted,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    SessionError,
    SessionReady,
    ToolCall,
)
from antiphon.client.playback import Playback
from antiphon.client.progress import Progress
from antiphon.client.report import CallReport, Timed, turns
from antiphon.client.session import SessionFields
from antiphon.errors import SessionClosed
from antiphon.types import PCM_24K, AudioFormat

ToolHandler = Callable[[ToolCall], str | Awaitable[str]]

ACKNOWLEDGE_EVERY = 5  # frames: 100 ms between two playout positions


async def call(
    url: str,
    recording: Path | str,
    *,
    api_key: str | None = None,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    extensions: Sequence[str] = ("metrics", "playout"),
    on_tool: ToolHandler | None = None,
    patience: float = 15.0,
    calm: float = 1.0,
    timeout: float = 10.0,
    reply_wav: Path | str | None = None,
    stereo_wav: Path | str | None = None,
    **session: Unpack[SessionFields],
) -> CallReport:
    """Call `url` in real time, as the caller of `recording`: a file that `antiphon.audio.wav` reads, of any length.

    The recording starts once the greeting, if there is one, has been heard. Quiet follows it until the last answer has
    been heard and nothing has come for `calm` seconds more, or for `patience` seconds. `on_tool` answers tool calls;
    without it they are answered with an error.
    `reply_wav` gets all that the agent was heard to say, `stereo_wav` the call as it was: caller left, agent right.
    `session` is what `Client.configure` takes; `timeout` is the Client's.

    Raises ConfigError for a recording that cannot be read, ClientError when no session comes about. A session that
    breaks later is reported as far as it came, with the reason in `failure`.
    """
    heard = wav.read(recording)
    client = Client(url, api_key=api_key, token=token, headers=headers, extensions=extensions, timeout=timeout)
    async with client:
        ready = await client.configure(**session)
        caller = Caller(heard.pcm, rate=heard.rate, audio_format=session.get("input_format", PCM_24K))
        greets = bool(session.get("greeting") or (ready.config or {}).get("greeting"))
        running = _Call(
            client,
            caller,
            session.get("output_format", PCM_24K),
            on_tool=on_tool,
            greets=greets,
            acknowledges="playout" in extensions,
            patience=patience,
            calm=calm,
        )
        await running.run(timeout)
    if reply_wav is not None:
        wav.write(reply_wav, running.playback.audio(), rate=running.playback.rate)
    if stereo_wav is not None:
        running.write_stereo(stereo_wav)
    return running.report(ready)


class _Call:
    """One call under way: a loop that speaks and a task that listens. All times are the event loop's."""

    def __init__(
        self,
        client: Client,
        caller: Caller,
        output_format: AudioFormat,
        *,
        on_tool: ToolHandler | None,
        greets: bool,
        acknowledges: bool,
        patience: float,
        calm: float,
    ) -> None:
        self._client = client
        self._caller = caller
        self._decode = codec(output_format).decode
        self.playback = Playback(output_format.sample_rate)
        self._progress = Progress()
        self._on_tool = on_tool
        self._greets = greets  # the caller hears a greeting out before speaking
        self._acknowledges = acknowledges  # the server wants to know what was heard
        self._patience = patience  # seconds
        self._calm = calm  # seconds
        self._clock = asyncio.get_running_loop().time

        # When the call began and ended, and why it ended early if it did.
        self._began = self._ended = self._clock()
        self._failure: str | None = None

        # When the recording had been sent, and when its last voiced sample had: set together.
        self._spoken_at: float | None = None
        self._voiced_at = self._began

        # Everything that came back; the errors in it; the reply in progress, for servers that do not name it in audio.
        self._events: list[Timed] = []
        self._errors: list[SessionError] = []
        self._reply_id = ""

        # The last playout position told of each reply, in samples.
        self._told: dict[str, int] = {}

        # Tool handlers at work; cancelled with the call.
        self._tools: set[asyncio.Task[None]] = set()

    async def run(self, timeout: float) -> None:
        """Until the call is over; `timeout` bounds the wait for session.ended, in seconds."""
        listening = asyncio.create_task(self._listen())
        reason: Exception = NoAnswer(f"the server sent no session.ended within {timeout:g} s")
        try:
            try:
                await self._speak(listening)
            except (ClientError, SessionClosed) as failure:
                reason = failure  # the listener is about to learn it in full
            async with asyncio.timeout(timeout):
                await listening
            if self._spoken_at is None:
                self._failure = "the server ended the session before the recording was over"
        except TimeoutError:
            self._failure = str(reason)
        except (ClientError, SessionClosed) as failure:
            self._failure = str(failure)
        finally:
            self._ended = self._clock()
            await _cancel(listening, *self._tools)

    # Speaking

    async def _speak(self, listening: asyncio.Task[None]) -> None:
        """Frame after frame, on time, until the call is over for us or for the server."""
        sent = 0
        while not listening.done() and not self._over():
            await asyncio.sleep(self._began + sent * FRAME - self._clock())
            now = self._clock()
            await self._client.send_audio(self._caller.frame(speak=self._may_speak(now), at=now))
            if self._caller.finished and self._spoken_at is None:
                self._spoken_at = now
                self._voiced_at = self._caller.last_voiced(now) or now
            sent += 1
            if sent % ACKNOWLEDGE_EVERY == 0 and self._acknowledges:
                await self._acknowledge(now)
        if not listening.done():
            await self._client.end()

    def _may_speak(self, now: float) -> bool:
        if self._caller.begins is not None or not self._greets:
            return True
        greeted = self._progress.settled(now, since=self._began, calm=0.0) and now >= self.playback.ends
        return greeted or now - self._began > self._patience

    def _over(self) -> bool:
        if self._spoken_at is None:
            return False
        now = self._clock()
        heard = now >= self.playback.ends + self._calm
        answered = heard and self._progress.settled(now, since=self._voiced_at, calm=self._calm)
        return answered or now - self._spoken_at > self._patience

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
            self._events.append(Timed(now - self._began, event))
            self._progress.hear(event, now)
            self._take(event, now)

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
            case SessionError():
                self._errors.append(event)

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
        rate = max(self._caller.rate, self.playback.rate)
        left = resample(self._caller.track(self._began), self._caller.rate, rate)
        right = resample(self.playback.track(self._began), self.playback.rate, rate)
        wav.write(path, left, right, rate=rate)

    def report(self, ready: SessionReady) -> CallReport:
        began = self._began

        def last_voiced(before: float) -> float | None:
            at = self._caller.last_voiced(began + before)
            return None if at is None else at - began

        def first_audible(reply_id: str) -> float | None:
            at = self.playback.first_audible(reply_id)
            return None if at is None else at - began

        return CallReport(
            session_id=ready.session_id,
            turns=turns(self._events, last_voiced=last_voiced, first_audible=first_audible),
            errors=tuple(self._errors),
            duration=self._ended - began,
            failure=self._failure,
            events=tuple(self._events),
        )


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
