"""Which call a line of the log belongs to, whoever wrote it: the session's tasks carry it with them.

What was said is in no line at INFO or above, nor is a key; `place` adds ids and nothing else.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(eq=False, slots=True)
class Place:
    """One session's; what has moved on is seen by all of its tasks."""

    session_id: str
    reply_id: str = ""  # the newest
    redact: Callable[[str], str] | None = None  # a text -> what may be written of it


_place: ContextVar[Place | None] = ContextVar("antiphon_place", default=None)


def enter(session_id: str) -> Place:
    """What is logged by this task from now on, and by the tasks and timers that it starts, is about this session."""
    place = Place(session_id)
    _place.set(place)
    return place


def return_to(place: Place) -> None:
    """This task serves a session that there is already."""
    _place.set(place)


def redact(how: Callable[[str], str] | None) -> None:
    """What is logged about this task's session is redacted from now on."""
    if place := _place.get():
        place.redact = how


class WithPlace(logging.Filter):
    """Gives every record the `session_id` and `reply_id` it belongs to; "" where it belongs to none; and redacts what a
    session's say that has asked for it. For a handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        place = _place.get()
        record.session_id = place.session_id if place else ""
        record.reply_id = place.reply_id if place else ""
        if place and place.redact:
            _redact(record, place.redact)
        return True


def _redact(record: logging.LogRecord, redact: Callable[[str], str]) -> None:
    record.msg, record.args = redact(record.getMessage()), ()
    if record.exc_info:
        record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        record.exc_info = None


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, logger, message, and where there are any session_id, reply_id, error."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "session_id": getattr(record, "session_id", ""),
            "reply_id": getattr(record, "reply_id", ""),
            "error": self.formatException(record.exc_info) if record.exc_info else record.exc_text or "",
        }
        return json.dumps({name: value for name, value in line.items() if value}, ensure_ascii=False)
