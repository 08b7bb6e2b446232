"""Recorded callers order coffee; what they said, as far as it was understood, ends in the shop's database.

Ears are the real ones. The language model is a barista who writes down the words of the menu that are in the
transcript, and asks again where no drink is among them.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from antiphon.conversation.words import normalise
from antiphon.errors import ConfigError
from antiphon.lab import orders
from antiphon.lab.scripted import ScriptedLlm, ScriptedTts
from antiphon.lab.tones import ToneCode
from antiphon.providers.base import LlmRequest
from antiphon.types import Role, ToolCall
from tests.examples.calling import call, example, newest

CALLERS = 8
LEAST_ORDERED = 4  # of them; who was misheard is asked again
LEAST_RIGHT = 0.8  # of what is in the database
FIELDS = {"drink": "coffeeDrink", "shots": "numberOfShots", "milk": "milkAmount", "sweet": "sugarAmount"}


def barista(request: LlmRequest) -> Any:
    said = newest(request)
    if said.role is Role.TOOL:
        return f"So that is {said.text}."
    heard, arguments = f" {normalise(said.text)} ", {}
    for name, field in request.tools[0].parameters["properties"].items():
        (choices,) = [kind["enum"] for kind in (field, *field.get("anyOf", ())) if "enum" in kind]
        named = [choice for choice in choices if f" {choice} " in heard]
        if named:
            arguments[name] = max(named, key=len)
    return [ToolCall("call_1", "order", arguments)] if "drink" in arguments else "Sorry, which drink was that?"


def at_the_bar(database: Path) -> dict[str, str] | None:
    """What was ordered; None if nothing was."""
    if not database.exists():
        return None
    with sqlite3.connect(database) as db:
        db.row_factory = sqlite3.Row
        (row,) = db.execute("SELECT drink, size, shots, roast, milk, sweet FROM orders").fetchall()
    return {field: value for field, value in dict(row).items() if value}


def serve(caller: orders.Order, folder: Path) -> dict[str, str] | None:
    """One call to the shop, which answers once."""
    folder.mkdir()
    voice = ScriptedTts(ToneCode())
    agent = example("coffee_order").coffee_shop(folder / "orders.db", llm=ScriptedLlm(barista), tts=voice)
    _, turn = call(agent, caller.path, folder).turns
    ordered = at_the_bar(folder / "orders.db")
    assert turn.agent.startswith("So that is " if ordered else "Sorry, which drink")
    return ordered


@pytest.mark.local("silero-vad", "moonshine-tiny-en")
def test_what_recorded_callers_order_ends_at_the_bar(tmp_path: Path) -> None:
    try:
        callers = orders.load(CALLERS)
    except ConfigError as missing:
        pytest.skip(str(missing))
    served = {caller: serve(caller, tmp_path / caller.name) for caller in callers}
    wanted = json.loads((orders.folder() / "labels.json").read_text(encoding="utf-8"))
    ordered = {caller: fields for caller, fields in served.items() if fields}
    right = [
        wanted[caller.path.name]["slots"].get(FIELDS.get(field, field), "").endswith(value)
        for caller, fields in ordered.items()
        for field, value in fields.items()
    ]
    assert len(ordered) >= LEAST_ORDERED
    assert sum(right) >= LEAST_RIGHT * len(right)
