"""The open utterance as text, in a vendor's terms: what it has settled, and what it may still change.

Vendors cut what a caller says into turns or results of their own; an utterance is one or more of them, or a part.
"""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.providers.base import Transcript


@dataclass(slots=True)
class Draft:
    """`number` is the contract's count of resets."""

    number: int = 0
    settled: str = ""
    open: str = ""
    asked: bool = False  # a final was asked for and has not been given
    shown: str = ""  # the text of the last transcript of this utterance

    @property
    def text(self) -> str:
        return " ".join(part for part in (self.settled, self.open) if part)

    def settle(self, text: str) -> None:
        """`text` takes the place of the open part, and will not change."""
        self.open = text.strip()
        self.settled, self.open = self.text, ""

    def next(self) -> None:
        """Another utterance begins."""
        self.number += 1
        self.settled = self.open = self.shown = ""
        self.asked = False

    def partial(self, *, end_of_turn: bool = False) -> Transcript | None:
        """What is understood so far; None if that is nothing new."""
        if self.text == self.shown and not end_of_turn:
            return None
        self.shown = self.text
        return Transcript(self.text, self.number, end_of_turn=end_of_turn)

    def final(self) -> Transcript:
        """The answer to what was asked."""
        self.asked, self.shown = False, self.text
        return Transcript(self.text, self.number, final=True)
