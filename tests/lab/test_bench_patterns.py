"""What streaming wins over the cascade, worked out of two calls."""

from antiphon.client.events import MetricsSpan
from antiphon.client.report import Turn
from antiphon.lab.bench_patterns import summary


def turn(latency: float, **spans: float) -> Turn:
    made = tuple(MetricsSpan(name=name, ms=ms, estimated=False, over_budget=False) for name, ms in spans.items())
    return Turn(user="hello", latency_ms=latency, spans=made)


CASCADE = turn(1900, endpointing=650, stt=150, llm=200, chunking=600, tts=300)
STREAMING = turn(1000, endpointing=650, stt=0, llm=200, chunking=100, tts=50)


def test_what_is_won_is_set_against_what_the_spans_say():
    result = summary([CASCADE, CASCADE], [STREAMING, STREAMING])
    assert result["worth_by_the_spans_ms"] == 900
    assert result["won_ms"] == 900
    assert result["won"] == 1.0


def test_only_recordings_answered_in_both_modes_count():
    result = summary([CASCADE, None], [STREAMING, STREAMING])
    assert result["recordings"] == 1


def test_nothing_to_compare():
    assert summary([None], [STREAMING])["won"] is None
