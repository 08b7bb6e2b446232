"""The ledger of a turn as a bar: one colour a span, as long as the silence it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from rich.text import Text

# In the order of the silence. A server's own names that are not here are drawn grey.
COLOURS = {
    "uplink": "bright_black",
    "endpointing": "blue",
    "stt": "cyan",
    "llm": "magenta",
    "chunking": "yellow",
    "tts": "green",
    "playout": "red",
    "downlink": "bright_black",
}


class Span(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def ms(self) -> float: ...
    @property
    def over_budget(self) -> bool: ...


def bar(spans: Sequence[Span], *, width: int, full_ms: float) -> Text:
    """`width` characters stand for `full_ms`. Ends are rounded, not lengths, so the whole is as long as the sum."""
    text, elapsed, drawn = Text(), 0.0, 0
    for span in spans:
        elapsed += span.ms
        end = round(width * elapsed / full_ms) if full_ms else 0
        text.append("█" * (end - drawn), style=COLOURS.get(span.name, "white"))
        drawn = max(end, drawn)
    return text


def legend(spans: Iterable[Span]) -> Text:
    """Each span with its milliseconds; those over budget are marked."""
    text = Text()
    for span in spans:
        if span.ms >= 0.5:
            text.append(f"{span.name} ", style=COLOURS.get(span.name, "white"))
            text.append(f"{span.ms:.0f}{'!' if span.over_budget else ''} ", style="bold" if span.over_budget else "dim")
    return text
