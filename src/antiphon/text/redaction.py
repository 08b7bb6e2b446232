"""Takes out of a text what nobody should keep: payment cards, telephone numbers and e-mail addresses, also as they are
spoken ("four one one one ...", "ada dot byron at example dot com").

Numbers are found as runs of digits and words for digits. Of a run, 13 to 19 digits that pass Luhn's check (ISO/IEC
7812-1, annex B) are a card; what is left of it is a telephone number where it has 7 digits or more. That takes out too
much rather than too little. All patterns are matched in linear time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from typing import Any

import re2

from antiphon.errors import ConfigError

Redactor = Callable[[str], str]

CARD = range(13, 20)  # digits
PHONE = 7  # digits, at least

_WORDS = (  # of en, de, es, fr, it, pt
    "zero oh o null cero zéro nul",
    "one ein eins eine uno un une um uma",
    "two zwei zwo dos deux due dois duas",
    "three drei tres trois tre três",
    "four vier cuatro quatre quattro quatro",
    "five fünf cinco cinq cinque",
    "six sechs seis sei meia",
    "seven sieben siete sept sette sete",
    "eight acht ocho huit otto oito",
    "nine neun nueve neuf nove",
)
_DIGITS = {word: str(digit) for digit, words in enumerate(_WORDS) for word in words.split()}
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_NUMBERS = {
    **_DIGITS,
    **{word: str(number) for number, word in enumerate(_TEENS, 10)},
    **{word: str(number * 10) for number, word in enumerate(_TENS, 2)},
}
_TIMES = {"double": 2, "triple": 3, "treble": 3}

_OPTIONS = re2.Options()
_OPTIONS.case_sensitive = False
_OPTIONS.log_errors = False


def _any(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_UNIT = re2.compile(
    rf"[0-9]+|(?:{_any(_TENS)})[\s-]+(?:{_any(_DIGITS)})\b|(?:{_any(_TIMES)})\s+(?:[0-9]|(?:{_any(_DIGITS)})\b)"
    rf"|\b(?:{_any(_NUMBERS)})\b",
    _OPTIONS,
)
_SEPARATOR = re2.compile(r"[\s\p{Pd}.,/()·_]{0,4}")
_NO_NUMBER = re2.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,3}(?:[,.][0-9]{3})+(?:[.,][0-9]{1,2})?")  # date, amount
_NAME = r"[^\s@<>\"'(),;:]"
_TLDS = "com|org|net|edu|gov|io|co|uk|de|fr|es|it|pt|br|eu|at|ch|info|biz|dev|app|ai|me|us|ca|au|in|nl|example"
_SPELLED = r"[\p{L}\p{N}][\p{L}\p{N}.+_-]*"
_JOINED = rf"{_SPELLED}(?:\s+(?:dot|point|underscore|dash|hyphen|minus|plus)\s+{_SPELLED})*"
_EMAIL = re2.compile(
    rf"{_NAME}+@{_NAME}*[\p{{L}}\p{{N}}]"
    rf"|(?:\b[\p{{L}}\p{{N}}]\s+)*{_JOINED}\s+at\s+(?:[\p{{L}}\p{{N}}]\s+)*{_JOINED}?(?:\s*(?:\bdot\b|\.)\s*)(?:{_TLDS})\b",
    _OPTIONS,
)


def emails(text: str) -> str:
    """`text` with e-mail addresses replaced."""
    return str(_EMAIL.sub("[e-mail]", text))


def cards(text: str) -> str:
    """`text` with payment cards replaced."""
    return _numbers(text, phones=False)


def phones(text: str) -> str:
    """`text` with telephone numbers replaced; a card is one too, where it was not replaced before."""
    return _numbers(text, cards=False)


KINDS: Mapping[str, Redactor] = {"email": emails, "card": cards, "phone": phones}  # in the order they are applied


def redactor(kinds: Iterable[str] | Mapping[str, Any]) -> Redactor | None:
    """What takes out the `kinds`: names of KINDS, or a mapping of these to true and of names of your own to regular
    expressions (RE2). None where there are none. Raises ConfigError."""
    wanted = kinds if isinstance(kinds, Mapping) else dict.fromkeys(kinds, True)
    own: list[Redactor] = []
    for name, given in wanted.items():
        if isinstance(given, str):
            own.append(_pattern(name, given))
        elif name not in KINDS:
            raise ConfigError(f"redact: there is no {name!r}; there are: {', '.join(KINDS)}, or give it a pattern")
    steps = [*own, *(step for name, step in KINDS.items() if wanted.get(name) is True)]
    return chained(steps) if steps else None


def chained(steps: Iterable[Redactor]) -> Redactor:
    """One after the other."""
    steps = tuple(steps)

    def redact(text: str) -> str:
        for step in steps:
            text = step(text)
        return text

    return redact


def redacted(value: Any, redact: Redactor) -> Any:
    """Plain data with all text in it redacted; a number that would not pass as text becomes text."""
    match value:
        case str():
            return redact(value)
        case bool() | None:
            return value
        case int() | float():
            told = redact(str(value))
            return value if told == str(value) else told
        case Mapping():
            return {redact(str(name)): redacted(item, redact) for name, item in value.items()}
        case list() | tuple():
            return [redacted(item, redact) for item in value]
    return redact(str(value))


def _pattern(name: str, pattern: str) -> Redactor:
    try:
        compiled = re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        raise ConfigError(f"redact.{name}: {pattern!r} is no regular expression of RE2") from error
    mark = f"[{name}]".replace("\\", r"\\")
    return lambda text: str(compiled.sub(mark, text))


# --- runs of digits -------------------------------------------------------------------------------------------------

Unit = tuple[int, int, str]  # of the text: from, to, and the digits it stands for


def _numbers(text: str, *, cards: bool = True, phones: bool = True) -> str:
    parts, at = [], 0
    for run in _runs(text):
        for start, end, mark in _found(run, cards=cards, phones=phones):
            parts += [text[at:start], mark]
            at = end
    return "".join([*parts, text[at:]])


def _runs(text: str) -> Iterable[list[Unit]]:
    run: list[Unit] = []
    kept = {match.span() for match in _NO_NUMBER.finditer(text)}
    for match in _UNIT.finditer(text):
        unit = (match.start(), match.end(), _digits(match.group()))
        if run and not _SEPARATOR.fullmatch(text[run[-1][1] : unit[0]]):
            yield _unless_kept(run, kept)
            run = []
        run.append(unit)
    yield _unless_kept(run, kept)


def _unless_kept(run: list[Unit], kept: set[tuple[int, int]]) -> list[Unit]:
    """A run that is all of a date or an amount is no run."""
    return [] if run and (run[0][0], run[-1][1]) in kept else run


def _digits(unit: str) -> str:
    words = unit.lower().replace("-", " ").split()
    if words[0] in _TIMES:
        return _DIGITS.get(words[1], words[1]) * _TIMES[words[0]]
    if len(words) == 2:
        return _NUMBERS[words[0]][0] + _DIGITS[words[1]]
    return _NUMBERS.get(words[0], "".join(str(int(digit)) for digit in words[0]) if words[0].isdecimal() else "")


def _found(run: list[Unit], *, cards: bool, phones: bool) -> Iterable[tuple[int, int, str]]:
    """What is to be replaced of a run, in order."""
    if cards and (card := _card(run)):
        first, last = card
        if phones:
            yield from _found(run[:first], cards=False, phones=True)
        yield run[first][0], run[last][1], "[card]"
        yield from _found(run[last + 1 :], cards=True, phones=phones)
    elif phones and sum(len(digits) for *_, digits in run) >= PHONE:
        yield run[0][0], run[-1][1], "[phone number]"


def _card(run: list[Unit]) -> tuple[int, int] | None:
    """The first and last unit of the first card in the run; the longest that begins there."""
    ends = [0, *accumulate(len(digits) for *_, digits in run)]
    for first in range(len(run)):
        for last in range(min(len(run), first + CARD.stop) - 1, first - 1, -1):
            if ends[last + 1] - ends[first] in CARD and luhn("".join(unit[2] for unit in run[first : last + 1])):
                return first, last
    return None


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others."""
    doubled = [int(digit) * (1 + n % 2) for n, digit in enumerate(reversed(digits))]
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0
