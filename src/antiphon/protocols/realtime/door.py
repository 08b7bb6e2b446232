"""One connection of the Realtime API, without the connection.

A session is begun by whatever the client sends first; the agent does not greet. Two things differ from the vendor's:

- audio comes at the pace it is played at, so a response is done when it has been heard, not when it was made;
- what a function returned reaches the model with the `response.create` that follows it, for the session answers by
  itself then. Where none follows within a second of audio it does so without.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from antiphon.conversation import notices
from antiphon.errors import ProtocolError
from antiphon.protocols.doors import Answer, Begin, Change, Command, Message
from antiphon.protocols.realtime import messages, refusals, session
from antiphon.protocols.realtime.items import Items, tell
from antiphon.protocols.realtime.response import Responses
from antiphon.protocols.voice_agent import new_id
from antiphon.protocols.voice_agent.commands import (
    AddMessage,
    Audio,
    CancelReply,
    CreateReply,
    PlayoutPosition,
    ToolResult,
)
from antiphon.protocols.voice_agent.config import Settings, to_config
from antiphon.types import Role

UNASKED = 1.0  # seconds of audio after which a function's result is not held back any longer


class RealtimeDoor:
    def __init__(self, settings: Settings, *, model: str = "", voices: tuple[str, ...] = ()) -> None:
        """`settings` are the agent's own; `voices` those of its TTS."""
        self._model = model or "antiphon"
        self._voices = voices
        self._begun = False
        self._answers_update = False  # the settings that come next are the answer to a session.update
        self._event_id: str | None = None  # of the event that is being looked at
        self._results: list[ToolResult] = []  # of functions, held back
        self._unasked = 0.0  # seconds of audio since they could have been asked for
        self._received = 0.0  # seconds of audio
        self._spoke_at = 0.0  # of these, when the caller's turn began
        self._turn_item = ""  # the item that the caller's turn will be
        self._items = Items()
        self._responses = Responses(self._items)
        self._adopt(settings)

    def created(self) -> Sequence[Message]:
        """The first event of a connection."""
        return (tell("session.created", session=self._session()),)

    # --- what comes in --------------------------------------------------------------------------------------------

    def receive(self, data: Message) -> Sequence[Command]:
        try:
            event = messages.read(data)
        except ProtocolError:
            self._event_id = messages.event_id(data)
            raise
        self._event_id = event.event_id
        if isinstance(event, messages.Append):
            audio = self._audio(event.audio)
            return (*self._begin(), *audio)
        if isinstance(event, messages.SessionUpdate):
            update = session.read(event.session, voices=self._voices)
            self._answers_update = True
            return (Change(update),) if self._begun else self._begin(update)
        asked = self._request(event)  # what is refused begins nothing
        return (*self._begin(), *asked)

    def _begin(self, update: dict[str, Any] | None = None) -> Sequence[Command]:
        if self._begun:
            return ()
        self._begun = True
        return (Begin({**(update or {}), "greeting": ""}),)

    def _audio(self, data: bytes) -> Sequence[Command]:
        if len(data) % self._config.input_format.sample_bytes:
            raise refusals.invalid("audio", f"16-bit samples need an even number of bytes, not {len(data)}")
        seconds = self._config.input_format.samples(len(data)) / self._config.input_format.sample_rate
        self._received += seconds
        self._unasked = self._unasked + seconds if self._results and not self._responses.open else 0.0
        released = self._released() if self._unasked > UNASKED else ()
        return (*released, Audio(data)) if data else released

    def _request(self, event: messages.ClientEvent) -> Sequence[Command]:
        match event:
            case messages.ItemCreate(item=item):
                return self._create(item)
            case messages.ResponseCreate(response=response):
                return self._reply(response or {})
            case messages.ResponseCancel(response_id=response_id):
                if not self._responses.open:
                    raise ProtocolError("no response is active", code="response_cancel_not_active")
                self._responses.cancelled = True
                return (CancelReply(response_id or ""),)
            case messages.OutputClear():
                return (
                    CancelReply(""),
                    Answer((tell("output_audio_buffer.cleared", response_id=self._responses.open),)),
                )
            case messages.ItemTruncate():
                return self._truncate(event)
            case messages.ItemRetrieve(item_id=item_id):
                return (Answer((tell("conversation.item.retrieved", item=self._items.find(item_id)),)),)
            case messages.ItemDelete():
                raise refusals.unsupported("type", "Deleting what was said")
            case messages.Commit():
                raise refusals.unsupported("type", "Committing audio by hand: the server decides when a turn ends. It")
            case messages.Clear():
                return (Answer((tell("input_audio_buffer.cleared"),)),)
        return ()

    def _create(self, item: messages.Item) -> Sequence[Command]:
        item_id = item.id or new_id("item")
        if item.type == "function_call_output":
            if item.call_id is None or item.output is None:
                raise refusals.missing("item.call_id" if item.call_id is None else "item.output")
            self._results.append(ToolResult(item.call_id, item.output))
            made = {"type": "function_call_output", "call_id": item.call_id, "output": item.output}
            return (Answer(self._items.add(item_id, made)),)
        if item.role is None:
            raise refusals.missing("item.role")
        for n, part in enumerate(item.content):
            if part.text is None or part.type not in ("input_text", "output_text", "text"):
                raise refusals.unsupported(f"item.content[{n}]", f"Content of type {part.type!r:.40}")
        text = "\n".join(part.text or "" for part in item.content)
        content = [{"type": part.type, "text": part.text} for part in item.content]
        told = self._items.add(item_id, {"type": "message", "role": item.role, "content": content})
        return (AddMessage(Role(item.role), text), Answer(told)) if text.strip() else (Answer(told),)

    def _reply(self, wanted: dict[str, Any]) -> Sequence[Command]:
        if wanted.get("conversation") not in (None, "auto"):
            raise refusals.unsupported("response.conversation", "A response outside the conversation")
        if "audio" not in (wanted.get("output_modalities") or ("audio",)):
            raise refusals.unsupported("response.output_modalities", "A reply in text alone")
        if wanted.get("input"):
            raise refusals.unsupported("response.input", "Other input than the conversation")
        instructions = wanted.get("instructions")
        if instructions is not None and not isinstance(instructions, str):
            raise refusals.invalid("response.instructions", "Expected `str`")
        return self._released() or (CreateReply(instructions),)

    def _released(self) -> Sequence[Command]:
        released, self._results, self._unasked = tuple(self._results), [], 0.0
        return released

    def _truncate(self, event: messages.ItemTruncate) -> Sequence[Command]:
        """The client says how much it has played."""
        reply_id = self._responses.reply_of(event.item_id)
        if reply_id is None:
            raise refusals.no_item(event.item_id)
        if event.audio_end_ms < 0:
            raise refusals.invalid("audio_end_ms", "Expected a number that is not negative")
        told = tell(
            "conversation.item.truncated",
            item_id=event.item_id,
            content_index=event.content_index,
            audio_end_ms=event.audio_end_ms,
        )
        samples = event.audio_end_ms * self._config.output_format.sample_rate // 1000
        return (PlayoutPosition(reply_id, samples), Answer((told,)))

    # --- what goes out --------------------------------------------------------------------------------------------

    def opened(self, settings: Settings) -> Sequence[Message]:
        self._adopt(settings)
        if not self._answers_update:
            return ()
        self._answers_update = False
        return (tell("session.updated", session=self._session()),)

    def send(self, notice: notices.Notice) -> Sequence[Message]:
        match notice:
            case notices.SpeechStarted():
                self._turn_item, self._spoke_at = new_id("item"), self._received
                at = round(self._received * 1000)
                return (tell("input_audio_buffer.speech_started", audio_start_ms=at, item_id=self._turn_item),)
            case notices.SpeechStopped():
                at = round(self._received * 1000)
                return (tell("input_audio_buffer.speech_stopped", audio_end_ms=at, item_id=self._turn_item),)
            case notices.UserTranscript(text=text):
                return self._heard(text)
            case notices.SessionFault(code, message, param):
                return self.error(ProtocolError(message, code=code, param=param))
            case notices.SessionEnded(reason="max_duration"):
                message = "The session has lasted as long as it may"
                return self.error(ProtocolError(message, code="session_expired"))
        return self._responses.send(notice)

    def error(self, error: ProtocolError) -> Sequence[Message]:
        told = {
            "type": refusals.kind(error),
            "code": refusals.code(error),
            "message": str(error),
            "param": error.param,
            "event_id": self._event_id,
        }
        return (tell("error", error=told),)

    def close_code(self, error: ProtocolError) -> int | None:
        return refusals.close_code(error)

    def _heard(self, text: str) -> Sequence[Message]:
        """A turn of the caller's has become an item."""
        item_id, self._turn_item = self._turn_item or new_id("item"), ""
        content = [{"type": "input_audio", "transcript": text}]
        before = self._items.last
        transcribed = tell(
            "conversation.item.input_audio_transcription.completed",
            item_id=item_id,
            content_index=0,
            transcript=text,
            usage={"type": "duration", "seconds": round(self._received - self._spoke_at, 3)},
        )
        return (
            tell("input_audio_buffer.committed", item_id=item_id, previous_item_id=before),
            *self._items.add(item_id, {"type": "message", "role": "user", "content": content}),
            transcribed,
        )

    def _adopt(self, settings: Settings) -> None:
        self._settings, self._config = settings, to_config(settings)

    def _session(self) -> dict[str, Any]:
        return session.write(msgspec.structs.replace(self._settings), model=self._model)
