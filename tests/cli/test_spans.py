"""The ledger as a bar."""

from __future__ import annotations

from antiphon.cli.spans import bar, legend
from antiphon.conversation.notices import Span

SPANS = [Span("endpointing", 600.0), Span("llm", 333.0, over_budget=True), Span("tts", 67.0), Span("playout", 0.0)]


def test_the_bar_is_as_long_as_the_sum():
    assert len(bar(SPANS, width=20, full_ms=1000)) == 20
    assert len(bar(SPANS, width=20, full_ms=2000)) == 10


def test_no_time_is_no_bar():
    assert len(bar([Span("stt", 0.0)], width=20, full_ms=0)) == 0


def test_the_legend_marks_what_broke_its_budget():
    assert legend(SPANS).plain == "endpointing 600 llm 333! tts 67 "
