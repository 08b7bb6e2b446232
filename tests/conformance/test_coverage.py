"""The tables leave nothing out: whatever the code knows of the wire is in them, and is met by a case."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest

from antiphon.protocols.voice_agent import config, events, messages
from antiphon.protocols.voice_agent.refusals import CONNECT_CODES, MESSAGE_CODES, ErrorCode
from tests.conformance.cases import load
from tests.conformance.shapes import CODES, EVENTS, HERE, TABLE

RULES: list[dict[str, Any]] = [rule for path in (HERE / "rules").glob("*.yaml") for rule in load(path).values()]
ERRORS_ELSEWHERE = {"invalid_value", "immutable_field"}  # session.yaml is full of them


def expected(value: Any) -> Iterator[dict[str, Any]]:
    """Every pattern of an event, wherever it stands."""
    if isinstance(value, list):
        for item in value:
            yield from expected(item)
    elif isinstance(value, dict) and "type" in value:
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from expected(item)
    elif isinstance(value, str) and value in EVENTS:
        yield {"type": value}


def tags(union: Any) -> set[str]:
    return {str(kind.__struct_config__.tag) for kind in get_args(union)}


def struct_for(event: str) -> Any:
    return next(kind for kind in get_args(events.Event) if kind.__struct_config__.tag == event)


def test_every_event_is_in_the_table_with_its_fields() -> None:
    assert tags(events.Event) == EVENTS.keys()
    for event, fields in EVENTS.items():
        known = {field.encode_name for field in msgspec.structs.fields(struct_for(event))}
        assert known == fields.keys() | {"timestamp", "seq"}, event


def test_every_event_is_met_by_a_case() -> None:
    met = {pattern["type"] for rule in RULES for pattern in expected(rule["steps"])}
    assert EVENTS.keys() <= met


def test_every_error_code_is_in_the_table() -> None:
    assert CODES.keys() == set(ErrorCode)
    about = {code: "message" if code in MESSAGE_CODES else "connect" if code in CONNECT_CODES else "" for code in CODES}
    assert {code: kind for code, kind in about.items() if kind} == {
        code: rule["about"] for code, rule in CODES.items() if rule["about"] != "session"
    }


@pytest.mark.parametrize("code", [code for code, rule in CODES.items() if rule["closes"] != "never sent"])
def test_every_error_code_is_met_by_a_case(code: str) -> None:
    met = {pattern.get("code") for rule in RULES for pattern in expected(rule["steps"])}
    assert code in met | ERRORS_ELSEWHERE


def test_every_message_of_a_client_is_in_the_table() -> None:
    extensions = {"playout.position"}
    assert tags(messages.ClientMessage) == load("messages.yaml").keys() | extensions


def test_every_field_of_the_session_is_in_the_table() -> None:
    rules = {name.partition(" (")[0] for name in load("session.yaml")}
    known = set(paths(config.Session)) - {"id"}
    assert known - rules == set(), "no rule"
    assert config.SESSION_FIELDS - {"webhook"} <= rules  # update.yaml has the webhook
    assert TABLE["config"].keys() == {field.encode_name for field in msgspec.structs.fields(config.Session)}


def paths(struct: Any, prefix: str = "") -> Iterator[str]:
    """ "input.turn_detection.min_silence" and so on; formats and tools by their first."""
    nested = {"input": config.Input, "output": config.Output, "turn_detection": config.TurnDetection}
    for field in msgspec.structs.fields(struct):
        name = field.encode_name
        if name in nested:
            yield from paths(nested[name], f"{prefix}{name}.")
        elif name == "tools":
            yield from paths(config.Tool, "tools[0].")
        yield f"{prefix}{name}"
