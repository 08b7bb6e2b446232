"""What the model would run a tool with, held against the tool's schema: values that a caller says, an STT mishears.

Looked at are `pattern` (the whole value must match), `format` (e-mail, date, date-time, time, URI, phone) and `enum`. A
value that does not fit is told to the model, which asks for it again; the tool is not run. Everything else, types and
what is required, is for the tool itself to say.

Patterns come from anybody, so they are matched by RE2: in linear time, whatever they are. One that RE2 does not take
(look-around, back-references) is not held against anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from typing import Any
from urllib.parse import urlsplit

from antiphon.types import ToolSpec

_DEEPEST = 5  # objects in objects that are looked into
_MEMORY = 1 << 18  # bytes that a pattern may take when it is compiled


def objection(spec: ToolSpec, arguments: Mapping[str, Any]) -> str:
    """What the model is told of arguments that do not fit; "" if they do."""
    faults = list(_faults(spec.parameters, arguments, where=""))
    if not faults:
        return ""
    return (
        f"It was not run: {'; '.join(faults)}. Correct it if the caller's words allow, "
        "else ask the caller to say it again; do not guess."
    )


def _faults(schema: Any, value: Any, *, where: str, depth: int = 0) -> Iterator[str]:
    if not isinstance(schema, Mapping) or value is None or depth > _DEEPEST:
        return
    for name in ("anyOf", "oneOf"):
        yield from _of_none(schema.get(name), value, where=where, depth=depth)
    if isinstance(value, Mapping):
        yield from _of_object(schema, value, where=where, depth=depth)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _faults(schema.get("items"), item, where=f"{where}[{number}]", depth=depth + 1)
    elif fault := _of_value(schema, value):
        yield f"{where} is {str(value)[:80]!r}, {fault}"


def _of_none(variants: Any, value: Any, *, where: str, depth: int) -> Iterator[str]:
    """A value that fits one of them is fine; else the faults by the first that says anything of it."""
    if not isinstance(variants, list):
        return
    found = [list(_faults(variant, value, where=where, depth=depth + 1)) for variant in variants]
    if found and all(found):
        yield from found[0]


def _of_object(schema: Mapping[str, Any], value: Mapping[str, Any], *, where: str, depth: int) -> Iterator[str]:
    properties, required = schema.get("properties"), schema.get("required")
    for name, inner in value.items():
        left_out = inner == "" and not (isinstance(required, list) and name in required)
        if isinstance(properties, Mapping) and not left_out:
            path = f"{where}.{name}" if where else str(name)
            yield from _faults(properties.get(name), inner, where=path, depth=depth + 1)


def _of_value(schema: Mapping[str, Any], value: Any) -> str:
    """Why it does not fit; "" if it does."""
    allowed = schema.get("enum")
    if isinstance(allowed, list) and value not in allowed:
        return f"which is none of {', '.join(map(str, allowed))[:200]}"
    if not isinstance(value, str):
        return ""
    pattern, known = schema.get("pattern"), _FORMATS.get(str(schema.get("format")))
    if isinstance(pattern, str) and not _matches(pattern, value):
        return f"which does not fit the pattern {pattern[:200]}"
    if known and not known[1](value):
        return f"which is no {known[0]}"
    return ""


def _matches(pattern: str, value: str) -> bool:
    import re2

    options = re2.Options()
    options.max_mem, options.log_errors = _MEMORY, False
    try:
        return re2.compile(_for_re2(pattern), options).fullmatch(value) is not None
    except (re2.error, UnicodeError):
        return True  # not for us to judge


def _for_re2(pattern: str) -> str:
    """A pattern of Python's, whose letters are those of every script."""
    out, in_class = "", False
    for piece in re.findall(r"\\.|.", pattern, re.DOTALL):
        in_class = piece == "[" or (in_class and piece != "]")
        if piece == r"\w":
            piece = r"\pL\pN_" if in_class else r"[\pL\pN_]"
        elif piece == r"\Z":
            piece = r"\z"
        out += piece
    return out


# --- formats ------------------------------------------------------------------------------------------------------


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def fits(value: str) -> bool:
        try:
            parse(value)
        except ValueError:
            return False
        return True

    return fits


def _is_date(value: str) -> bool:
    return len(value) == 10 and _parses(date.fromisoformat)(value)


def _is_moment(value: str) -> bool:
    return len(value) > 10 and _parses(datetime.fromisoformat)(value)


def _is_email(value: str) -> bool:
    name, at, host = value.rpartition("@")
    return (
        bool(name and at) and "." in host.strip(".") and host == host.strip(".") and not set(value) & set(" \t\n,;<>")
    )


def _is_uri(value: str) -> bool:
    if any(letter.isspace() for letter in value):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path))


def _is_phone(value: str) -> bool:
    digits = re.sub(r"[\s().+/-]", "", value)
    return digits.isdigit() and 5 <= len(digits) <= 15  # the most there are (ITU-T E.164)


_FORMATS: dict[str, tuple[str, Callable[[str], bool]]] = {
    **dict.fromkeys(("email", "idn-email"), ("e-mail address", _is_email)),
    "date": ("date like 2026-11-23", _is_date),
    "date-time": ("date and time like 2026-11-23T18:30:00", _is_moment),
    "time": ("time like 18:30", _parses(time.fromisoformat)),
    **dict.fromkeys(("uri", "url", "iri"), ("URL", _is_uri)),
    **dict.fromkeys(("phone", "tel"), ("phone number", _is_phone)),
}
