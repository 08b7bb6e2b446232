"""When each policy closes a turn, and what that comes to over many pauses."""

import pytest

from antiphon.conversation.endpointing import Limits
from antiphon.lab.eval import figures, policies
from antiphon.lab.eval.frontier import sweep
from antiphon.lab.eval.traces import SILENCE
from tests.lab.eval.clips import point


def test_silence_counts_from_the_last_voice():
    assert policies.silence(0.5)(point(over=True, since=0.1)) == pytest.approx(0.6, abs=policies.STEP)


def test_nothing_is_decided_before_the_vad_knows():
    assert policies.silence(0.0)(point(over=True, since=0.1)) == pytest.approx(0.196, abs=policies.STEP)


def test_a_voice_that_comes_back_is_no_silence():
    assert policies.silence(0.5)(point(over=True, until=0.4)) == SILENCE


def test_the_peers_smart_turn_is_asked_once_and_a_no_is_dear():
    assert policies.smart_turn()(point(over=True, score=0.9)) == pytest.approx(0.26, abs=policies.STEP)
    assert policies.smart_turn()(point(over=True, score=0.4)) == pytest.approx(3.0, abs=policies.STEP)


def test_the_estimate_waits_longer_for_an_open_phrase():
    policy = policies.estimated(Limits(4.0, 100))
    sure = policy(point(over=True, score=0.95, text="A large latte, please."))
    open_ = policy(point(over=False, score=0.05, text="I would like a"))
    assert sure < 0.7 < open_


def test_the_estimate_knows_a_score_only_when_it_was_made():
    quick = policies.estimated(Limits(1e-6, 0))(point(over=True, score=0.99))
    assert quick == pytest.approx(0.096, abs=policies.STEP)


def test_false_cut_offs_of_silence_are_those_of_the_law():
    points = [point(over=over, name=str(i)) for i in range(60) for over in (True, False)]
    frontier = sweep(policies.silence, [0.05 * i for i in range(2, 60)], points)
    told = figures.of_frontier(frontier)
    assert told["false_cutoff_at_300ms"] == pytest.approx(0.568, abs=0.03)
    assert told["false_cutoff_at_600ms"] == pytest.approx(0.209, abs=0.03)
    assert told["wait_at_5pct_ms"] == pytest.approx(1600, abs=150)
    low, high = told["intervals"]["false_cutoff_at_300ms"]
    assert low < told["false_cutoff_at_300ms"] < high
    assert told["counts"]["false_cutoff_at_300ms"]["of"] == 60 * 50


def test_a_wait_that_a_policy_cannot_have_has_no_figure():
    frontier = sweep(policies.silence, [0.5, 0.7], [point(over=True), point(over=False)])
    assert figures.of_frontier(frontier)["false_cutoff_at_300ms"] is None


def test_what_applies_to_no_part_is_none():
    assert figures.merged()["yield_rate"] is None
