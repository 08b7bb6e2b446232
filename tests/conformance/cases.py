"""The cases that `session.yaml` and `messages.yaml` stand for, as steps of a script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.conformance.shapes import HERE

Case = tuple[str, list[dict[str, Any]]]
Steps = list[dict[str, Any]]


def load(name: str) -> Any:
    return yaml.safe_load((HERE / name).read_text())


# --- fields of the session


def field_cases() -> Iterator[Case]:
    for name, rule in load("session.yaml").items():
        yield from _of_field(name, rule)


def _of_field(name: str, rule: dict[str, Any]) -> Iterator[Case]:
    path = name.partition(" (")[0]
    param = rule.get("param", path)
    if "default" in rule:
        yield f"{name}: default", [{"open": _session(path, rule, _LEFT_OUT)}, _echo(path, rule["default"])]
    for value in map(_expand, rule.get("good", [])):
        given, echo = value if isinstance(value, tuple) else (value, value)
        session = _session(path, rule, given)
        yield f"{name}: {_short(given)}", [{"open": session}, _echo(path, echo)]
        if rule.get("later") is True:
            yield f"{name}: {_short(given)} later", [{"open": {}}, {"update": session}, _updated(path, echo)]
        elif rule.get("later") is False:
            again = [{"open": session}, {"update": session}, _updated(path, echo)]
            yield f"{name}: {_short(given)} changed later", [{"open": {}}, {"update": session}, *_immutable(path)]
            yield f"{name}: {_short(given)} repeated later", again
    for value in map(_expand, rule.get("bad", [])):
        refused = {"type": "session.error", "code": "invalid_value", "param": _param(param)}
        session = _session(path, rule, value)
        yield f"{name}: not {_short(value)}", [{"update": session}, {"next": refused}, {"closes": 1008}]
        yield f"{name}: not {_short(value)} later", [{"open": {}}, {"update": session}, {"next": refused}, {"lives": 0}]
    for value in rule.get("malformed", []):
        session = rule.get("session") or _session(path, rule, value)
        yield f"{name}: malformed {_short(value)}", [{"update": session}, {"next": _MALFORMED}, {"open": {}}]
        yield (
            f"{name}: malformed {_short(value)} later",
            [{"open": {}}, {"update": session}, {"next": _MALFORMED}, {"lives": 0}],
        )


_LEFT_OUT = object()
_MALFORMED = {
    "type": "session.error",
    "code": "invalid_format",
    "message": "Invalid message format for type 'session.update'",
}


def _immutable(path: str) -> Steps:
    message = f"'{path}' cannot be changed after the first session.update"
    return [
        {"next": {"type": "session.error", "code": "immutable_field", "param": path, "message": message}},
        {"lives": 0},
    ]


def _session(path: str, rule: dict[str, Any], value: Any) -> dict[str, Any]:
    """The `session` object with `value` at `path`, among what the rule says must be `with` it."""
    names = path.split(".")
    if path.startswith("tools["):
        if rule.get("list"):
            return {"tools": value}
        if rule.get("item") or len(names) == 1:
            return {"tools": [value]}
    inner: Any = {**rule.get("with", {}), names[-1]: value}
    if value is _LEFT_OUT:
        if "with" not in rule:
            return {}
        inner = dict(rule["with"])
    for name in reversed(names[:-1]):
        inner = {"tools": [{"name": "book", **inner}]} if name.startswith("tools[") else {name: inner}
    return dict(inner)


def _echo(path: str, value: Any) -> dict[str, Any]:
    """A check of the configuration in the newest event."""
    return {"shows": {"path": path, "value": value}}


def _updated(path: str, value: Any) -> dict[str, Any]:
    return {"updated": {"path": path, "value": value}}


def _param(param: str) -> str:
    return "~^" + re.escape(param).replace(re.escape("[...]"), r"\[.*\]") + "$"


def _expand(value: Any) -> Any:
    """{times, of} as a list or a text of so many; {give, echo} as a pair."""
    if isinstance(value, dict) and "times" in value:
        many = [value["of"]] * value["times"]
        return "".join(many) if value.get("joined") else many
    if isinstance(value, dict) and value.keys() == {"give", "echo"}:
        return value["give"], value["echo"]
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:20]}…{len(value)}"


# --- fields of messages


def message_cases() -> Iterator[Case]:
    for kind, rule in load("messages.yaml").items():
        wrong = f"Invalid message format for type '{kind}'"
        error = rule.get("error", {"code": "invalid_format", "message": wrong})
        before: Steps = [{"open": {}}] if rule.get("after_ready", True) else []
        for n, message in enumerate(rule["good"]):
            took = rule.get("then", [{"lives": 0}])
            yield f"{kind}: good {n} {_short(message)}", [*before, {"send": {"type": kind, **message}}, *took]
        for message in rule.get("bad", []):
            send = {"send": {"type": kind, **message}}
            after = [{"lives": 0}] if before else [{"open": {}}]
            refused = {"type": "session.error", **error, "without": ["param", "session_id"]}
            yield f"{kind}: bad {_short(message)}", [*before, send, {"next": refused}, *after]
