"""The spans of a turn are contiguous, and their sum is the silence that was heard."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.conversation.ledger import Marks, turn_metrics

TURN = Marks(last_voice=10.0, endpointing=10.6, stt=10.75, llm=11.0, chunking=11.1, tts=11.3, playout=11.31)
seconds = st.floats(0, 100, allow_nan=False)
marks = st.builds(Marks, **{field.name: st.none() | seconds for field in fields(Marks)})


def test_the_spans_of_a_turn():
    metrics = turn_metrics("r", TURN)
    assert {span.name: round(span.ms) for span in metrics.spans} == {
        "endpointing": 600,
        "stt": 150,
        "llm": 250,
        "chunking": 100,
        "tts": 200,
        "playout": 10,
    }
    assert metrics.total_ms == pytest.approx(1_310)


def test_the_network_is_an_estimate_at_both_ends():
    metrics = turn_metrics("r", TURN, one_way=0.04)
    assert [(span.name, span.ms, span.estimated) for span in (metrics.spans[0], metrics.spans[-1])] == [
        ("uplink", 40.0, True),
        ("downlink", 40.0, True),
    ]
    assert metrics.total_ms == pytest.approx(1_390)


def test_what_was_ready_before_its_time_cost_nothing():
    """A reply prepared in the pause: the model and the TTS were done before the turn was closed."""
    prepared = Marks(last_voice=10.0, endpointing=10.6, stt=10.6, llm=10.4, chunking=10.45, tts=10.55, playout=10.61)
    assert [round(span.ms) for span in turn_metrics("r", prepared).spans] == [600, 0, 0, 0, 0, 10]


def test_the_span_that_broke_its_budget_is_marked():
    slow = Marks(last_voice=10.0, endpointing=10.6, stt=10.7, llm=12.0, chunking=12.0, tts=12.2, playout=12.2)
    assert [span.name for span in turn_metrics("r", slow).spans if span.over_budget] == ["llm"]


def test_no_turn_no_spans():
    assert turn_metrics("r", Marks(playout=1.0)) is None
    assert turn_metrics("r", Marks(last_voice=1.0)) is None
    assert turn_metrics("r", Marks(last_voice=2.0, playout=1.0)) is None


@given(marks, st.none() | st.floats(0, 1))
def test_spans_are_never_negative_and_add_up(marks: Marks, one_way: float | None):
    metrics = turn_metrics("r", marks, one_way=one_way)
    if metrics is None:
        return
    assert all(span.ms >= 0 for span in metrics.spans)
    assert sum(span.ms for span in metrics.spans) == metrics.total_ms
    silence = (marks.playout - marks.last_voice + 2 * (one_way or 0)) * 1000
    assert metrics.total_ms == pytest.approx(silence, abs=1e-6)
