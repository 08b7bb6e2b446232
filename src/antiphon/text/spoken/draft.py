"""A text made from another, which knows of each of its characters where it comes from."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate

_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Spoken:
    """What is given to the TTS for a piece of the model's text.

    `origins` has one number for each character of `text`: the offset, in what the model wrote, of what it stands for.
    They never decrease.
    """

    text: str
    origins: tuple[int, ...]

    @classmethod
    def as_written(cls, text: str) -> Spoken:
        return cls(text, tuple(range(len(text))))

    def then(self, later: Spoken) -> Spoken:
        """`later`, which was made from this one's text, as made from what this one was made from."""
        origins = self.origins
        return Spoken(later.text, tuple(origins[at] if at < len(origins) else origins[-1] for at in later.origins))


class Draft:
    """Written from left to right; white space never doubles."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._parts: list[str] = []
        self._origins: list[int] = []
        self.last = ""  # the newest character

    def copy(self, begin: int, end: int) -> None:
        """A stretch of the source as it is."""
        text = self._source[begin:end]
        if self.last.isspace() and text[:1].isspace():
            begin, text = begin + 1, text[1:]
        if text:
            self._parts.append(text)
            self._origins.extend(range(begin, end))
            self.last = text[-1]

    def write(self, text: str, origin: int) -> None:
        """New text, which stands for what is at `origin` in the source."""
        if self.last.isspace() or not self._parts:
            text = text.lstrip(" ")
        if text:
            self._parts.append(text)
            self._origins.extend([origin] * len(text))
            self.last = text[-1]

    def insert(self, made: Spoken, begin: int) -> None:
        """What was made of the part of the source that begins there."""
        self._parts.append(made.text)
        self._origins.extend(begin + origin for origin in made.origins)
        self.last = made.text[-1:] or self.last

    def space(self, origin: int) -> None:
        self.write(" ", origin)

    @property
    def speaks(self) -> str:
        """The newest character that is not white space."""
        return next((part.rstrip()[-1] for part in reversed(self._parts) if part.strip()), "")

    def done(self) -> Spoken:
        return Spoken("".join(self._parts), tuple(accumulate(self._origins, max)))


def align(written: str, changed: str) -> Spoken:
    """`changed` as made from `written` by somebody who did not say how: what is alike is laid on what it is alike, and
    what was changed on the beginning of what it replaces."""
    if written == changed:
        return Spoken.as_written(written)
    old, new = _tokens(written), _tokens(changed)
    starts = [start for start, _ in old]
    origins: list[int] = []
    matcher = SequenceMatcher(None, [text for _, text in old], [text for _, text in new], autojunk=False)
    for tag, i, _, j, j_end in matcher.get_opcodes():
        at = starts[i] if i < len(starts) else max(len(written) - 1, 0)
        for k in range(j, j_end):
            begin = starts[i + k - j] if tag == "equal" else at
            size = len(new[k][1])
            origins += range(begin, begin + size) if tag == "equal" else [begin] * size
    return Spoken(changed, tuple(accumulate(origins, max)))


def _tokens(text: str) -> list[tuple[int, str]]:
    return [(match.start(), match.group()) for match in _TOKEN.finditer(text)]


def word_at(starts: Sequence[int], offset: int) -> int:
    """Which of the words that begin at `starts` an offset belongs to; the first for what is before it."""
    return max(bisect_right(starts, offset) - 1, 0)
