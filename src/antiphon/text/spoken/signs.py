"""Single signs, and ordinals: what is left when all that is longer has been looked for."""

from __future__ import annotations

import re
from collections.abc import Callable

from antiphon.text.spoken.language import Changes, Language
from antiphon.text.spoken.numbers import Numbers
from antiphon.text.spoken.rules import WORD_END, Pieces, Rule, one_of, rule, word_before, words_before

_SILENT = "*_`|~^\\<>{}[]•#"  # what is left of markup and drawing


class Signs:
    def __init__(self, language: Language, numbers: Numbers, number: str) -> None:
        self._language = language
        self._numbers = numbers
        self._number = number

    def before_quantities(self) -> list[Rule]:
        language = self._language
        ordinals = [
            rule("0", rf"(?P<number>{self._number})(?:{mark}){WORD_END}", self._ordinal(changes))
            for mark, changes in language.ordinals
        ]
        return [
            *ordinals,
            rule("0", r"(?P<first>\d+):(?P<second>\d+)(?![:\d])", self._ratio),
            rule("$", r"\#(?=\d)|№\s?", _saying(language.number_sign)),
            rule("$", r"(?<!\w)[~≈](?=\s?[\d$€£])", _saying(language.about)),
            rule("$", r"\^(?=\d)", _saying(language.power)),
        ]

    def rules(self) -> list[Rule]:
        symbols = self._language.symbols
        return [
            rule("$", r"(?<=[\w)]\s)[-*x/<>](?=\s[\w(.])", self._operator),
            rule("$", r"(?<=\w)\+(?![^\W_])", self._symbol),
            rule("$", r"[$€£¥]{2,}|[$€£¥](?=[^\W\d_])", _saying("")),
            rule("$", one_of(symbol for symbol in symbols if symbol not in "-*/<>"), self._symbol),
            rule("$", r"\A[-–](?=\s)", _saying("")),
            rule("$", r"(?<=\s)[-–](?=\s)", _saying(",")),
            rule("$", rf"/(?=(?:{one_of(self._language.per_words)}){WORD_END})", _saying(self._language.per)),
            rule("$", r"(?<=[^\W_])/(?=[^\W_])|_(?=\w)", _saying("")),
            rule("$", f"[{re.escape(_SILENT)}]", _saying("")),
        ]

    # --- reading ----------------------------------------------------------------------------------------------------

    def _ordinal(self, changes: Changes) -> Callable[[re.Match[str]], Pieces | None]:
        endings = self._language.ordinal_endings

        def read(match: re.Match[str]) -> Pieces | None:
            digits, before = re.sub(r"\D", "", match["number"]), word_before(match)
            if len(digits) > 6 or (endings and not (before and before.lower() in endings)):
                return None
            context = " ".join(words_before(match, 2))
            return [(self._numbers.ordinal(int(digits), before=context, changes=changes), match.start())]

        return read

    def _ratio(self, match: re.Match[str]) -> Pieces:
        first, second = (self._numbers.cardinal(int(match[name])) for name in ("first", "second"))
        return [
            (first, match.start()),
            (self._language.ratio_word, match.end("first")),
            (second, match.start("second")),
        ]

    def _symbol(self, match: re.Match[str]) -> Pieces:
        return [(self._language.symbols[match.group()], match.start())]

    def _operator(self, match: re.Match[str]) -> Pieces | None:
        """A sign that counts only between two values: "10 - 4"; not in "yes - no"."""
        before = re.search(r"(\w+|\))\s\Z", match.string[: match.start()])
        after = re.match(r"\s[(.]?(\w+)", match.string[match.end() :])
        values = [found[1] for found in (before, after) if found]
        if match.group() in "<>" or all(value[0].isdigit() or len(value) == 1 for value in values):
            return [(self._language.symbols[match.group()], match.start())]
        return None


def _saying(words: str) -> Callable[[re.Match[str]], Pieces]:
    return lambda match: [(words, match.start())]
