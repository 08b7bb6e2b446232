"""The items of a conversation, as the Realtime API numbers what was said."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import msgspec

from antiphon.protocols.realtime import refusals
from antiphon.protocols.voice_agent import new_id

KEPT = 256  # items that can be asked for again; the model's history is not here

_ENCODER = msgspec.json.Encoder()


def tell(kind: str, **fields: Any) -> str:
    """One event as a text message."""
    return _ENCODER.encode({"type": kind, "event_id": new_id("event"), **fields}).decode()


class Items:
    def __init__(self) -> None:
        self.last: str | None = None  # the id of the newest
        self._known: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def begin(self, item_id: str, item: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """An item that is in the making, and the event that tells of it."""
        made = {"id": item_id, "object": "realtime.item", "status": "in_progress", **item}
        self._known[item_id] = made
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        before, self.last = self.last, item_id
        return made, tell("conversation.item.added", item=made, previous_item_id=before)

    def add(self, item_id: str, item: dict[str, Any]) -> tuple[str, str]:
        """An item that is whole: the events that tell of it."""
        before = self.last
        made, added = self.begin(item_id, {**item, "status": "completed"})
        return added, tell("conversation.item.done", item=made, previous_item_id=before)

    def find(self, item_id: str) -> dict[str, Any]:
        """Raises ProtocolError."""
        if item_id not in self._known:
            raise refusals.no_item(item_id)
        return self._known[item_id]
