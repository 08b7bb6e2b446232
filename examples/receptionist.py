"""A receptionist: knows when the practice is open, takes messages, and puts callers through.

    ollama pull llama3.2
    python examples/receptionist.py

Messages are written to messages.jsonl, one a line. `transfers` works for telephone calls (docs/phone.md); in the
browser the agent takes a message instead.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from antiphon import Agent, ToolContext, tool

INSTRUCTIONS = """
You answer the telephone of Dr. Okafor's dental practice, in one or two short sentences of spoken English.
Say when the practice is open if you are asked. Take a message for everything else: who calls, a telephone number, and
what it is about. Put callers in pain through to the emergency line. You do not give medical advice.
"""

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
HOURS = {"wednesday": "eight to noon", "saturday": "closed", "sunday": "closed"}


@tool
def opening_hours(day: Day) -> str:
    """When the practice is open."""
    return HOURS.get(day, "eight to six")


def receptionist(messages: Path, **stages: Any) -> Agent:
    """The agent. `stages` replace its language model, or its ears and voice."""

    @tool(on_success="Thank the caller by name, and say that the practice will call back.")
    def take_message(
        name: str,
        phone: Annotated[str, Field(pattern=r"\+?[0-9 ]{6,}")],
        about: str,
        context: ToolContext,
    ) -> str:
        """Takes a message.

        Args:
            name: who calls
            phone: the number to call back
            about: what it is about, in one sentence
        """
        note = {"id": context.call_id, "name": name, "phone": phone, "about": about}
        with messages.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**note, "at": datetime.now().isoformat(timespec="seconds")}) + "\n")
        return "written down"

    made: dict[str, Any] = {"llm": "ollama/llama3.2", **stages}
    return Agent(
        instructions=INSTRUCTIONS,
        greeting="Doctor Okafor's practice, good morning!",
        tools=[opening_hours, take_message],
        transfers={"emergency": "+15550123"},
        end_call=True,
        **made,
    )


if __name__ == "__main__":
    receptionist(Path("messages.jsonl")).serve()
