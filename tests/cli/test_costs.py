"""The line that says what a call cost."""

from __future__ import annotations

import pytest

from antiphon.cli.costs import in_words
from antiphon.types import Cost


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        (Cost(stt_usd=0.001, llm_usd=0.0002), "cost $0.0012: "),
        (Cost(stt_usd=0.001, llm_usd=None), "cost $0.0010 and unknown for llm: "),
        (Cost(llm_usd=None, tts_usd=None), "cost unknown for llm, tts: "),
        (Cost(), "cost $0.0000: "),
        (Cost(input_tokens=1200, cached_tokens=1000, estimated=True), "1,200 tokens read (1,000 cached), 0 written"),
    ],
)
def test_money_first_and_what_is_unknown_said(cost, told):
    assert told in in_words(cost)
    assert in_words(cost).endswith("estimated") == cost.estimated
