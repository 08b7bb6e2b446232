"""The messages a client may send, as the vendor's schema writes them, and how they are read.

A good message costs one pass of a decoder that knows every type (an audio message of 20 ms: about 1.5 µs, base64
included). Only a message that fails that pass is looked at a second time, to say what is wrong with it, or to
understand a client of an older generation.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec

from antiphon.protocols.voice_agent import legacy, refusals


class _Message(msgspec.Struct, frozen=True, tag_field="type"):
    """A client message. Unknown fields beside the known ones are ignored, as the vendor's service does."""


class SessionUpdate(_Message, frozen=True, tag="session.update"):
    session: dict[str, Any] | None = None  # read further by config.py


class SessionResume(_Message, frozen=True, tag="session.resume", omit_defaults=True):
    session_id: str
    last_seq: Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)] | None = None  # extension "seq"


class SessionEnd(_Message, frozen=True, tag="session.end"):
    pass


class InputAudio(_Message, frozen=True, tag="input.audio"):
    audio: bytes  # base64 on the wire


class ToolResultMessage(_Message, frozen=True, tag="tool.result"):
    call_id: str
    result: str
    is_error: bool | None = False


class ReplyCreate(_Message, frozen=True, tag="reply.create"):
    instructions: str | None = None


class ReplyCancel(_Message, frozen=True, tag="reply.cancel"):
    reply_id: str


class ConversationMessage(_Message, frozen=True, tag="conversation.message"):
    role: Literal["user", "system"]
    content: str


class PlayoutPositionMessage(_Message, frozen=True, tag="playout.position"):
    """Extension "playout"."""

    reply_id: str
    samples: Annotated[int, msgspec.Meta(ge=0)]


ClientMessage = (
    InputAudio
    | SessionUpdate
    | SessionResume
    | SessionEnd
    | ToolResultMessage
    | ReplyCreate
    | ReplyCancel
    | ConversationMessage
    | PlayoutPositionMessage
)

_DECODER: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_TYPES = frozenset(str(kind.__struct_config__.tag) for kind in get_args(ClientMessage))


def read(text: str, *, strict: bool = False) -> ClientMessage:
    """One client message. `strict` refuses what only older generations sent.

    Raises ProtocolError: `invalid_format`, or `invalid_audio` where the base64 of an audio message is broken.
    """
    try:
        return _DECODER.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as failure:
        return _read_again(text, failure, strict=strict)


def _read_again(text: str, failure: Exception, *, strict: bool) -> ClientMessage:
    message = _as_object(text)
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise refusals.unknown_type(kind) from failure
    if kind == "input.audio" and isinstance(message.get("audio"), str):
        raise refusals.invalid_audio() from failure
    if strict:
        raise refusals.invalid_message(kind) from failure
    try:
        modern: ClientMessage = msgspec.convert(legacy.modern_message(message), type=ClientMessage)
    except (msgspec.MsgspecError, RecursionError) as still:
        raise refusals.invalid_message(kind) from still
    return modern


def _as_object(text: str) -> dict[str, Any]:
    try:
        message = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as failure:
        raise refusals.invalid_json() from failure
    if not isinstance(message, dict):
        raise refusals.invalid_json()
    return message
