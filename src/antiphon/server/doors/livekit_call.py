"""The agent in one room of LiveKit's. Needs the extra `livekit`.

It listens to the first participant who publishes audio, and leaves when that one does. What is said goes to the topic
`lk.transcription`, and what the agent does to its attribute `lk.agent.state`, as LiveKit's own agents tell it.
What was heard is estimated, as for a client that says nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from livekit import rtc
from livekit.rtc.participant import PublishTrackError

from antiphon.errors import AntiphonError
from antiphon.protocols.livekit import Join
from antiphon.protocols.tracks import FRAME, RATE, SAMPLES
from antiphon.protocols.voice_agent import events
from antiphon.server import tokens
from antiphon.server.auth import Principal
from antiphon.server.doors.phone import Keypad
from antiphon.server.doors.tracks import TrackCall
from antiphon.server.runtime import Runtime
from antiphon.server.service import Service

log = logging.getLogger("antiphon.server")

TRANSCRIPTION, STATE = "lk.transcription", "lk.agent.state"
TICKET_LASTS = 60.0  # seconds
JOIN_TIMEOUT = 15.0  # seconds
QUEUE = 100  # ms that LiveKit's client may hold of the agent's track


class NotJoined(AntiphonError):
    """The room is not to be had."""


class Dispatch(msgspec.Struct, frozen=True):
    """What whoever asks for an agent may say in the job's metadata, as JSON."""

    agent_id: str | None = None


async def join_room(join: Join, *, url: str, runtime: Runtime, service: Service) -> None:
    """Joins, and stays until the call is over. Raises NotJoined."""
    await service.open()
    await RoomCall(join, runtime, service).stay(join.url or url, join.token)


class RoomCall(TrackCall):
    def __init__(self, join: Join, runtime: Runtime, service: Service) -> None:
        key = service.doorkeeper.keys.of_account(None)
        signer = service.signer(Principal(key.name if key else "local", key))
        ticket = tokens.issue(signer, expires_at=service.now() + TICKET_LASTS)
        headers = [(b"authorization", f"Bearer {ticket}".encode())]
        super().__init__({"path": "/livekit", "query_string": b"", "headers": headers}, runtime, service)
        self._join = join
        self._room = rtc.Room()
        self._room.on("track_subscribed", self._on_track)
        self._room.on("participant_disconnected", self._on_left)
        self._room.on("disconnected", self._on_disconnected)
        self._room.on("sip_dtmf_received", self._on_key)
        self._keypad = Keypad(self._keys)
        self._caller = ""  # the participant who is listened to
        self._reply_id = ""  # of the reply that is being spoken
        self._source: rtc.AudioSource | None = None
        self._writer: rtc.TextStreamWriter | None = None  # of the reply's words
        self._outbox: asyncio.Queue[Callable[[], Awaitable[Any]]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    async def stay(self, url: str, token: str) -> None:
        serving = asyncio.create_task(self.run(), name="livekit-session")
        try:
            await self.admitted
            await self._enter(url, token)
            self._tasks += [asyncio.create_task(self._speak()), asyncio.create_task(self._write())]
            self.say("session.update", session=self._wanted())
            await asyncio.wait([serving, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._keypad.stop()
            self.say("session.end")
            self.hang_up()
            await serving
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._room.disconnect()

    async def _enter(self, url: str, token: str) -> None:
        try:
            async with asyncio.timeout(JOIN_TIMEOUT):
                await self._room.connect(url, token)
                self._source = rtc.AudioSource(RATE, 1, queue_size_ms=QUEUE)
                track = rtc.LocalAudioTrack.create_audio_track("agent", self._source)
                options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
                await self._room.local_participant.publish_track(track, options)
        except (rtc.ConnectError, PublishTrackError, TimeoutError) as failure:
            raise NotJoined(f"the room {self._join.room!r} cannot be joined") from failure

    def _wanted(self) -> dict[str, Any]:
        try:
            said = msgspec.json.decode(self._join.metadata or "{}", type=Dispatch)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            said = Dispatch()  # it is whoever's, and need not be ours
        return {"agent_id": said.agent_id} if said.agent_id else {}

    # --- audio ----------------------------------------------------------------------------------------------------

    async def _speak(self) -> None:
        assert self._source
        begun, frames = self._loop.time(), 0
        while True:
            await asyncio.sleep(max(begun + frames * FRAME - self._loop.time(), 0.0))
            frames += 1
            await self._source.capture_frame(rtc.AudioFrame(self.frame(None), RATE, 1, SAMPLES))

    def _flushed(self, position: str) -> None:
        if self._source:
            self._source.clear_queue()

    def _on_track(self, track: rtc.Track, publication: Any, participant: rtc.RemoteParticipant) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO and not self._caller:
            self._caller = participant.identity
            self._tasks.append(asyncio.create_task(self._listen(track), name="livekit-track"))

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream.from_track(track=track, sample_rate=RATE, num_channels=1, frame_size_ms=20)
        try:
            async for event in stream:
                self.hear(bytes(event.frame.data))
        finally:
            await stream.aclose()

    # --- the room -------------------------------------------------------------------------------------------------

    def _on_left(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self._caller:
            self.say("session.end")

    def _on_disconnected(self, reason: object) -> None:
        self.say("session.end")

    def _on_key(self, pressed: rtc.SipDTMF) -> None:
        if self._reply_id:
            self.say("reply.cancel", reply_id=self._reply_id)
        self._keypad.press(pressed.digit)

    def _keys(self, keys: str) -> None:
        text = f"(pressed on the telephone's keypad: {' '.join(keys)})"
        self.say("conversation.message", role="user", content=text)
        self.say("reply.create")

    # --- what the room is told ------------------------------------------------------------------------------------

    def _put(self, text: str) -> None:
        match events.decode(text):
            case events.SessionReady():
                self._state("listening")
            case events.InputSpeechStopped():
                self._state("thinking")
            case events.ReplyStarted(reply_id=reply_id):
                self._reply_id = reply_id
                self._state("speaking")
            case events.ReplyDone():
                self._reply_id = ""
                self._state("listening")
            case events.TranscriptUserDelta(item_id=item_id, text=said):
                self._said(item_id, said, final=False)
            case events.TranscriptUser(item_id=item_id, text=said):
                self._said(item_id, said, final=True)
            case events.TranscriptAgentDelta(item_id=item_id, delta=delta):
                self._outbox.put_nowait(lambda: self._word(item_id, delta))
            case events.TranscriptAgent():
                self._outbox.put_nowait(self._end_words)

    def _state(self, state: str) -> None:
        self._outbox.put_nowait(lambda: self._room.local_participant.set_attributes({STATE: state}))

    def _said(self, item_id: str, text: str, *, final: bool) -> None:
        marks = _marks(item_id, final=final)
        me = self._room.local_participant
        self._outbox.put_nowait(lambda: me.send_text(text, topic=TRANSCRIPTION, attributes=marks))

    async def _word(self, item_id: str, delta: str) -> None:
        if self._writer is None:
            marks = _marks(item_id, final=True)
            self._writer = await self._room.local_participant.stream_text(topic=TRANSCRIPTION, attributes=marks)
        await self._writer.write(delta)

    async def _end_words(self) -> None:
        writer, self._writer = self._writer, None
        if writer:
            await writer.aclose()

    async def _write(self) -> None:
        """What the room is told must not hold the audio up, and what it does not take is lost."""
        while True:
            tell = await self._outbox.get()
            with contextlib.suppress(ConnectionError):
                await tell()


def _marks(item_id: str, *, final: bool) -> dict[str, str]:
    return {"lk.segment_id": item_id, "lk.transcription_final": "true" if final else "false"}
