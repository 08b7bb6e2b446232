"""Books appointments into a calendar, a SQLite file that others may write to at the same time.

    ollama pull llama3.2
    python examples/appointments.py

The database decides who was first: two callers never get one hour. What the model asks for that cannot be is an
exception, whose text it is told, so that it can offer something else.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from antiphon import Agent, ToolContext, tool

INSTRUCTIONS = """
You book appointments at Lila's hair salon, one hour each, Tuesday to Saturday. Today is {{today}}.
Ask for the day, name at most three free hours, ask for a name, and book. Confirm the day and the hour in one sentence.
"""

HOURS = [time(hour) for hour in range(9, 18)]
TUESDAY, SATURDAY = 1, 5
TABLE = """
CREATE TABLE IF NOT EXISTS appointments (
    starts TEXT PRIMARY KEY,     -- 2027-01-05T09:00:00
    name   TEXT NOT NULL,
    call   TEXT NOT NULL UNIQUE  -- the tool call that booked it: the same call books once
)
"""


@dataclass(frozen=True)
class Calendar:
    path: Path

    def free(self, day: date) -> list[time]:
        """The hours of a day that nobody has booked."""
        if not TUESDAY <= day.weekday() <= SATURDAY:
            return []
        with self._open() as db:
            taken = {row[0] for row in db.execute("SELECT starts FROM appointments")}
        return [hour for hour in HOURS if datetime.combine(day, hour).isoformat() not in taken]

    def book(self, starts: datetime, name: str, *, call: str) -> None:
        """Raises ValueError for an hour that cannot be had."""
        if starts.time() not in HOURS or not TUESDAY <= starts.weekday() <= SATURDAY:
            raise ValueError("the salon is closed then")
        with self._open() as db:
            db.execute("INSERT OR IGNORE INTO appointments VALUES (?, ?, ?)", (starts.isoformat(), name, call))
            (owner,) = db.execute("SELECT call FROM appointments WHERE starts = ?", (starts.isoformat(),)).fetchone()
        if owner != call:
            raise ValueError("that hour has just been taken")

    def cancel(self, starts: datetime, name: str) -> bool:
        with self._open() as db:
            gone = db.execute("DELETE FROM appointments WHERE starts = ? AND name = ?", (starts.isoformat(), name))
            return gone.rowcount == 1

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection of this thread's, in one transaction."""
        with closing(sqlite3.connect(self.path)) as db, db:
            db.execute(TABLE)
            yield db


def salon(calendar: Calendar, **stages: Any) -> Agent:
    """The agent. `stages` replace its language model, or its ears and voice."""

    @tool
    def free_hours(day: date) -> list[str]:
        """Which hours of a day are free."""
        return [hour.strftime("%H:%M") for hour in calendar.free(day)]

    @tool(idempotent=True)
    def book(day: date, hour: time, name: str, context: ToolContext) -> str:
        """Books an appointment. `hour` is a full hour, like 14:00."""
        calendar.book(datetime.combine(day, hour), name, call=context.call_id)
        return "booked"

    @tool
    def cancel(day: date, hour: time, name: str) -> str:
        """Cancels an appointment."""
        return "cancelled" if calendar.cancel(datetime.combine(day, hour), name) else "there is no such appointment"

    made: dict[str, Any] = {"llm": "ollama/llama3.2", **stages}
    return Agent(
        instructions=INSTRUCTIONS,
        greeting="Lila's salon, hello! When would you like to come?",
        tools=[free_hours, book, cancel],
        variables={"today": date.today().strftime("%A, %d %B %Y")},
        **made,
    )


if __name__ == "__main__":
    salon(Calendar(Path("calendar.db"))).serve()
