"""Reads plain text aloud, in words: tries the rules wherever something begins that they may know."""

from __future__ import annotations

import re

from antiphon.text.spoken.addresses import Addresses
from antiphon.text.spoken.dates import Dates
from antiphon.text.spoken.draft import Draft, Spoken
from antiphon.text.spoken.language import Language
from antiphon.text.spoken.names import Names
from antiphon.text.spoken.numbers import Numbers
from antiphon.text.spoken.quantities import Quantities
from antiphon.text.spoken.rules import Pieces, Rule
from antiphon.text.spoken.signs import Signs

_TOKEN = re.compile(r"(?P<a>[^\W\d_¼-¾⅐-⅞]+)|(?P<zero>\d+)|(?P<space>\s+)|(?P<sign>.)", re.DOTALL)
_KINDS = {"a": "a", "zero": "0", "sign": "$"}
# Most words and marks are read as they are written, and need no rule to be tried. A word of that kind is in small
# letters, or begins with a capital, and nothing stands right behind it that could belong to it.
_LONGEST_ABBREVIATION = 6
_PLAIN_BEHIND = re.compile(r"(?:['’-][^\W\d_]+)*(?:[\s,;!?)\"”»…—–]|:\s|\Z)")
_STOP_BEHIND = re.compile(r"\.(?:\s|\Z)")
_PLAIN_MARKS = re.compile(r"(?<!\d)[\"“”‘’]|[,;:!?»«)…—](?!\d)|[.('](?![\d+])")
_GLUED = re.compile(r"[^\w\s]")  # a piece that stands right behind the one before


class Reader:
    def __init__(self, language: Language) -> None:
        self.language = language
        numbers = Numbers(language)
        quantities = Quantities(language, numbers)
        signs = Signs(language, numbers, quantities.number)
        rules = [
            *Addresses(language, numbers).rules(),
            *Dates(language, numbers).rules(),
            *signs.before_quantities(),
            *quantities.rules(),
            *Names(language, numbers).rules(),
            *signs.rules(),
        ]
        self._openers = _openers(language)
        self._rules: dict[str, list[Rule]] = {kind: [r for r in rules if kind in r.starts] for kind in "a0$"}

    def read(self, text: str) -> Spoken:
        draft, at = Draft(text), 0
        replaced = False  # what came last is not as it was written
        while at < len(text):
            token = _TOKEN.match(text, at)
            assert token is not None
            found = None if self._is_plain(token) else self._find(_KINDS[token.lastgroup or ""], text, at)
            if found is None:
                if replaced and draft.last.isalnum() and text[at].isalnum():
                    draft.space(at)
                draft.copy(at, token.end())
                at, replaced = token.end(), False
            else:
                _write(draft, found[0])
                at, replaced = found[1], True
        return draft.done()

    def _is_plain(self, token: re.Match[str]) -> bool:
        text, end, word = token.string, token.end(), token.group()
        if token.lastgroup == "a":
            if not (word[1:].islower() or len(word) == 1) or word in self._openers:
                return False
            long = len(word) > _LONGEST_ABBREVIATION and not word.endswith(self.language.long_abbreviations)
            return bool((long and _STOP_BEHIND.match(text, end)) or _PLAIN_BEHIND.match(text, end))
        if token.lastgroup == "sign":
            return _PLAIN_MARKS.match(text, token.start()) is not None
        return token.lastgroup == "space"

    def _find(self, kind: str, text: str, at: int) -> tuple[Pieces, int] | None:
        for rule in self._rules[kind]:
            match = rule.pattern.match(text, at)
            if match is not None and match.end() > at:
                pieces = rule.read(match)
                if pieces is not None:
                    return [(words, at if i == 0 else origin) for i, (words, origin) in enumerate(pieces)], match.end()
        return None


def _write(draft: Draft, pieces: Pieces) -> None:
    for words, origin in pieces:
        if not words:
            draft.space(origin)
            continue
        if not _GLUED.match(words) and (draft.last.isalnum() or draft.last in ",.;:!?%"):
            draft.space(origin)
        draft.write(words, origin)


def _openers(language: Language) -> frozenset[str]:
    """Words that look plain and begin something that is not."""
    phrases = [*language.months, *language.month_abbreviations, *language.weekdays, *language.abbreviations]
    phrases += [*language.currencies, *language.openers]
    found = (re.match(r"([^\W\d_]+)(?!\.)", phrase) for phrase in phrases)
    openers = {match[1] for match in found if match}
    return frozenset(openers | {word.capitalize() for word in openers})
