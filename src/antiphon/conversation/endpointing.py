"""When a pause is the end of a turn: a running estimate of how likely it is, and a wait that follows from it.

`estimate` adds what speaks for the end and what speaks against it, in logits. `wait` is the pause that costs the caller
least at that probability. Of the pauses in the middle of a turn, the share that is longer than t seconds is
S(t) = 0.100 · t^-1.443 (t ≥ 0.2), so waiting w costs w where the turn is over, probability q, and a cut of weight λ
where it is not, with S(w). q·w + λ·(1 - q)·S(w) is least at

    w = (0.100 · 1.443 · λ · (1 - q) / q) ^ (1 / 2.443)

so there is no threshold to fall off: a sure end waits little, a doubtful one longer, and a "no" never a flat while.
Nothing here knows a clock or a model. Times are milliseconds of received audio unless said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from antiphon.conversation.phrases import Sign

# --- what is known ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Score:
    """What the turn detector said: that the turn is over, from 0 to 1, after so much silence."""

    silence: int
    probability: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one pause. Whatever is unknown stays at its default, and is weighed as such."""

    silence: int = 0  # since the last sound
    scores: tuple[Score, ...] = ()  # of the turn detector, in the order they came
    text: str = ""  # the turn's transcript so far
    final: bool = False  # and it is final
    signs: frozenset[Sign] = frozenset()  # what `phrases.signs` finds in the text and the dialogue
    sentence_end: float | None = None  # that a sentence ends where the text does, from 0 to 1, by a language model
    pace: float = 1.0  # this caller's pauses within a turn, as a multiple of everyone's; see `Pace`
    provider_end: bool = False  # the STT holds that the turn is over


@dataclass(frozen=True, slots=True)
class Pace:
    """How long this caller's pauses within a turn were, in this call. At first as everyone's, and never far from it."""

    pauses: int = 0
    logarithms: float = 0.0  # sum over them of ln(seconds), less its expectation

    def paused(self, silence: int) -> Pace:
        """The caller went on after a pause of so much. Shorter ones than 200 ms lie between words, and do not count."""
        if silence < SHORTEST_PAUSE:
            return self
        return Pace(self.pauses + 1, self.logarithms + math.log(silence / SHORTEST_PAUSE) - 1 / STEEPNESS)

    @property
    def factor(self) -> float:
        return min(max(math.exp(self.logarithms / (self.pauses + _USUAL)), 0.75), 1.5)


_USUAL = 6  # pauses that everyone's law counts for


# --- the estimate -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Estimate:
    """`q` is the probability that the turn is over, were ends and other pauses equally frequent; `contributions` are
    the logits it is the sum of, by what they come from."""

    q: float
    contributions: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """One logistic regression: of the logit of each model's probability, and of signs in the text."""

    constant: float
    detector: float = 0.0  # of the mean logit of its scores in the first `_EARLY` of the pause
    sentence_end: float = 0.0
    open_phrase: float = 0.0
    short: float = 0.0
    question: float = 0.0


# Fitted by logistic regression (L2 of weight 1, the two classes weighed alike) to 222 pauses, 53 of them ends, in one
# half of the recorded orders and read sentences: halved by hash of name and by speaker, as the evaluation does. Texts
# are moonshine/tiny's, scores Smart Turn v3.2's after 100 and 200 ms, sentence ends SmolLM2-135M's.
WEIGHTS: Mapping[tuple[bool, bool], Weights] = {  # by what there is: scores of a detector, a language model
    (False, False): Weights(0.07, open_phrase=-2.21, short=-1.30, question=0.60),
    (False, True): Weights(1.16, sentence_end=0.66, open_phrase=-0.68, short=-0.77, question=0.50),
    (True, False): Weights(-0.31, detector=0.37, open_phrase=-1.45, short=-1.45, question=0.78),
    (True, True): Weights(0.68, detector=0.31, sentence_end=0.57, open_phrase=-0.45, short=-0.90, question=0.67),
}
# Signs that the recordings do not hold: set by hand.
SIGNS: Mapping[Sign, float] = {Sign.ANSWER: 1.5, Sign.LONG_GAP: -7.0, Sign.SHORT_GAP: -2.0, Sign.WHOLE: 2.0}
PROVIDER_END = 2.0  # by hand: a provider that says so has heard the words and the silence
_DETECTOR_FLOOR, _MODEL_FLOOR = 0.005, 0.002  # no probability is trusted further than this
_EARLY = 250  # a detector drifts to "over" as silence grows: its later scores count only where there is no earlier


def estimate(evidence: Evidence) -> Estimate:
    """How likely the turn is over."""
    scores, sentence_end, signs = _early(evidence.scores), evidence.sentence_end, evidence.signs
    weights = WEIGHTS[bool(scores), sentence_end is not None]
    parts = [("constant", weights.constant)]
    if scores:
        mean = sum(_logit(score.probability, _DETECTOR_FLOOR) for score in scores) / len(scores)
        parts.append(("detector", weights.detector * mean))
    if sentence_end is not None and not signs & _VALUES:  # a model of language is no judge of numbers
        parts.append(("sentence_end", weights.sentence_end * _logit(sentence_end, _MODEL_FLOOR)))
    fitted = {Sign.OPEN: weights.open_phrase, Sign.SHORT: weights.short, Sign.QUESTION: weights.question}
    parts += [(sign.value, {**fitted, **SIGNS}[sign]) for sign in sorted(signs)]
    if evidence.provider_end:
        parts.append(("provider_end", PROVIDER_END))
    return Estimate(1 / (1 + math.exp(-sum(logit for _, logit in parts))), tuple(parts))


_VALUES = frozenset({Sign.LONG_GAP, Sign.SHORT_GAP, Sign.WHOLE})


def _early(scores: tuple[Score, ...]) -> tuple[Score, ...]:
    return tuple(score for score in scores if score.silence <= _EARLY) or scores[:1]


def _logit(probability: float, floor: float) -> float:
    return math.log((probability + floor) / (1 - probability + floor))


# --- the wait -----------------------------------------------------------------------------------------------------


class Patience(StrEnum):
    """The modes of the protocol: how a false cut is weighed against waiting."""

    MIN_LATENCY = "min_latency"
    BALANCED = "balanced"
    MAX_ACCURACY = "max_accuracy"


@dataclass(frozen=True, slots=True)
class Limits:
    """`cut` is the weight of a false cut, in seconds of waiting; `shortest` and `longest` bound the wait."""

    cut: float
    shortest: int
    longest: int = 3000
    for_value: int = 4000  # the longest, in the middle of a dictated value


# The weights give a mean wait of 0.3, 0.6 and 0.9 s at the ends in the half that was fitted.
LIMITS: Mapping[Patience, Limits] = {
    Patience.MIN_LATENCY: Limits(0.7, 200),
    Patience.BALANCED: Limits(4.0, 250),
    Patience.MAX_ACCURACY: Limits(11.0, 300),
}
SCALE, STEEPNESS = 0.100, 1.443  # of the law of pauses, its t in seconds
SHORTEST_PAUSE = 200  # from where on it holds


def wait(found: Estimate, limits: Limits, evidence: Evidence) -> int:
    """The silence in all that ends the turn, given this. It does not depend on how much of it has passed."""
    odds = (1 - found.q) / found.q
    spread = math.pow(evidence.pace, STEEPNESS)  # pauses k times as long: S(t / k)
    seconds = math.pow(SCALE * STEEPNESS * limits.cut * spread * odds, 1 / (1 + STEEPNESS))
    unfinished = evidence.signs & {Sign.LONG_GAP, Sign.SHORT_GAP}
    longest = max(limits.longest, limits.for_value) if unfinished else limits.longest
    return min(max(round(1000 * seconds), limits.shortest), longest)


def share_longer(silence: int, *, pace: float = 1.0) -> float:
    """S: the share of pauses within a turn that are longer than this, and so would be cut by it."""
    return min(1.0, SCALE * math.pow(max(silence, 1) / 1000 / pace, -STEEPNESS))


@dataclass(frozen=True, slots=True)
class Decision:
    """One look at a pause, kept as data: what was known, what it came to, and what it would have come to elsewhere."""

    evidence: Evidence
    estimate: Estimate
    patience: Patience
    limits: Limits
    wait: int  # the silence that ends the turn
    others: tuple[tuple[str, int], ...]  # the same in the other modes
    cut_risk: float  # that a pause within a turn is longer than `wait`


def decide(evidence: Evidence, patience: Patience, limits: Limits | None = None) -> Decision:
    """The wait for a pause of which `evidence` is known. `limits` other than the mode's own stand in their place."""
    found, limits = estimate(evidence), limits or LIMITS[patience]
    waits = tuple((other.value, wait(found, LIMITS[other], evidence)) for other in Patience if other is not patience)
    took = wait(found, limits, evidence)
    return Decision(evidence, found, patience, limits, took, waits, share_longer(took, pace=evidence.pace))
