"""Extension "seq": what a client was told, numbered, and the newest of it kept, so that it can be told again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import msgspec

from antiphon.protocols.voice_agent import events

KEPT = 512 * 1024  # characters: about 8 s of audio in PCM, more than the sockets on the way hold


@dataclass(frozen=True, slots=True)
class Told:
    seq: int
    text: str
    call_id: str | None  # of a tool call


class EventLog:
    """One session's. `last` is the number of the event told last; the first one's is 1."""

    def __init__(self, *, last: int = 0, kept: int = KEPT) -> None:
        self.last = last
        self._limit = kept
        self._kept: deque[Told] = deque()
        self._size = 0

    def add(self, event: events.Event) -> str:
        """The event as a text message, with its number."""
        self.last += 1
        msgspec.structs.force_setattr(event, "seq", self.last)
        text = events.encode(event)
        self._kept.append(Told(self.last, text, event.call_id if isinstance(event, events.ToolCall) else None))
        self._size += len(text)
        while self._size > self._limit:
            self._size -= len(self._kept.popleft().text)
        return text

    def after(self, seq: int) -> list[Told] | None:
        """All that was told after that number; None where not all of it is kept, or it was never given."""
        first = self._kept[0].seq if self._kept else self.last + 1
        if not first - 1 <= seq <= self.last:
            return None
        return [told for told in self._kept if told.seq > seq]
