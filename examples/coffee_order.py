"""Takes orders in a coffee shop. What may be ordered is the tool's schema, so nothing else can be.

    ollama pull llama3.2
    python examples/coffee_order.py

Orders are written to orders.db.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from antiphon import Agent, ToolContext, tool

INSTRUCTIONS = """
You take orders in a coffee shop. Callers say what they want in one go: call `order` with what you understood, and leave
out what was not said. Then read the order back in one short sentence. Do not offer anything that is not on the menu.
"""

Coffee = Literal["americano", "cappuccino", "coffee", "drip coffee", "espresso", "house coffee", "latte", "mocha"]
Drink = Literal[Coffee, "iced coffee", "iced mocha"]
Size = Literal["small", "medium", "large", "eight ounce", "twelve ounce", "sixteen ounce", "twenty ounce"]
Shots = Literal["single shot", "double shot", "triple shot"]
Roast = Literal["light roast", "medium roast", "dark roast"]
Milk = Literal["milk", "whole milk", "skim milk", "soy milk", "almond milk", "cream"]
Sweet = Literal["sugar", "brown sugar", "sweetener"]

TABLE = "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, drink TEXT NOT NULL, size, shots, roast, milk, sweet)"


def coffee_shop(database: Path, **stages: Any) -> Agent:
    """The agent. `stages` replace its language model, or its ears and voice."""

    @tool(on_success="Read the order back.")
    def order(
        drink: Drink,
        context: ToolContext,
        size: Size | None = None,
        shots: Shots | None = None,
        roast: Roast | None = None,
        milk: Milk | None = None,
        sweet: Sweet | None = None,
    ) -> str:
        """Passes an order to the bar."""
        with closing(sqlite3.connect(database)) as db, db:
            db.execute(TABLE)
            row = (context.call_id, drink, size, shots, roast, milk, sweet)
            db.execute("INSERT OR IGNORE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        said = (size, shots, roast, drink, milk and f"with {milk}", sweet and f"and {sweet}")
        return " ".join(part for part in said if part)

    made: dict[str, Any] = {"llm": "ollama/llama3.2", **stages}
    return Agent(
        instructions=INSTRUCTIONS,
        greeting="Hi, what can I get you?",
        tools=[order],
        **made,
    )


if __name__ == "__main__":
    coffee_shop(Path("orders.db")).serve()
