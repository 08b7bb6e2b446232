"""What the words of a turn tell about its end."""

from __future__ import annotations

import pytest

from antiphon.conversation.phrases import Sign, signs
from antiphon.types import ToolSpec

PHONE = (ToolSpec("call_back", parameters={"type": "object", "properties": {"phone": {"type": "string"}}}),)
ASKED = "What is your phone number?"


@pytest.mark.parametrize(
    ("text", "question", "found"),
    [
        ("", "", set()),
        ("I would like a", "", {Sign.OPEN}),
        ("I would like a large coffee with um", "", {Sign.OPEN}),
        ("I would like a large coffee.", "", set()),
        ("And then", "", {Sign.SHORT}),
        ("Do you have oat milk?", "", {Sign.QUESTION}),
        ("Yes.", "Is that all?", {Sign.ANSWER}),
        ("Yes, please.", "Great. Would you like milk with it?", {Sign.ANSWER}),
        ("No, thank you.", "That is a large latte, right?", {Sign.ANSWER}),
        ("Yes, but could I", "Is that all?", {Sign.OPEN}),
        ("Yes.", "Would you like tea or coffee?", {Sign.SHORT}),
        ("Yes.", "What would you like?", {Sign.SHORT}),
        ("Two o'clock.", "", {Sign.SHORT}),
        ("The meeting is at 10.", "", set()),
    ],
)
def test_signs_of_words(text: str, question: str, found: set[Sign]) -> None:
    assert signs(text, question=question) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("555", {Sign.LONG_GAP}),
        ("five five five, one two three", {Sign.LONG_GAP}),
        ("555 123 45", {Sign.SHORT_GAP}),
        ("555 1234", {Sign.SHORT_GAP}),
        ("555 123 4567", {Sign.WHOLE}),
        ("My number is", {Sign.LONG_GAP}),
    ],
)
def test_a_number_that_a_tool_takes(text: str, found: set[Sign]) -> None:
    assert signs(text, question=ASKED, tools=PHONE) & {Sign.LONG_GAP, Sign.SHORT_GAP, Sign.WHOLE} == found


def test_a_number_that_nobody_asked_for_is_waited_for_too() -> None:
    assert signs("five five five") == {Sign.LONG_GAP}
    assert signs("It's 555 123 4567.") == {Sign.WHOLE}
    assert Sign.LONG_GAP not in signs("twenty five")
