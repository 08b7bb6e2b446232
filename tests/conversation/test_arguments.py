"""Values that do not fit a tool's schema are told to the model, which asks again; the tool is not run."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon.conversation import actions as act
from antiphon.conversation import notices as out
from antiphon.conversation.arguments import objection
from antiphon.conversation.settings import Settings
from antiphon.types import Role, ToolCall, ToolSpec
from tests.conversation.simulate import Answer, Call


def fits(schema: dict[str, Any], value: Any) -> bool:
    spec = ToolSpec("tool", parameters={"type": "object", "properties": {"it": schema}, "required": ["it"]})
    return not objection(spec, {"it": value})


@pytest.mark.parametrize(
    ("format", "good", "bad"),
    [
        (
            "email",
            ["bob@example.com", "a.b+c@mail.example.co.uk"],
            ["bob", "bob at example.com", "bob@example", "@x.y"],
        ),
        ("date", ["2026-11-23"], ["23.11.2026", "November 23rd", "2026-13-01", "20261123"]),
        ("date-time", ["2026-11-23T18:30:00Z", "2026-11-23 18:30"], ["tomorrow at six", "2026-11-23"]),
        ("time", ["18:30"], ["half past six", "25:00"]),
        ("uri", ["https://example.com/a?b=c", "mailto:a@b.c"], ["example.com", "https://exa mple.com", "http://["]),
        ("phone", ["+49 151 2345678", "(555) 123-4567"], ["five five five", "555", "1234567890123456"]),
        ("colour", ["anything at all"], []),
    ],
)
def test_formats(format: str, good: list[str], bad: list[str]):
    assert all(fits({"type": "string", "format": format}, value) for value in good)
    assert not any(fits({"type": "string", "format": format}, value) for value in bad)


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"\d{4}", "1234", "12345"),  # the whole value
        (r"^[A-Z]{2}-\d+$", "AB-12", "ab-12"),
        (r"\w+", "Jürgen", "Jür gen"),
        (r"[\w.]+@[\w.]+", "jürgen@bäder.example", "jürgen"),
        (r"(?i)yes|no\Z", "YES", "maybe"),
    ],
)
def test_patterns_are_matched_against_the_whole_value(pattern: str, good: str, bad: str):
    assert fits({"pattern": pattern}, good)
    assert not fits({"pattern": pattern}, bad)


@pytest.mark.parametrize("pattern", [r"(?=a)b", r"(a)\1", "[", r"\ud800", "((a{1000}){1000}){1000}"])
def test_a_pattern_that_cannot_be_matched_safely_is_not_held_against_anything(pattern: str):
    assert fits({"pattern": pattern}, "what the caller said")


def test_no_pattern_takes_for_ever():
    assert not fits({"pattern": r"(a|a|aa)+$"}, "a" * 5_000 + "!")  # Python's own would not come back


def test_one_of_a_list():
    assert fits({"enum": ["small", "large", 3]}, 3)
    assert not fits({"enum": ["small", "large"]}, "medium")


@pytest.mark.parametrize("value", [None, 7, True, ["x"], {"a": 1}])
def test_other_types_are_for_the_tool_to_judge(value: Any):
    assert fits({"type": "string", "pattern": "[a-z]+", "format": "email"}, value)


def test_one_that_fits_any_variant_fits():
    either = {"anyOf": [{"format": "email"}, {"pattern": r"\d{5}"}]}
    assert fits(either, "12345") and fits(either, "a@b.c")
    assert not fits(either, "1234")


def test_values_in_objects_and_lists_are_named_by_their_path():
    item = {"type": "object", "properties": {"code": {"pattern": r"\d+"}}}
    spec = ToolSpec("order", parameters={"properties": {"items": {"type": "array", "items": item}}})
    told = objection(spec, {"items": [{"code": "12"}, {"code": "x2"}]})
    assert told.startswith("It was not run: items[1].code is 'x2', which does not fit the pattern \\d+.")


def test_what_is_left_out_is_no_fault():
    spec = ToolSpec("order", parameters={"properties": {"mail": {"format": "email"}}})
    assert objection(spec, {}) == objection(spec, {"mail": ""}) == objection(spec, {"mail": None, "other": "x"}) == ""


@pytest.mark.parametrize(
    "parameters", [{}, {"properties": 7}, {"properties": {"it": "x"}}, {"properties": {"it": {"enum": 1}}}]
)
def test_a_schema_that_is_none_harms_nothing(parameters: dict[str, Any]):
    assert objection(ToolSpec("tool", parameters=parameters), {"it": "x"}) == ""


# --- in a call

PHONE = ToolSpec(
    "call_back", parameters={"properties": {"phone": {"pattern": r"\d{7}"}}}, timeout=5.0, on_error="Sorry."
)
SETTINGS = Settings(idle_after=None, filler_after=None, tools=(PHONE,))


def called(number: str, call_id: str) -> Answer:
    return Answer(calls=(ToolCall(call_id, "call_back", {"phone": number}),))


def test_the_model_asks_again_and_the_tool_is_run_with_what_fits():
    model = [
        called("555", "call_1"),
        Answer("Sorry, which number?"),
        called("5551234", "call_2"),
        Answer("We will call."),
    ]
    call = Call(SETTINGS, model=model)
    call.caller("call me at five five five", at=1_000)
    call.caller("five five five one two three four", at=7_000)
    call.run(until=30_000)
    (run,) = call.ordered(act.RunTool)
    assert run == act.RunTool(ToolCall("call_2", "call_back", {"phone": "5551234"}))
    assert call.story(out.AgentTranscript, out.ToolCalled) == [
        "agent: Sorry, which number?",
        "tool call_back",
        "agent: We will call.",
    ]
    refused = [message for message in call.requests[1] if message.role is Role.TOOL]
    assert refused[0].text.startswith("It was not run: phone is '555', which does not fit the pattern \\d{7}.")
    assert call.requests[1][-1].role is Role.TOOL  # `on_error` is for a tool that was run


def test_a_model_that_never_gets_it_right_does_not_leave_the_caller_in_silence():
    call = Call(SETTINGS, model=[called("555", "call_1")])
    call.caller("call me", at=1_000)
    call.run(until=60_000)
    assert not call.ordered(act.RunTool)
    assert call.story(out.AgentTranscript) == [f"agent: {SETTINGS.fallback_line}"]
