"""Values that are dictated with pauses: a phone number, an e-mail address, a date, a code.

A pause inside one is no end of the turn. Whether one is being dictated follows from three things: a tool has a
parameter that takes such a value (by its schema's `format`, `pattern`, or name), the agent's last words asked for it,
and what the caller has said so far looks like the beginning of one. The wait is bounded by `max_silence`.
The words are English; digits and addresses that the STT writes as such are understood in any language.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from antiphon.types import ToolSpec


class Kind(Enum):
    PHONE = auto()
    EMAIL = auto()
    DATE = auto()
    URI = auto()
    CODE = auto()  # letters and digits of a known number


@dataclass(frozen=True, slots=True)
class Expected:
    kind: Kind
    name: str  # the parameter's, in words: "order number"
    least: int = 0  # letters and digits it has at least; 0: not known


_FORMATS = {
    "email": Kind.EMAIL,
    "idn-email": Kind.EMAIL,
    "date": Kind.DATE,
    "date-time": Kind.DATE,
    "phone": Kind.PHONE,
    "tel": Kind.PHONE,
    "uri": Kind.URI,
    "url": Kind.URI,
    "iri": Kind.URI,
}
_NAMES = {
    Kind.PHONE: {"phone", "telephone", "mobile", "cell", "fax", "tel"},
    Kind.EMAIL: {"email", "mail"},
    Kind.DATE: {"date", "birthday", "birthdate", "dob"},
    Kind.URI: {"url", "uri", "website"},
}
_ASKED = {
    Kind.PHONE: r"\b(phone|telephone|mobile|cell|fax)\b|\bnumber\b(?! of)|\b(call|ring|reach) you\b",
    Kind.EMAIL: r"\be-?mail\b|\baddress\b",
    Kind.DATE: r"\b(date|day|when|birthday|born)\b",
    Kind.URI: r"\b(website|web site|url|link|page|address)\b",
    Kind.CODE: r"(?!)",  # by its own name only
}
_DEEPEST = 5  # objects in objects that are looked into
_SPELT = re.compile(
    r"(?:\\d|\[0-9\]|\[A-Z\]|\[a-z\]|\[A-Za-z\]|\[A-Z0-9\]|\[A-Za-z0-9\])(?:\{(\d+)(?:,\d*)?\}|([+*?]))?"
)


# --- what the tools take ------------------------------------------------------------------------------------------


def expects(tools: Iterable[ToolSpec]) -> Iterator[Expected]:
    """The values among the tools' parameters that are dictated."""
    for tool in tools:
        yield from _within(tool.parameters)


def _within(schema: Mapping[str, Any], *, depth: int = 0) -> Iterator[Expected]:
    if depth == _DEEPEST:
        return
    properties = schema.get("properties")
    for name, inner in properties.items() if isinstance(properties, Mapping) else ():
        for variant in _variants(inner):
            if found := _of_property(str(name), variant):
                yield found
            yield from _within(variant, depth=depth + 1)


def _variants(schema: Any) -> list[Mapping[str, Any]]:
    if not isinstance(schema, Mapping):
        return []
    others = schema.get("anyOf")
    return [
        schema,
        *(variant for variant in (others if isinstance(others, list) else ()) if isinstance(variant, Mapping)),
    ]


def _of_property(name: str, schema: Mapping[str, Any]) -> Expected | None:
    words = re.sub(r"([a-z])([A-Z])", r"\1 \2", name).replace("_", " ").replace("-", " ").lower()
    if schema.get("type") not in (None, "string"):
        return None
    pattern = schema.get("pattern")
    least = _shortest(pattern) if isinstance(pattern, str) else 0
    kind = _FORMATS.get(str(schema.get("format"))) or next(
        (kind for kind, names in _NAMES.items() if names & set(words.split())), None
    )
    if kind is None and least:
        kind = Kind.CODE
    return Expected(kind, words, least) if kind else None


def _shortest(pattern: str) -> int:
    """How many letters and digits a text must have to match; 0 for patterns that are not plainly made of such. The
    pattern is never run: it may be anybody's, and take for ever."""
    pattern = re.sub(r"\([^()]*\)[?*]", "", pattern.strip("^$"))  # parts that may be missing
    rest, least = _SPELT.sub("", pattern), 0
    for found in _SPELT.finditer(pattern):
        least += int(found[1]) if found[1] else 0 if found[2] in ("*", "?") else 1
    if re.search(r"[\[\]{}|*+\\]", re.sub(r"\\[-+. ()/]|\[[-+. /]+\][?*]?|\\s[?*]?", "", rest)):
        return 0
    return least + len(re.findall(r"[A-Za-z0-9]", re.sub(r"\\s", "", rest)))


# --- what the caller says -----------------------------------------------------------------------------------------


def is_unfinished(text: str, *, question: str, tools: Iterable[ToolSpec]) -> bool:
    """Whether the caller, asked `question`, is in the middle of a value that one of the tools takes."""
    asked = _asked_for(list(expects(tools)), question.lower())
    return bool(asked) and all(is_partial(expected, text) for expected in asked)


def missing_of(text: str, *, question: str, tools: Iterable[ToolSpec]) -> int | None:
    """How many letters or digits are missing of the value that the caller, asked `question`, is dictating; many where
    nobody can tell. None: no such value is being dictated, or how much there is of it says nothing."""
    asked = _asked_for(list(expects(tools)), question.lower())
    if not asked:
        return None
    if all(is_partial(expected, text) for expected in asked):
        return min(_missing(expected, text) for expected in asked)
    whole = any(expected.kind in (Kind.PHONE, Kind.CODE) and _missing(expected, text) == 0 for expected in asked)
    return 0 if whole else None


def _missing(expected: Expected, text: str) -> int:
    counted = _count(_content(text)) if expected.kind in (Kind.PHONE, Kind.CODE) else None
    if counted is None or not counted[0]:
        return _MANY
    size, first = counted
    least = expected.least or (10 if expected.kind is Kind.PHONE else size)
    local = expected.kind is Kind.PHONE and not expected.least and size == 7 and first not in ("0", "+")
    return 2 if local else max(least - size, 0)


_MANY = 99


def digits_in(text: str) -> int | None:
    """How many digits a text has that holds nothing else but what is said around a number. None if it holds more."""
    content = _content(text)
    counted = _count(content)
    return counted[0] if counted and not any(word.isalpha() and len(word) == 1 for word in content) else None


def _content(text: str) -> list[str]:
    words = [word.strip(".,;:!?") for word in text.lower().replace("’", "'").split()]
    return [word for word in words if word and word not in _AROUND]


def _asked_for(expected: list[Expected], question: str) -> list[Expected]:
    """By its name if possible: "your order number" asks for no phone number."""
    words = set(re.findall(r"\w+", question))
    named = [value for value in expected if set(value.name.split()) <= words]
    return named or [value for value in expected if re.search(_ASKED[value.kind], question)]


def is_partial(expected: Expected, text: str) -> bool:
    """Whether a text looks like the beginning of such a value, and not like all of it or like something else."""
    words = [word.strip(".,;:!?") for word in text.lower().replace("’", "'").split()]
    words = [word for word in words if word]
    if not words:
        return False
    if _ANNOUNCES.search(" ".join(words)):
        return True
    content = [word for word in words if word not in _AROUND]
    match expected.kind:
        case Kind.EMAIL:
            return _partial_address(words, at=True)
        case Kind.URI:
            return _partial_address(words, at=False)
        case Kind.DATE:
            return _partial_date(words)
        case _:
            return _partial_code(content, expected)


# "My number is", "it's", "you can reach me at": nothing of the value yet. "Yes it is" is an answer of another kind.
_ANNOUNCES = re.compile(
    r"\b(number|phone|mobile|cell|code|id|address|e-?mail|mail|website|url|date|birthday) is$"
    r"|^(well |um |uh |yeah |yes |sure |okay |so )*(it's|its|that's|that would be)$|\bme (at|on|under)$"
)
_AROUND = frozenset(
    """my number phone mobile cell fax is it's its it the yeah yes sure okay ok so um uh er well that's that would be
    and then code order id area you can reach me call on at under birthday date i was born i'm website""".split()
)
_ONES = frozenset("zero oh o one two three four five six seven eight nine".split())
_TEENS = frozenset("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split())
_TENS = frozenset("twenty thirty forty fifty sixty seventy eighty ninety".split())
_TIMES = {"double": 1, "triple": 2}  # more digits than the one that follows
_ROUND = {"hundred": 2, "thousand": 3}  # digits added to what went before
_BETWEEN = frozenset("dash hyphen plus slash space dot point".split())


def _partial_code(content: list[str], expected: Expected) -> bool:
    counted = _count(content)
    if counted is None or not counted[0]:
        return False
    size, first = counted
    if expected.least:
        return size < expected.least
    if expected.kind is Kind.CODE:
        return False
    return size < (10 if first in ("0", "+") else 7)  # with its prefix, or a local number without


def _count(words: list[str]) -> tuple[int, str] | None:
    """How many letters and digits are dictated, and the first of them; None if anything else is said."""
    size, first, tens = 0, "", False
    for word in words:
        written = re.sub(r"[-().+/]", "", word)
        joins = tens  # "fifty five" is two digits
        tens = False
        if word in _ONES:
            size += 0 if joins and word not in ("zero", "oh", "o") else 1
            first = first or ("0" if word in ("zero", "oh", "o") else word)
        elif word in _TEENS or word in _TENS:
            size, tens = size + 2, word in _TENS
        elif word in _TIMES or word in _ROUND:
            size += _TIMES.get(word, 0) + _ROUND.get(word, 0)
        elif word in _BETWEEN or not written:
            first = first or ("+" if word in ("plus", "+") else "")
        elif len(written) == 1 or (written.isalnum() and any(c.isdigit() for c in written)):
            size += len(written)
            first = first or word[0]
        else:
            return None
        first = first or ("x" if size else "")
    return size, first


def _partial_address(words: list[str], *, at: bool) -> bool:
    """An e-mail address, or one of the web, spoken or written: "jane dot doe at example", "www.example."""
    spoken = {"at": "@", "dot": ".", "underscore": "_", "dash": "-", "hyphen": "-", "slash": "/"}
    written = "".join(spoken.get(word, f" {word} ") for word in words)
    written = re.sub(r"\s*([@._/-])\s*", r"\1", written).strip()
    last = written.split(" ")[-1] if written else ""
    if last[-1:] in "@._-/" and last[-1:]:
        return True
    if at and "@" in last:
        return not re.fullmatch(r"[^@]+@[^@\s]+\.[a-z]{2,}", last)
    if not at and (begun := re.match(r"(https?:/*)?(www\.?)?", last)) and begun[0]:
        return not re.match(r"[^./\s]+\.[a-z]{2,}", last[begun.end() :])
    spelt = [word for word in words if word not in _AROUND]
    if spelt and all(len(word) == 1 for word in spelt):
        return True  # being spelt
    return at and re.search(r"[._-]", last) is not None


_MONTHS = frozenset("""january february march april may june july august september october november december""".split())
_ORDINALS = frozenset(
    """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
    sixteenth seventeenth eighteenth nineteenth twentieth thirtieth""".split()
)
_DANGLING = frozenset("the of on next this in for at and to".split())
_AROUND_DATE = _DANGLING | frozenset(
    "it's its is uh um er well yeah yes sure okay so my birthday date i was born".split()
)


def _partial_date(words: list[str]) -> bool:
    said = [word for word in words if word not in _AROUND_DATE]
    numbers = [word for word in said if _is_number(word)]
    months = [word for word in said if word in _MONTHS]
    if len(numbers) + len(months) < len(said):
        return False  # "tomorrow", "next Friday", "I don't know yet"
    if words[-1] in _DANGLING and (said or words[-1] in ("the", "next", "on")):
        return True
    if not months:
        return False
    day, year = numbers[:1], numbers[1:]
    if not day or (not year and said[-1] in _TENS):
        return True
    return len(year) == 1 and said[-1] in _TENS | _TEENS  # "nineteen", and ninety follows


def _is_number(word: str) -> bool:
    if word in _ONES or word in _TEENS or word in _TENS or word in _ROUND or word in _ORDINALS:
        return True
    parts = word.split("-")
    return bool(re.fullmatch(r"\d[\d/.-]*(st|nd|rd|th)?", word)) or (len(parts) == 2 and all(map(_is_number, parts)))
