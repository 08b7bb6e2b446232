"""Where one model's words end and another's go on."""

from __future__ import annotations

import pytest

from antiphon.errors import Disconnected
from antiphon.providers.fallback.seam import Seam


def through(seam: Seam, text: str, step: int) -> str:
    return "".join([seam.feed(text[at : at + step]) for at in range(0, len(text), step)]) + seam.end()


@pytest.mark.parametrize("step", [1, 3, 100])
@pytest.mark.parametrize("text", ["We have several tables tonight.", "日本語の文です。", "x" * 90, "", "  a  b  "])
def test_a_single_answer_passes_unchanged(text: str, step: int) -> None:
    assert through(Seam(), text, step) == text


def test_no_word_is_cut_in_two() -> None:
    seam = Seam()
    assert seam.feed("We have sev") == "We have "
    assert seam.feed("eral ") == "several "


@pytest.mark.parametrize("step", [1, 4, 100])
@pytest.mark.parametrize(
    ("said", "more", "whole"),
    [
        ("We have several ", "tables tonight.", "We have several tables tonight."),
        ("We have several", "tables tonight.", "We have several tables tonight."),
        ("We have several ", " tables tonight.", "We have several tables tonight."),
        ("We have several", ", in fact.", "We have several, in fact."),
        ("We have several ", "several tables tonight.", "We have several tables tonight."),
        ("We have several ", "We have several tables by the window tonight.", None),
        ("We have ", "we have several.", "We have several."),
        ("日本", "本語です。", "日本語です。"),
    ],
)
def test_another_goes_on_without_saying_a_word_twice(said: str, more: str, whole: str | None, step: int) -> None:
    whole = whole or "We have several tables by the window tonight."
    assert said + through(Seam(said), more, step) == whole


def test_a_reply_told_all_over_again_is_refused() -> None:
    said = "We have several tables tonight, one by the window, and one near the "
    with pytest.raises(Disconnected, match="all over again"):
        through(Seam(said), "We have several tables, and which one would you like me to reserve?", 5)
