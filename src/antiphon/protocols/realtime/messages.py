"""The events a client of the Realtime API may send, and how they are read."""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from antiphon.protocols.realtime import refusals


class _Event(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    event_id: str | None = None  # comes back in an error about the event


class SessionUpdate(_Event, frozen=True, kw_only=True, tag="session.update"):
    session: dict[str, Any]  # read further by session.py


class Append(_Event, frozen=True, kw_only=True, tag="input_audio_buffer.append"):
    audio: bytes  # base64 on the wire


class Commit(_Event, frozen=True, tag="input_audio_buffer.commit"):
    pass


class Clear(_Event, frozen=True, tag="input_audio_buffer.clear"):
    pass


class Content(msgspec.Struct, frozen=True):
    type: str
    text: str | None = None


class Item(msgspec.Struct, frozen=True):
    """A message, or the answer to a function call."""

    type: Literal["message", "function_call_output"]
    id: str | None = None
    role: Literal["user", "system", "assistant"] | None = None
    content: tuple[Content, ...] = ()
    call_id: str | None = None
    output: str | None = None


class ItemCreate(_Event, frozen=True, kw_only=True, tag="conversation.item.create"):
    item: Item


class ItemRetrieve(_Event, frozen=True, kw_only=True, tag="conversation.item.retrieve"):
    item_id: str


class ItemDelete(_Event, frozen=True, kw_only=True, tag="conversation.item.delete"):
    item_id: str


class ItemTruncate(_Event, frozen=True, kw_only=True, tag="conversation.item.truncate"):
    item_id: str
    content_index: int = 0
    audio_end_ms: int


class ResponseCreate(_Event, frozen=True, kw_only=True, tag="response.create"):
    response: dict[str, Any] | None = None


class ResponseCancel(_Event, frozen=True, kw_only=True, tag="response.cancel"):
    response_id: str | None = None


class OutputClear(_Event, frozen=True, tag="output_audio_buffer.clear"):
    pass


ClientEvent = (
    Append
    | SessionUpdate
    | Commit
    | Clear
    | ItemCreate
    | ItemRetrieve
    | ItemDelete
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
    | OutputClear
)

_DECODER: msgspec.json.Decoder[ClientEvent] = msgspec.json.Decoder(ClientEvent)
_TYPES = frozenset(str(kind.__struct_config__.tag) for kind in get_args(ClientEvent))


def read(data: str | bytes) -> ClientEvent:
    """One event. Raises ProtocolError."""
    try:
        return _DECODER.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as failure:
        raise _refusal(data, failure) from failure


def event_id(data: str | bytes) -> str | None:
    """Of an event that could not be read."""
    try:
        message = msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    found = message.get("event_id") if isinstance(message, dict) else None
    return found if isinstance(found, str) else None


def _refusal(data: str | bytes, failure: Exception) -> Exception:
    try:
        message = msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return refusals.invalid_json()
    kind = message.get("type") if isinstance(message, dict) else None
    if kind is None:
        return refusals.missing("type")
    if not isinstance(kind, str) or kind not in _TYPES:
        return refusals.invalid(
            "type", f"Invalid value: {kind!r:.80}. Supported values are: {', '.join(sorted(_TYPES))}"
        )
    why, _, path = str(failure).rpartition(" - at `$.")
    if path:
        return refusals.invalid(path.removesuffix("`"), why)
    return refusals.invalid(None, str(failure))
