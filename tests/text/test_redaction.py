"""What nobody should keep is taken out of a text, however it was said; the rest stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.errors import ConfigError
from antiphon.text.redaction import KINDS, luhn, redacted, redactor

ALL = redactor(list(KINDS))
SPOKEN = "zero one two three four five six seven eight nine".split()
assert ALL is not None


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("it is 4111 1111 1111 1111, thanks", "it is [card], thanks"),
        ("4111-1111-1111-1111 12 25", "[card] 12 25"),
        ("four one one one, one one one one, one one one one, one one one one.", "[card]."),
        ("four triple one double one one one one one one one one one one one", "[card]"),
        ("call +49 151 12345679 now", "call +[phone number] now"),
        ("(555) 010-0123", "([phone number]"),
        ("five five five, oh one double zero, one two three", "[phone number]"),
        ("fünf fünf fünf null eins zwei drei", "[phone number]"),
        ("write to ada.byron@example.com.", "write to [e-mail]."),
        ("ada dot byron at example dot com", "[e-mail]"),
        ("j o e at gmail.com please", "[e-mail] please"),
        ("on 2026-11-24 for 1,000,000 dollars at 10:30", "on 2026-11-24 for 1,000,000 dollars at 10:30"),
        ("one or two of the nine", "one or two of the nine"),
    ],
)
def test_what_is_taken_out(text, left):
    assert ALL(text) == left


def card(body: str) -> str:
    return next(body + check for check in "0123456789" if luhn(body + check))


BODIES = st.text("0123456789", min_size=12, max_size=18)


@given(BODIES, st.sampled_from(["", " ", "-", ". "]), st.booleans())
def test_no_card_is_left_however_it_is_said(body, between, spoken):
    number = card(body)
    said = ", ".join(SPOKEN[int(digit)] for digit in number) if spoken else between.join(number)
    cards = redactor(["card"])
    assert cards and cards(f"my card is {said} ok") == "my card is [card] ok"


@given(st.text(), st.sampled_from(sorted(KINDS)))
def test_any_text_is_taken_and_nothing_is_found_twice(text, kind):
    redact = redactor([kind])
    assert redact and redact(redact(text)) == redact(text)


@given(st.text("abcdefghijklmnopqrstuvwxyz 'é!?"), st.text("0123456789", min_size=7, max_size=12))
def test_no_phone_number_is_left(before, number):
    assert number not in ALL(f"{before} {number}")


def test_data_is_redacted_to_its_leaves():
    given = {"card": 4111111111111111, "ok": True, "note": ["mail a@b.co", None, 3.5]}
    assert redacted(given, ALL) == {"card": "[card]", "ok": True, "note": ["mail [e-mail]", None, 3.5]}


def test_patterns_of_ones_own_stand_before_the_pack():
    redact = redactor({"phone": True, "order": r"AC-\d{8}"})
    assert redact and redact("AC-12345678 or 5550100123") == "[order] or [phone number]"


@pytest.mark.parametrize("kinds", [["cards"], {"order": "("}, {"order": True}])
def test_what_cannot_be_redacted_is_told(kinds):
    with pytest.raises(ConfigError, match="redact"):
        redactor(kinds)
