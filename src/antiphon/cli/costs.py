"""What a call cost, as plain data and in one line."""

from __future__ import annotations

import dataclasses
from typing import Any

from antiphon.types import Cost


def as_json(cost: Cost | None) -> dict[str, Any] | None:
    return None if cost is None else dataclasses.asdict(cost.rounded())


def in_words(cost: Cost) -> str:
    """The money, then what it was for."""
    cached = f" ({cost.cached_tokens:,} cached)" if cost.cached_tokens else ""
    used = (
        f"{cost.stt_seconds:.0f} s heard, {cost.input_tokens:,} tokens read{cached}, {cost.output_tokens:,} written, "
        f"{cost.tts_characters:,} characters and {cost.tts_seconds:.0f} s spoken"
    )
    return f"cost {_money(cost)}: {used}{', tokens estimated' if cost.estimated else ''}"


def _money(cost: Cost) -> str:
    parts = {"stt": cost.stt_usd, "llm": cost.llm_usd, "tts": cost.tts_usd}
    unknown = [stage for stage, usd in parts.items() if usd is None]
    known = sum(usd for usd in parts.values() if usd is not None)
    if not unknown:
        return f"${known:.4f}"
    return f"{f'${known:.4f} and ' if known else ''}unknown for {', '.join(unknown)}"
