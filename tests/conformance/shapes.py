"""The shapes of `events.yaml`, checked without any help of Antiphon's own code."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
TABLE: dict[str, Any] = yaml.safe_load((HERE / "events.yaml").read_text())
EVENTS: dict[str, dict[str, Any]] = TABLE["events"]
CODES: dict[str, dict[str, str]] = TABLE["codes"]


def check_event(event: Any) -> None:
    """Raises AssertionError for what is no event of the table."""
    assert isinstance(event, dict), event
    assert event.get("type") in EVENTS, f"unknown event: {event}"
    fields = {name: value for name, value in event.items() if name not in ("type", "timestamp", "seq")}
    assert _is(event.get("timestamp"), "number"), f"no timestamp: {event}"
    check_fields(fields, EVENTS[event["type"]], event["type"])


def check_fields(fields: dict[str, Any], shape: dict[str, Any], where: str) -> None:
    assert fields.keys() <= shape.keys(), f"{where}: unknown fields {fields.keys() - shape.keys()}"
    missing = [name for name in shape if name not in fields and not str(shape[name]).endswith("|absent")]
    assert not missing, f"{where}: missing {missing}"
    for name, value in fields.items():
        _check(value, shape[name], f"{where}.{name}")


def _check(value: Any, kind: Any, where: str) -> None:
    if kind in ("config", "cost"):
        kind = TABLE[kind]
    if isinstance(kind, dict):
        assert isinstance(value, dict), f"{where} is {value!r}"
        check_fields(value, kind, where)
    else:
        assert any(_is(value, option) for option in kind.split("|")), f"{where} is {value!r}, not {kind}"


def _is(value: Any, kind: str) -> bool:
    match kind:
        case "null":
            return value is None
        case "str":
            return isinstance(value, str)
        case "bool":
            return isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "list":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case "base64":
            return _is_base64(value)
        case "code":
            return value in CODES
    if kind.endswith("_"):
        return isinstance(value, str) and re.fullmatch(f"{kind}[0-9a-f]{{32}}", value) is not None
    return bool(value == kind)  # one of an enumeration


def _is_base64(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(base64.b64decode(value, validate=True)) > 0
    except binascii.Error:
        return False
