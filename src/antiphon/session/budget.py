"""What one session may use. When it is as good as spent, the session says goodbye and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from antiphon.types import Cost

LOOK_EVERY = 0.25  # seconds
SPEECH_RATE = 14.0  # characters a second: how long the line takes that time is kept back for


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """None: no limit. A reply under way is not broken off at once, so a session may use a little more."""

    seconds: float | None = None  # that the session lasts
    tokens: int | None = None  # read and written by the language model, cached ones too
    characters: int | None = None  # sent to the TTS
    usd: float | None = None  # of what has a known price

    @property
    def limited(self) -> bool:
        return any(getattr(self, field.name) is not None for field in fields(self))

    def capped(self, other: Budget) -> Budget:
        """The smaller of both, in each respect."""
        return Budget(**{field.name: _least(self, other, field.name) for field in fields(self)})

    def spent(self, cost: Cost, *, seconds: float) -> str | None:
        """Which part of it is spent."""
        used = {
            "seconds": seconds,
            "tokens": cost.input_tokens + cost.output_tokens,
            "characters": cost.tts_characters,
            "usd": sum(usd for usd in (cost.stt_usd, cost.llm_usd, cost.tts_usd) if usd is not None),
        }
        for name, amount in used.items():
            allowed = getattr(self, name)
            if allowed is not None and amount >= allowed:
                return name
        return None


def _least(one: Budget, other: Budget, name: str) -> Any:
    given = [amount for amount in (getattr(one, name), getattr(other, name)) if amount is not None]
    return min(given, default=None)


class BudgetWatch:
    """Looks at what a session has used, as long as it lasts. `used` says what that is, together with a text that is
    still to be spoken, and `duration` for how many seconds it has lasted; `on_spent` is called once, with the name of
    what is spent."""

    def __init__(
        self,
        budget: Budget,
        *,
        line: str,
        used: Callable[[str], Cost],
        duration: Callable[[], float],
        on_spent: Callable[[str], None],
    ) -> None:
        """`line` is what will be said in the end: there is always enough left for it."""
        self._budget = budget
        self._line = line
        self._used = used
        self._duration = duration
        self._on_spent = on_spent
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._budget.limited:
            self._next = self._loop.call_later(LOOK_EVERY, self._look)

    def stop(self) -> None:
        if self._next:
            self._next.cancel()
            self._next = None

    def _look(self) -> None:
        seconds = self._duration() + len(self._line) / SPEECH_RATE
        if name := self._budget.spent(self._used(self._line), seconds=seconds):
            self._next = None
            self._on_spent(name)
        else:
            self.start()
