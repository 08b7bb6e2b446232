"""What the rules of reading have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

# What is said, and the offset in the text of what it stands for. Pieces are parted by spaces.
Pieces = list[tuple[str, int]]


class Rule(NamedTuple):
    """Tried wherever a letter, a digit or a sign begins. `read` may decline by returning None; what it reads is all
    that matched."""

    starts: str  # of "a" (a letter), "0" (a digit), "$" (any other sign)
    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], Pieces | None]


def rule(starts: str, pattern: str, read: Callable[[re.Match[str]], Pieces | None]) -> Rule:
    """`pattern` may span lines: white space in it does not count, save as \\s."""
    return Rule(starts, re.compile(pattern, re.VERBOSE), read)


def word_before(match: re.Match[str]) -> str:
    """The word before what matched, where only white space and a mark or two part them."""
    found = _BEFORE.search(match.string, max(match.start() - 40, 0), match.start())
    return found[1] if found else ""


def words_before(match: re.Match[str], count: int) -> list[str]:
    return _WORD.findall(match.string, max(match.start() - 60, 0), match.start())[-count:]


def ends_sentence(text: str, at: int) -> bool:
    """Whether the full stop of an abbreviation before `at` ends a sentence too."""
    rest = text[at:].lstrip(" \"'”’)")
    return not rest or rest[0] == "\n"


def one_of(words: Iterable[str]) -> str:
    """A pattern for any of them, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or r"(?!)"


WORD_END = r"(?![^\W_])"

_BEFORE = re.compile(r"([^\W\d_]+\.?)[\s(\"“'#:*]*\Z")
_WORD = re.compile(r"[^\W\d_]+")
