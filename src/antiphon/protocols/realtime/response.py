"""A reply of the session as a response of the Realtime API: its items, their parts, and their beginnings and ends."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from antiphon.conversation import notices
from antiphon.protocols.realtime.items import Items, tell
from antiphon.protocols.voice_agent import new_id
from antiphon.types import Cost

KEPT = 64  # replies whose items can still be truncated


@dataclass(slots=True)
class _Response:
    id: str
    item_id: str  # of the message, if there will be one
    output: list[dict[str, Any]] = field(default_factory=list)
    message: dict[str, Any] | None = None  # once something is said
    said: str = ""
    usage: dict[str, int] | None = None
    fault: dict[str, str] | None = None


class Responses:
    """At most one is open at a time."""

    def __init__(self, items: Items) -> None:
        self.cancelled = False  # the client asked for that
        self._items = items
        self._now: _Response | None = None
        self._replies: OrderedDict[str, str] = OrderedDict()  # the reply of each item

    @property
    def open(self) -> str:
        """The id of the one that is not done; empty: there is none."""
        return self._now.id if self._now else ""

    def reply_of(self, item_id: str) -> str | None:
        return self._replies.get(item_id)

    def send(self, notice: notices.Notice) -> Sequence[str]:
        if isinstance(notice, notices.ReplyStarted):
            return self._start(notice)
        now = self._now
        if now is None:
            return ()
        match notice:
            case notices.ReplyAudio(data=data):
                begun = self._message(now)
                return (*begun, self._part(now, "response.output_audio.delta", delta=data))
            case notices.AgentTranscriptDelta(delta=delta):
                begun, now.said = self._message(now), now.said + delta
                return (*begun, self._part(now, "response.output_audio_transcript.delta", delta=delta))
            case notices.AgentTranscript(text=text, interrupted=interrupted):
                return (*self._message(now), *self._spoken(now, text, interrupted=interrupted))
            case notices.ToolCalled():
                return self._call(now, notice)
            case notices.ReplyCost(cost=cost):
                now.usage = _usage(cost)
            case notices.ReplyFault(code=code, message=message):
                now.fault = {"type": "server_error", "code": code, "message": message}
            case notices.ReplyDone(status=status):
                return self._done(now, status)
        return ()

    def _start(self, notice: notices.ReplyStarted) -> Sequence[str]:
        self._now = now = _Response(notice.reply_id, notice.item_id)
        self.cancelled = False
        self._replies[now.item_id] = now.id
        if len(self._replies) > KEPT:
            self._replies.popitem(last=False)
        return (tell("response.created", response=_object(now, "in_progress")),)

    def _message(self, now: _Response) -> Sequence[str]:
        """What tells that the response has something to say; once."""
        if now.message is not None:
            return ()
        now.message, added = self._items.begin(now.item_id, {"type": "message", "role": "assistant", "content": []})
        now.output.append(now.message)
        return (
            tell("response.output_item.added", response_id=now.id, output_index=self._index(now), item=now.message),
            added,
            self._part(now, "response.content_part.added", part={"type": "audio", "transcript": ""}),
        )

    def _spoken(self, now: _Response, text: str, *, interrupted: bool) -> Sequence[str]:
        assert now.message is not None
        now.message["content"] = [{"type": "output_audio", "transcript": text}]
        now.message["status"] = "incomplete" if interrupted else "completed"
        item = {"item": now.message}
        return (
            self._part(now, "response.output_audio.done"),
            self._part(now, "response.output_audio_transcript.done", transcript=text),
            self._part(now, "response.content_part.done", part={"type": "audio", "transcript": text}),
            tell("response.output_item.done", response_id=now.id, output_index=self._index(now), **item),
            tell("conversation.item.done", previous_item_id=None, **item),
        )

    def _call(self, now: _Response, called: notices.ToolCalled) -> Sequence[str]:
        arguments = msgspec.json.encode(called.arguments).decode()
        item_id, index = new_id("item"), len(now.output)
        item = {"type": "function_call", "call_id": called.call_id, "name": called.name, "arguments": ""}
        made, added = self._items.begin(item_id, item)
        now.output.append(made)
        where = {"response_id": now.id, "output_index": index}
        begun = tell("response.output_item.added", item=made, **where)
        made.update(arguments=arguments, status="completed")
        of_it = {"item_id": item_id, "call_id": called.call_id, **where}
        return (
            begun,
            added,
            tell("response.function_call_arguments.delta", delta=arguments, **of_it),
            tell("response.function_call_arguments.done", arguments=arguments, name=called.name, **of_it),
            tell("response.output_item.done", item=made, **where),
            tell("conversation.item.done", item=made, previous_item_id=None),
        )

    def _done(self, now: _Response, status: notices.ReplyStatus) -> Sequence[str]:
        """An interrupted message that was not heard has no transcript: it is closed here."""
        ends: Sequence[str] = ()
        if now.message is not None and now.message["status"] == "in_progress":
            ends = self._spoken(now, "", interrupted=status is notices.ReplyStatus.INTERRUPTED)
        self._now = None
        if status is notices.ReplyStatus.INTERRUPTED:
            reason = "client_cancelled" if self.cancelled else "turn_detected"
            told = _object(now, "cancelled", {"type": "cancelled", "reason": reason})
        elif now.fault and not now.output:
            told = _object(now, "failed", {"type": "failed", "error": now.fault})
        else:
            told = _object(now, "completed")
        return (*ends, tell("response.done", response=told))

    def _index(self, now: _Response) -> int:
        return next(n for n, item in enumerate(now.output) if item is now.message)

    def _part(self, now: _Response, kind: str, **fields: Any) -> str:
        return tell(
            kind, response_id=now.id, item_id=now.item_id, output_index=self._index(now), content_index=0, **fields
        )


def _object(now: _Response, status: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "object": "realtime.response",
        "id": now.id,
        "status": status,
        "status_details": details,
        "output": now.output,
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "usage": now.usage,
        "metadata": None,
    }


def _usage(cost: Cost) -> dict[str, int]:
    return {
        "total_tokens": cost.input_tokens + cost.output_tokens,
        "input_tokens": cost.input_tokens,
        "output_tokens": cost.output_tokens,
    }
