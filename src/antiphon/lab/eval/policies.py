"""When each policy holds a turn for over, given what was known in a pause.

A policy maps a point to its *decision*: seconds of pause after which it closes the turn, if nobody goes on before. It
reads a trace causally: what it concludes at some moment rests on what was known by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from antiphon.conversation.endpointing import Evidence, Limits, Score, estimate, wait
from antiphon.conversation.phrases import signs
from antiphon.lab.eval.points import Point
from antiphon.lab.eval.traces import SCORING, SILENCE, Trace
from antiphon.lab.eval.traces import Score as Asked
from antiphon.types import ToolSpec

Policy = Callable[[Point], float]
Over = Callable[[float, float], bool]  # seconds of pause, and of silence by the VAD

STEP = 0.02  # seconds between two looks
SHORTEST = 100  # ms of silence by the VAD, which knows of no less


def silence(seconds: float) -> Policy:
    """So much silence, by the VAD, is the end."""
    return lambda point: _first(point.trace, lambda _, quiet: quiet >= seconds)


def smart_turn(*, threshold: float = 0.5, wait: float = 0.2, give_up: float = 3.0) -> Policy:
    """Smart Turn as the peers use it: asked once, after `wait` seconds of silence; a no costs `give_up` seconds. The
    defaults are theirs."""

    def decide(point: Point) -> float:
        asked = min(point.trace.scores, key=lambda score: abs(score.silence - wait), default=None)
        yes = asked is not None and asked.over > threshold
        return _first(point.trace, lambda _, quiet: quiet >= (wait + SCORING if yes else give_up))

    return decide


def estimated(limits: Limits, *, question: str = "", tools: Sequence[ToolSpec] = ()) -> Policy:
    """The running estimate, as it is run in a session: asked anew with everything that is learnt during the pause."""

    def decide(point: Point) -> float:
        waits: dict[tuple[int, int], int] = {}  # by how many scores and texts are known

        def over(now: float, quiet: float) -> bool:
            since = now - quiet
            known = tuple(score for score in point.trace.scores if since + score.silence + SCORING <= now)
            said = [text for text in point.trace.texts if text.known <= now]
            key = len(known), len(said)
            if key not in waits:
                waits[key] = _wait(known, said[-1].text if said else "", len(said) > 1)
            return 1000 * quiet >= waits[key]

        def _wait(known: Sequence[Asked], text: str, final: bool) -> int:
            scores = tuple(Score(round(1000 * one.silence), one.over) for one in known)
            evidence = Evidence(
                scores=scores, text=text, final=final, signs=signs(text, question=question, tools=tools)
            )
            return wait(estimate(evidence), limits, evidence)

        return _first(point.trace, over)

    return decide


def weighed(cut: float) -> Policy:
    """The running estimate, a false cut weighed at so many seconds of waiting: the knob of its frontier."""
    return estimated(Limits(cut, SHORTEST))


def _first(trace: Trace, over: Over) -> float:
    """The first moment of the pause at which `over` holds. SILENCE if there is none."""
    for quiet in trace.quiet:
        for at in _looks(max(quiet.known, 0.0), min(quiet.until, SILENCE)):
            if over(at, at - quiet.since + 1e-9):
                return at
    return SILENCE


def _looks(begin: float, end: float) -> Iterable[float]:
    at = begin
    while at < end:
        yield at
        at += STEP
