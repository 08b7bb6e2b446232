"""Why was this turn slow? Contiguous spans from the caller's last sound to the first audible sample of the reply.

Each span ends where the next begins, so their sum is the silence that was heard. A mark that lies before the one
preceding it (a transcript asked for early, a reply prepared in the pause) cost nothing: its span is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from antiphon.conversation.notices import Span, TurnMetrics

# Milliseconds a span may take before it is marked. The field's usual figures; every one can be replaced.
BUDGETS: Mapping[str, float] = {
    "uplink": 75,
    "endpointing": 700,
    "stt": 200,
    "llm": 400,
    "chunking": 150,
    "tts": 300,
    "playout": 50,
    "downlink": 75,
}


@dataclass(slots=True)
class Marks:
    """When each thing happened, in seconds of the monotonic clock; None: it did not. In the order of the silence."""

    last_voice: float | None = None  # the caller's last voiced sample arrived
    endpointing: float | None = None  # the pause was as long as the end of a turn
    stt: float | None = None  # the turn was closed: its transcript is final
    llm: float | None = None  # the model's first token
    chunking: float | None = None  # the first clause went to the TTS
    tts: float | None = None  # the first audible audio came from the TTS
    playout: float | None = None  # the first audible sample is played, were there no network


def turn_metrics(
    reply_id: str,
    marks: Marks,
    *,
    one_way: float | None = None,
    budgets: Mapping[str, float] = BUDGETS,
) -> TurnMetrics | None:
    """The spans of one turn, or None if its marks do not reach from a last sound to a first audible sample
    after it.

    `one_way` is the network's estimated delay each way, in seconds: it adds `uplink` and `downlink`.
    """
    if marks.last_voice is None or marks.playout is None or marks.playout < marks.last_voice:
        return None
    spans: list[Span] = []
    if one_way is not None:
        spans.append(_span("uplink", one_way, budgets, estimated=True))
    before = marks.last_voice
    for field in fields(marks)[1:]:
        at = getattr(marks, field.name)
        at = before if at is None else max(at, before)
        spans.append(_span(field.name, min(at, marks.playout) - before, budgets))
        before = min(at, marks.playout)
    if one_way is not None:
        spans.append(_span("downlink", one_way, budgets, estimated=True))
    return TurnMetrics(reply_id, sum(span.ms for span in spans), tuple(spans))


def _span(name: str, seconds: float, budgets: Mapping[str, float], *, estimated: bool = False) -> Span:
    ms = seconds * 1000
    return Span(name, ms, estimated, over_budget=ms > budgets.get(name, float("inf")))
