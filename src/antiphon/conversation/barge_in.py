"""Whether a voice over the agent's takes the floor: what is known of it, and the score that comes of it.

The agent is held at the first sound, so waiting for more evidence costs the caller nothing: what is decided late is
still heard as an immediate stop. What is said decides first. "Wait" takes the floor at once, and so do three words; a
word or two are what a recogniser makes of a hum or a cough as well, so they need a voice that lasts; a backchannel and
the agent's own words never do. A voice without words needs to last longer, and much longer where words would have been
known by then. A voice far below the caller's usual level is somebody else's.

Nothing here knows a clock. Times are milliseconds of received audio, levels are dBFS.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from antiphon.conversation.settings import Settings
from antiphon.conversation.words import Said


class Overlap(StrEnum):
    """In which part of a reply the voice began. It sets the threshold."""

    GREETING = "greeting"  # people say hello back
    BEGINNING = "beginning"  # of the reply: both began at once, most likely because the caller had not ended
    MIDDLE = "middle"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a voice over the agent's."""

    said: Said = Said.NOTHING
    text: str = ""
    final: bool = False  # the text is, and the voice has ended
    voice: int = 0  # how long it has lasted since it last began
    voices: int = 0  # how long it lasted in all
    level: float | None = None  # of all of it; None: not measured
    usual: float | None = None  # of the caller's turns so far
    overlap: Overlap = Overlap.MIDDLE


class Outcome(StrEnum):
    TAKES = "takes"  # the floor: the reply stops for good
    PASSES = "passes"  # the agent goes on, and nobody outside hears of it
    GIVEN_UP = "given_up"  # the agent goes on, and listens on: words that come later may still take the floor
    WAITS = "waits"  # held, until more is known


@dataclass(frozen=True, slots=True)
class Decision:
    """One judgement of a voice over the agent's, kept as data."""

    evidence: Evidence
    score: float  # that the caller wants the floor, 0 to 1
    threshold: float
    outcome: Outcome
    by_length: bool  # what a rule of `decide_after` ms of voice alone would have done: take the floor


THRESHOLDS = {Overlap.GREETING: 0.7, Overlap.BEGINNING: 0.3, Overlap.MIDDLE: 0.5}
_WORDS = {
    Said.DEMAND: 1.0,
    Said.ANSWER: 0.9,
    Said.MANY: 0.9,
    Said.UNFINISHED: 0.0,
    Said.BACKCHANNEL: 0.0,
    Said.ECHO: 0.0,
}
_EVEN = 0.5  # the score of a voice that has lasted as long as the settings ask
_LASTING = 0.75  # and the most that its lasting can come to
_WORDLESS = 0.6  # the same of one without words that would have been told: not enough for a greeting

NEAR, FAR = 7.0, 13.0  # dB below the caller's usual level: still the caller, and certainly not
_SHOUTED = 3.0  # dB more for a demand: nobody in the background is likely to say just that
QUIET = 10.0  # dB below: does not hold the agent
QUIET_AT_ONSET = 15.0  # the same for the first sound, which is only beginning


def decide(evidence: Evidence, settings: Settings) -> Decision:
    score, threshold = _score(evidence, settings), THRESHOLDS[evidence.overlap]
    outcome = Outcome.TAKES if score >= threshold else Outcome.PASSES if evidence.final else Outcome.WAITS
    return Decision(evidence, round(score, 3), threshold, outcome, evidence.voices >= settings.decide_after)


def enough(evidence: Evidence, settings: Settings) -> int | None:
    """How long the voice has to have lasted to take the floor with nothing more said; None: however long it does."""
    rate = _rate(evidence, settings) * _nearness(evidence)
    if not rate or THRESHOLDS[evidence.overlap] > _most(evidence.said, settings) * _nearness(evidence):
        return None
    lasting = -int(-THRESHOLDS[evidence.overlap] // rate)
    return lasting if evidence.said is Said.NOTHING else lasting - (evidence.voices - evidence.voice)


def _score(evidence: Evidence, settings: Settings) -> float:
    if evidence.said in _WORDS:
        return _WORDS[evidence.said] * _nearness(evidence)
    lasted = evidence.voice if evidence.said is Said.NOTHING else evidence.voices
    return min(lasted * _rate(evidence, settings), _most(evidence.said, settings)) * _nearness(evidence)


def _rate(evidence: Evidence, settings: Settings) -> float:
    """By how much each millisecond of voice adds to the score."""
    if evidence.said is Said.FEW:
        return _EVEN / settings.few_words_after
    if evidence.said is Said.NOTHING:
        return _EVEN / (settings.wordless_after if settings.partials else settings.decide_after)
    return 0.0


def _most(said: Said, settings: Settings) -> float:
    return _WORDLESS if said is Said.NOTHING and settings.partials else _LASTING


def below_usual(level: float | None, usual: float | None) -> float:
    """By how many dB a voice is quieter than the caller's; 0 where that is not known."""
    return 0.0 if level is None or usual is None else usual - level


def _nearness(evidence: Evidence) -> float:
    """1 for a voice that may be the caller's by its level, 0 for one that cannot be."""
    below = below_usual(evidence.level, evidence.usual)
    if evidence.said is Said.DEMAND:
        below -= _SHOUTED
    return 1 - min(max((below - NEAR) / (FAR - NEAR), 0.0), 1.0)
