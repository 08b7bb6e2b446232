"""The estimate that a turn is over, and the wait that follows from it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.conversation.endpointing import (
    LIMITS,
    Estimate,
    Evidence,
    Limits,
    Pace,
    Patience,
    Score,
    decide,
    estimate,
    share_longer,
    wait,
)
from antiphon.conversation.phrases import Sign

probabilities = st.floats(0, 1)
scores = st.builds(Score, st.integers(50, 2000), probabilities)
evidence = st.builds(
    Evidence,
    silence=st.integers(0, 5000),
    scores=st.lists(scores, max_size=3).map(tuple),
    signs=st.frozensets(st.sampled_from(Sign)),
    sentence_end=st.none() | probabilities,
    pace=st.floats(0.75, 1.5),
    provider_end=st.booleans(),
)
GAPS = {Sign.LONG_GAP, Sign.SHORT_GAP}
limits = st.builds(Limits, st.floats(0.01, 100), st.integers(50, 1000), st.integers(1000, 5000), st.integers(50, 9000))


@given(evidence, st.sampled_from(Patience))
def test_the_wait_is_within_its_limits(known: Evidence, patience: Patience) -> None:
    took, bounds = decide(known, patience).wait, LIMITS[patience]
    assert bounds.shortest <= took <= (bounds.for_value if known.signs & GAPS else bounds.longest)


@given(evidence, limits)
def test_limits_that_are_given_win(known: Evidence, bounds: Limits) -> None:
    took = decide(known, Patience.BALANCED, bounds).wait
    assert bounds.shortest <= took <= max(bounds.longest, bounds.for_value)


@given(evidence, st.integers(0, 3000))
def test_silence_alone_never_lengthens_the_wait(known: Evidence, more: int) -> None:
    later = replace(known, silence=known.silence + more)
    assert decide(later, Patience.BALANCED).wait == decide(known, Patience.BALANCED).wait


@given(evidence)
def test_a_patient_mode_waits_no_less(known: Evidence) -> None:
    quick, balanced, patient = (decide(known, patience).wait for patience in Patience)
    assert quick <= balanced <= patient


@given(evidence, st.sampled_from(["detector", "sentence_end"]), probabilities, probabilities)
def test_a_surer_model_waits_no_longer(known: Evidence, model: str, one: float, other: float) -> None:
    def took(probability: float) -> int:
        scores = replace(known, scores=(Score(100, probability),))
        changed = scores if model == "detector" else replace(known, sentence_end=probability)
        return decide(changed, Patience.BALANCED).wait

    assert took(max(one, other)) <= took(min(one, other))


@given(evidence)
def test_the_contributions_add_up(known: Evidence) -> None:
    found = estimate(known)
    assert found.q == pytest.approx(1 / (1 + math.exp(-sum(logit for _, logit in found.contributions))))


@given(st.floats(0.01, 0.99))
def test_the_wait_costs_least(over: float) -> None:
    bounds, known = Limits(cut=4.0, shortest=1, longest=60_000), Evidence()
    chosen = wait(Estimate(over, ()), bounds, known)

    def cost(silence: float) -> float:
        return over * silence / 1000 + 4 * (1 - over) * 0.1 * (silence / 1000) ** -1.443

    assert cost(chosen) <= min(cost(chosen * 0.9), cost(chosen * 1.1))


@pytest.mark.parametrize("known", [Evidence(scores=(Score(100, 0.02),)), Evidence(sentence_end=0.01)])
def test_a_no_waits_long_but_not_for_ever(known: Evidence) -> None:
    assert 700 < decide(known, Patience.BALANCED).wait < 2000


def test_a_number_in_the_middle_is_given_the_longest_wait_and_a_whole_one_a_short_one() -> None:
    middle = Evidence(scores=(Score(100, 0.9),), signs=frozenset({Sign.LONG_GAP}))
    whole = Evidence(scores=(Score(100, 0.3),), signs=frozenset({Sign.WHOLE}))
    assert decide(middle, Patience.BALANCED).wait == LIMITS[Patience.BALANCED].for_value
    assert decide(whole, Patience.BALANCED).wait <= 600


def test_later_scores_count_only_where_there_is_no_early_one() -> None:
    early, late = Score(100, 0.1), Score(900, 0.99)
    assert estimate(Evidence(scores=(early, late))) == estimate(Evidence(scores=(early,)))
    assert estimate(Evidence(scores=(late,))).q > estimate(Evidence(scores=(early,))).q


def test_a_caller_who_pauses_long_is_waited_for_longer() -> None:
    slow, quick = Pace(), Pace()
    for _ in range(6):
        slow, quick = slow.paused(1200), quick.paused(210)
    waits = [decide(Evidence(pace=pace.factor), Patience.BALANCED).wait for pace in (quick, Pace(), slow)]
    assert waits == sorted(set(waits)) and 0.75 <= quick.factor < 1 < slow.factor <= 1.5


def test_pauses_between_words_say_nothing_of_the_pace() -> None:
    assert Pace().paused(150) == Pace()


def test_the_law_of_pauses() -> None:
    assert share_longer(600) == pytest.approx(0.1 * 0.6**-1.443)
    assert share_longer(100) == 1 and share_longer(0) == 1


def test_a_decision_keeps_what_it_was_made_of() -> None:
    known = Evidence(scores=(Score(100, 0.8),), signs=frozenset({Sign.QUESTION}), text="Do you deliver?")
    made = decide(known, Patience.BALANCED)
    assert made.evidence == known and dict(made.others).keys() == {"min_latency", "max_accuracy"}
    assert {name for name, _ in made.estimate.contributions} == {"constant", "detector", "question"}
    assert made.cut_risk == share_longer(made.wait)
