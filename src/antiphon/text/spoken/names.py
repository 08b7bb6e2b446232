"""Words that are not read as they are written: abbreviations, initialisms, Roman numerals, names with digits."""

from __future__ import annotations

import re
from collections.abc import Callable

from antiphon.text.spoken.language import Language
from antiphon.text.spoken.numbers import Numbers
from antiphon.text.spoken.rules import WORD_END, Pieces, Rule, ends_sentence, one_of, rule, word_before, words_before

_ROMAN = r"(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_UPPER = "A-ZÄÖÜÉÈÀÇÑÁÍÓÚÂÊÔÃÕ"
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_VOWELS = re.compile("[aeiouyàáâãäèéêëìíîïòóôõöùúûü]", re.IGNORECASE)
_SHOUTED = 3  # so many words in capitals in a row are no initialisms


class Names:
    def __init__(self, language: Language, numbers: Numbers) -> None:
        self._language = language
        self._numbers = numbers
        at_start = {name.capitalize(): said.capitalize() for name, said in language.abbreviations.items()}
        self._abbreviations = at_start | dict(language.abbreviations)

    def rules(self) -> list[Rule]:
        language = self._language
        day = f"(?:{one_of(language.weekdays)})"
        days = rf"(?P<first>{day})\.?\s?(?P<dash>[-–—])\s?(?P<second>{day}){WORD_END}"
        roman = rf"""
            (?P<numeral>{_ROMAN})(?P<mark>\.|(?:er|ème|eme|e|ère){WORD_END})?
            (?P<century>\s(?:{one_of(language.centuries)}))?{WORD_END}
        """
        return [
            *(Rule("a0$", re.compile(pattern), _saying(words)) for pattern, words in language.contextual),
            rule("a", days, self._weekdays),
            rule("a", rf"(?P<day>{day})\.?(?=,?\s\d)", self._weekday),
            rule("a", f"(?:{one_of(self._abbreviations)}){WORD_END}", self._abbreviation),
            rule("a", roman, self._roman),
            rule("a", rf"[{_UPPER}](?:\.\s?[{_UPPER}])+\.?{WORD_END}", self._dotted),
            rule("a", rf"[A-Z]{{1,3}}(?:&[A-Z]{{1,2}})+{WORD_END}", self._joined),
            rule("a", rf"(?P<word>[{_UPPER}]+)-(?P<digits>\d{{1,3}})(?![\w-])", self._numbered),
            rule("a", rf"(?P<word>[A-Za-z]*[A-Z])(?P<digits>\d{{1,4}})(?P<more>[A-Z]?){WORD_END}", self._numbered),
            rule("a0", rf"(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z\d]{{2,}}{WORD_END}", self._code),
            rule("a", rf"(?P<word>[{_UPPER}]{{2,}})(?P<plural>['’]?s)?{WORD_END}", self._capitals),
        ]

    # --- reading ----------------------------------------------------------------------------------------------------

    def _abbreviation(self, match: re.Match[str]) -> Pieces:
        word = self._abbreviations[match.group()]
        pieces = [(word, match.start())]
        if match.group().endswith(".") and ends_sentence(match.string, match.end()):
            pieces.append((".", match.end() - 1))
        return pieces

    def _weekdays(self, match: re.Match[str]) -> Pieces:
        names, to = self._language.weekdays, self._language.range_word
        first, second = (names[match[name]] for name in ("first", "second"))
        return [(first, match.start()), (to, match.start("dash")), (second, match.start("second"))]

    def _weekday(self, match: re.Match[str]) -> Pieces:
        return [(self._language.weekdays[match["day"]], match.start())]

    def _roman(self, match: re.Match[str]) -> Pieces | None:
        language, numeral, mark = self._language, match["numeral"], match["mark"] or ""
        number = _value(numeral)
        before = word_before(match)
        at = match.start()
        stop: Pieces = [(".", match.end() - 1)] if mark == "." and ends_sentence(match.string, match.end()) else []
        if match["century"] or before.lower() in language.centuries:
            ordinal = language.century_ordinal and (match["century"] is not None)
            words = self._numbers.ordinal(number) if ordinal else self._numbers.cardinal(number)
            century = (match["century"] or "").strip()
            after: Pieces = [(self._abbreviations.get(century, century), match.start("century"))] if century else []
            return [(words, at), *after, *stop]
        if before in language.rulers or before in language.queens:
            return [(self._ruler(number, queen=before in language.queens), at), *stop]
        if mark == "." and before.lower() in language.ordinal_endings:
            return [(self._numbers.ordinal(number, before=before), at)]
        if before.lower() in language.counted or (len(numeral) > 2 and len(set(numeral)) > 1 and before[:1].isupper()):
            return [(self._numbers.cardinal(number), at), *stop]
        if mark not in ("", ".") and numeral not in ("M", "D", "C", "L"):
            return [(self._numbers.ordinal(number), at)]
        return None

    def _ruler(self, number: int, *, queen: bool) -> str:
        language = self._language
        if number > language.rulers_ordinal_to:
            return self._numbers.cardinal(number)
        words = self._numbers.ordinal(number, before="der", changes=language.feminine_ordinal if queen else ())
        return language.ruler[queen].format(ordinal=words)

    def _dotted(self, match: re.Match[str]) -> Pieces:
        pieces: Pieces = [(c, match.start() + i) for i, c in enumerate(match.group()) if c.isalpha()]
        if match.group().endswith(".") and ends_sentence(match.string, match.end()):
            pieces.append((".", match.end() - 1))
        return pieces

    def _joined(self, match: re.Match[str]) -> Pieces:
        return [(self._language.and_ if c == "&" else c, match.start() + i) for i, c in enumerate(match.group())]

    def _numbered(self, match: re.Match[str]) -> Pieces | None:
        """ "A4", "MP3", "COVID-19"."""
        word, digits, more = match["word"], match["digits"], match.groupdict().get("more") or ""
        letters = _spelled(word) if len(word) < 3 or self.is_initialism(word) else word
        if digits[0] == "0" or len(digits) > 3:
            number = self._numbers.digits(digits)
        else:
            number = self._numbers.pairs(digits) if len(digits) == 3 else self._numbers.cardinal(int(digits))
        pieces = [(letters, match.start("word")), (number, match.start("digits"))]
        return [*pieces, (more, match.start("more"))] if more else pieces

    def _code(self, match: re.Match[str]) -> Pieces | None:
        """Letters and digits that take turns are read one by one."""
        text = match.group()
        if re.fullmatch(r"\d+[A-Z]", text):
            return [(self._numbers.cardinal(int(text[:-1])), match.start()), (text[-1], match.end() - 1)]
        said = (self._numbers.digits(c) if c.isdecimal() else c for c in text)
        return [(word, match.start() + i) for i, word in enumerate(said)]

    def _capitals(self, match: re.Match[str]) -> Pieces | None:
        word = match["word"]
        if not self.is_initialism(word) or (len(word) < 5 and self._is_shouted(match)):
            return None
        plural = "s" if match["plural"] else ""
        return [(_spelled(word) + plural, match.start())]

    def is_initialism(self, word: str) -> bool:
        language = self._language
        if word in language.spelled:
            return True
        if word in language.pronounced:
            return False
        short = len(word) == 3 and bool(language.short_words) and word.lower() not in language.short_words
        return short or len(word) == 2 or not _VOWELS.search(word)

    def _is_shouted(self, match: re.Match[str]) -> bool:
        near = words_before(match, _SHOUTED)
        near += re.findall(r"[^\W\d_]+", match.string[match.end() : match.end() + 40])[:_SHOUTED]
        loud = [word for word in near if word.isupper() and len(word) > 1 and not self.is_initialism(word)]
        return len(loud) >= _SHOUTED


def _saying(words: str) -> Callable[[re.Match[str]], Pieces]:
    return lambda match: [(match.expand(words), match.start())]


def _spelled(word: str) -> str:
    return " ".join(word)


def _value(numeral: str) -> int:
    values = [_VALUES[c] for c in numeral]
    return sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))
