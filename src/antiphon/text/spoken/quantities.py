"""How much and how many: numbers, money, measures, percentages, and ranges of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from antiphon.text.spoken.language import Currency, Language, Noun
from antiphon.text.spoken.numbers import Numbers
from antiphon.text.spoken.rules import WORD_END, Pieces, Rule, one_of, rule, words_before

_DASH = r"[-‐‑–—−]"
_VULGAR = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5),
    "⅘": (4, 5), "⅙": (1, 6), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8),
}  # fmt: skip
_AFTER_UNIT = r"(?![^\W_]|[/'’][^\W_])"
_WORD_AFTER = re.compile(r"\s([^\W\d_]+)")


@dataclass(frozen=True, slots=True)
class _Number:
    whole: str  # digits, without marks
    decimals: str
    dotted: bool = False  # its mark is not that of the language

    @property
    def value(self) -> float:
        return float(f"{self.whole or 0}.{self.decimals or 0}")


class Quantities:
    def __init__(self, language: Language, numbers: Numbers) -> None:
        self._language = language
        self._numbers = numbers
        self._magnitudes = {name: Noun.parse(forms) for name, forms in language.magnitudes.items()}
        self.number = number_pattern(language)

    def rules(self) -> list[Rule]:
        number, language = self.number, self._language
        money = one_of(language.currencies)
        units = one_of(language.units)
        magnitude = one_of(self._magnitudes)
        quantity = rf"""
            (?P<sign>(?<![\w)])[-−+±](?=[\d.]|{money}))?
            (?:(?P<before>{money})\s?)?
            (?P<first>{number})
            (?:(?:(?P<dash>\s?{_DASH}\s?)(?:(?:{money})\s?)?(?P<second>{number}))(?!\s*=|\d|{_DASH}\d))?
            (?:\s?(?P<magnitude>{magnitude}){WORD_END})?
            (?:\s?(?:(?P<percent>%)|(?:{language.of_magnitude}\s|{language.elided})?(?P<after>{money}){WORD_END}))?
        """
        measure = rf"""
            (?P<sign>(?<![\w)])[-−+±])?(?P<first>{number})
            (?:(?P<dash>\s?{_DASH}\s?)(?P<second>{number}))?
            [\s-]?(?P<unit>{units})(?:(?P<per>/)(?P<other>{units}))?{_AFTER_UNIT}
        """
        vulgar = "".join(_VULGAR)
        fraction = rf"""
            (?:(?P<whole>\d+)(?:\s|(?=[{vulgar}])))?
            (?:(?P<top>\d{{1,2}})[/⁄](?P<bottom>\d{{1,3}})(?![\d/])|(?P<vulgar>[{vulgar}]))
            (?:\s?(?P<unit>{units}){_AFTER_UNIT})?
        """
        size = rf"""
            (?P<first>{number})\s?[x×]\s?(?P<second>{number})(?:\s?[x×]\s?(?P<third>{number}))?
            (?:\s?(?P<unit>{units}){_AFTER_UNIT})?
        """
        return [
            rule("0$", fraction, self._fraction),
            rule("0", size, self._size),
            rule("0", r"(?P<times>\d+)[x×](?=\s[^\W\d_]|[.,;!?)]|\Z)", self._times),
            rule("0$", measure, self._measure),
            rule("0$a", quantity, self._quantity),
        ]

    def parse(self, text: str) -> _Number:
        """The digits of a number as it is written in this language."""
        mark = self._language.decimal
        whole, _, decimals = text.partition(mark)
        if not decimals and mark != "." and re.fullmatch(r"\d+\.\d{1,2}", text):
            whole, _, decimals = text.partition(".")
            return _Number(whole, decimals, dotted=True)
        return _Number(re.sub(r"\D", "", whole), decimals)

    def say(self, number: _Number, *, noun: Noun | None = None) -> str:
        if number.decimals:
            mark = self._language.dot if number.dotted else self._language.point
            return self._numbers.decimal(number.whole, number.decimals, mark=mark)
        return self._numbers.cardinal(int(number.whole), noun=noun)

    def counted(self, number: _Number, noun: Noun) -> str:
        """The form of the noun after the number."""
        fraction = bool(number.decimals) and not self._language.plural_from
        return noun.many if fraction or self._numbers.is_many(number.value) else noun.one

    # --- reading ----------------------------------------------------------------------------------------------------

    def _quantity(self, match: re.Match[str]) -> Pieces | None:
        first, sign = self.parse(match["first"]), self._sign(match)
        second = self.parse(match["second"]) if match["second"] else None
        currency = self._language.currencies.get(match["before"] or match["after"] or "")
        if match["magnitude"]:
            if currency is None and (match["magnitude"] == "B" or (match["magnitude"] in "kK" and first.value < 10)):
                return None  # "exit 12B", "4K"
            return self._large(match, first, second, currency)
        if currency is not None:
            return [*sign, *self._money(match, first, second, currency)]
        if match["percent"]:
            noun = Noun("", "") if self._language.percent_is_noun else None
            return [*sign, *self._range(match, first, second, noun), (self._language.percent, match.start("percent"))]
        if second is None and not match["sign"] and not first.decimals:
            return [(self._bare(match, match["first"]), match.start("first"))]
        return [*sign, *self._range(match, first, second)]

    def _bare(self, match: re.Match[str], text: str) -> str:
        """A whole number with nothing around it: digits of a code, a year, or simply a number."""
        number, language = self.parse(text), self._language
        plain = text.isdecimal()
        before = [word.lower() for word in words_before(match, 3)]
        if plain and (
            (len(text) > 1 and text[0] == "0")
            or len(text) > 9
            or (len(text) > 2 and language.digit_words.intersection(before))
            or (text in language.short_numbers and language.phone_words.intersection(before))
        ):
            return self._numbers.digits(text)
        if plain and len(text) == 3 and language.pair_words.intersection(before[-1:]):
            return self._numbers.pairs(text)
        if plain and len(text) == 4 and language.year_pairs:
            return self._numbers.year(int(text))
        return self.say(number, noun=self._noun_after(match))

    def _noun_after(self, match: re.Match[str]) -> Noun | None:
        """What is counted, by the word after a number; its gender is a guess."""
        language = self._language
        found = _WORD_AFTER.match(match.string, match.end())
        if found is None or found[1] in language.no_nouns or found[1][0].isupper() != language.nouns_in_capitals:
            return None
        return Noun("", "", re.fullmatch(language.feminine_nouns, found[1]) is not None)

    def _large(self, match: re.Match[str], first: _Number, second: _Number | None, currency: Currency | None) -> Pieces:
        """ "$5 million" -> "five million dollars"."""
        noun = self._magnitudes[match["magnitude"]]
        pieces = [*self._sign(match), *self._range(match, first, second, noun)]
        pieces.append((self.counted(second or first, noun), match.start("magnitude")))
        if currency is not None:
            at = match.start("after") if match["after"] else match.start("magnitude")
            pieces.append((self._of(noun, currency.main.many), at))
        elif match["percent"]:
            pieces.append((self._language.percent, match.start("percent")))
        return pieces

    def _of(self, magnitude: Noun, counted: str) -> str:
        """ "de dólares", after what is a noun itself: "millones", not "mil"."""
        language = self._language
        if magnitude.one == magnitude.many or not language.of_magnitude:
            return counted
        elided = language.elided and counted[0] in "aeiouhé"
        return f"{language.elided}{counted}" if elided else f"{language.of_magnitude} {counted}"

    def _money(self, match: re.Match[str], first: _Number, second: _Number | None, currency: Currency) -> Pieces:
        if second is not None:
            after = (self.counted(second, currency.main), match.end("second") - 1)
            return [*self._range(match, first, second, currency.main), after]
        return [(self.price(first, currency), match.start("first"))]

    def price(self, number: _Number, currency: Currency) -> str:
        whole, cents = _Number(number.whole or "0", ""), number.decimals.ljust(2, "0")
        if len(cents) > 2 or (number.decimals and currency.cents is None):
            return f"{self.say(number, noun=currency.main)} {currency.main.many}"
        main = f"{self.say(whole, noun=currency.main)} {self.counted(whole, currency.main)}"
        if currency.cents is None or not int(cents):
            return main
        count = self._numbers.cardinal(int(cents))
        agreeing = self._numbers.cardinal(int(cents), noun=currency.cents)
        small = currency.cents.many if self._numbers.is_many(int(cents)) else currency.cents.one
        if not int(whole.whole):
            return f"{agreeing} {small}"
        return self._language.money.format(main=main, count=count, cents=f"{agreeing} {small}")

    def _measure(self, match: re.Match[str]) -> Pieces | None:
        first = self.parse(match["first"])
        second = self.parse(match["second"]) if match["second"] else None
        noun = self._language.units[match["unit"]]
        pieces = [*self._sign(match), *self._range(match, first, second, noun)]
        pieces.append((self.counted(second or first, noun), match.start("unit")))
        if match["other"]:
            pieces.append((f"{self._language.per} {self._language.units[match['other']].one}", match.start("per")))
        return pieces

    def _size(self, match: re.Match[str]) -> Pieces:
        pieces = [(self.say(self.parse(match["first"])), match.start("first"))]
        last = self.parse(match["first"])
        for name in ("second", "third"):
            if match[name]:
                last = self.parse(match[name])
                pieces.append((f"{self._language.by} {self.say(last)}", match.start(name)))
        if match["unit"]:
            pieces.append((self.counted(last, self._language.units[match["unit"]]), match.start("unit")))
        return pieces

    def _times(self, match: re.Match[str]) -> Pieces:
        return [
            (self._numbers.cardinal(int(match["times"])), match.start()),
            (self._language.symbols["×"], match.end() - 1),
        ]

    def _fraction(self, match: re.Match[str]) -> Pieces | None:
        language = self._language
        top, bottom = _VULGAR[match["vulgar"]] if match["vulgar"] else (int(match["top"]), int(match["bottom"]))
        if match["vulgar"] is None and (top >= bottom or bottom not in language.fractions):
            return None
        counted = language.units[match["unit"]] if match["unit"] else self._noun_after(match)
        gender = counted is not None and counted.feminine
        noun = Noun.parse(language.fractions[bottom])
        part = f"{language.one_in_fractions} {noun.one}" if top == 1 else f"{self._numbers.cardinal(top)} {noun.many}"
        if (top, bottom) == (1, 2):
            part = language.half[gender]
        at = match.start("vulgar") if match["vulgar"] else match.start("top")
        pieces = [(part, at)]
        if match["whole"]:
            whole = self._numbers.cardinal(int(match["whole"]), noun=counted)
            rest = language.and_a_half[gender] if (top, bottom) == (1, 2) else f"{language.and_} {part}"
            pieces = [(whole, match.start("whole")), (rest, at)]
        if match["unit"] and counted is not None:
            pieces.append((counted.many if match["whole"] else counted.one, match.start("unit")))
        return pieces

    def _range(self, match: re.Match[str], first: _Number, second: _Number | None, noun: Noun | None = None) -> Pieces:
        if second is None:
            return [(self.say(first, noun=noun), match.start("first"))]
        words = [self.say(first), self.say(second, noun=noun)]
        if noun is None:
            words = [self._year_or_number(match[name]) for name in ("first", "second")]
        return [
            (words[0], match.start("first")),
            (self._language.range_word, match.start("dash")),
            (words[1], match.start("second")),
        ]

    def _year_or_number(self, text: str) -> str:
        if len(text) == 4 and text.isdecimal():
            return self._numbers.year(int(text))
        return self.say(self.parse(text))

    def _sign(self, match: re.Match[str]) -> Pieces:
        language = self._language
        sign = "-" if match["sign"] == "−" else match["sign"]
        return [(language.symbols[sign], match.start("sign"))] if sign else []


def number_pattern(language: Language) -> str:
    """A number as it is written: with marks of thousands or without, perhaps with decimals."""
    mark, group = re.escape(language.decimal), language.group
    whole = rf"(?:\d{{1,3}}(?:[{group}]\d{{3}})+(?!\d)|\d+)"
    decimals = rf"(?:{mark}\d+)?" if mark == r"\." else rf"(?:{mark}\d+|\.\d{{1,2}}(?![\d.]))?"
    return rf"(?:{whole}{decimals}|(?<!\w)\.\d+)"
