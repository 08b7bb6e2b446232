"""The bench of what was heard, on a seeded sample of its cuts."""

from __future__ import annotations

import pytest

from antiphon.lab.bench_heard import CELLS, Verdict, batches, judge, run
from antiphon.lab.heard_call import Outcome


@pytest.mark.parametrize(
    ("remembered", "heard", "verdict"),
    [
        ("we have", "we have", Verdict.EXACT),
        ("", "", Verdict.EXACT),
        ("we", "we have", Verdict.ONE_SHORT),
        ("", "we have", Verdict.MORE_SHORT),
        ("we have a", "we have", Verdict.OVER),
        ("we had", "we have", Verdict.OVER),
        ("have", "we have a", Verdict.OVER),
    ],
)
def test_a_verdict_compares_the_history_with_what_was_heard(remembered: str, heard: str, verdict: Verdict) -> None:
    assert judge(Outcome(tuple(remembered.split()), tuple(heard.split()))) is verdict


@pytest.mark.parametrize("cuts", [10, 60, 2000])
def test_cuts_are_spread_evenly_over_the_cells_and_no_two_calls_are_alike(cuts: int) -> None:
    todo = batches(cuts, seed=1)
    shares = [sum(n for batch in todo if batch.cell == index for _, n in batch.calls) for index in range(len(CELLS))]
    assert sum(shares) == cuts
    assert max(shares) - min(shares) <= 1
    seeds = [seed for batch in todo for seed, _ in batch.calls]
    assert len(set(seeds)) == len(seeds)


def test_with_word_times_the_history_holds_what_was_heard_to_the_word() -> None:
    figures = run(cuts=60, seed=7, processes=1)
    assert figures["cuts"] == sum(cell["cuts"] for cell in figures["cells"]) == 60
    timed = [cell for cell in figures["cells"] if cell["word_times"]]
    assert all(cell["over"] == 0 for cell in timed), timed
    assert sum(cell["exact"] for cell in timed) >= 0.95 * sum(cell["cuts"] for cell in timed), timed
