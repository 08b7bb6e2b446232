"""Numbers in words. num2words knows the words; what depends on the sentence is here."""

from __future__ import annotations

import re
from functools import lru_cache

from antiphon.text.spoken.language import Changes, Language, Noun

LARGEST = 10**15  # what is larger is read digit by digit


class Numbers:
    """The numbers of one language. `text` is digits as they are written, without signs and marks of thousands."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._name = language.numbers

    def cardinal(self, number: int, *, noun: Noun | None = None) -> str:
        """`noun`: what is counted, where something is."""
        if number >= LARGEST:
            return self.digits(str(number))
        language = self._language
        words = changed(_words(self._name, number, "cardinal"), language.repairs)
        if noun is None:
            return words
        return changed(words, language.feminine if noun.feminine else language.masculine)

    def ordinal(self, number: int, *, before: str = "", changes: Changes = ()) -> str:
        """`before`: what stands before it, the last word or two of which decide its ending in some languages."""
        endings, last = self._language.ordinal_endings, before.lower().split()[-2:]
        known = (endings[key] for key in (" ".join(last), *last[-1:], "") if key in endings)
        return changed(_words(self._name, number, "ordinal"), changes) + next(known, "")

    def year(self, number: int) -> str:
        first, last = self._language.year_pairs or (1, 0)
        if not first <= number <= last or number % 1000 < 10:
            return self.cardinal(number)
        return _words(self._name, number, "year")

    def digits(self, text: str) -> str:
        return " ".join(_words(self._name, int(digit), "cardinal") for digit in text if digit.isdecimal())

    def pairs(self, text: str) -> str:
        """Three digits of a name, like a room's: "305" -> "three oh five", where the language does that."""
        oh = self._language.oh
        if not oh or not int(text[1:]):
            return self.cardinal(int(text))
        rest = self.cardinal(int(text[1:]))
        return f"{self.cardinal(int(text[0]))} {f'{oh} {rest}' if text[1] == '0' else rest}"

    def decimal(self, whole: str, decimals: str, *, mark: str) -> str:
        """ "3", "14" -> "three point one four"."""
        language = self._language
        zeros = decimals[: len(decimals) - len(decimals.lstrip("0"))] if decimals.strip("0") else decimals
        rest = decimals[len(zeros) :]
        if len(rest) <= language.decimals_as_number and rest:
            after = " ".join(part for part in (self.digits(zeros), self.cardinal(int(rest))) if part)
        else:
            after = self.digits(decimals)
        return f"{self.cardinal(int(whole or 0))} {mark} {after}"

    def is_many(self, value: float) -> bool:
        """Which form of a noun follows: "1 kilometre", "2 kilometres"."""
        start = self._language.plural_from
        return abs(value) >= start if start else abs(value) != 1


def changed(words: str, changes: Changes) -> str:
    for pattern, replacement in changes:
        words = re.sub(pattern, replacement, words)
    return words


@lru_cache(maxsize=8192)
def _words(language: str, number: int, kind: str) -> str:
    from num2words import num2words

    return str(num2words(number, lang=language, to=kind)).replace(",", "")
