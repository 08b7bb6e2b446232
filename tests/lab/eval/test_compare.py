"""One evaluation against an earlier one."""

import json

import pytest

from antiphon.errors import ConfigError
from antiphon.lab.eval.compare import Verdict, compare, load
from antiphon.lab.eval.figures import blank


def evaluation(**figures):
    """Each figure as (value, interval)."""
    told = blank()
    for name, (value, interval) in figures.items():
        told[name], told["intervals"][name] = value, interval
    return told


def verdicts(before, now):
    return {change.figure: change.verdict for change in compare(before, now)}


@pytest.mark.parametrize(
    ("figure", "before", "now", "verdict"),
    [
        ("yield_rate", (0.9, [0.85, 0.94]), (0.98, [0.95, 0.99]), Verdict.BETTER),
        ("yield_rate", (0.98, [0.95, 0.99]), (0.9, [0.85, 0.94]), Verdict.WORSE),
        ("digits_cut", (0.01, [0.0, 0.02]), (0.2, [0.1, 0.3]), Verdict.WORSE),
        ("wait_at_5pct_ms", (900, [850, 950]), (700, [650, 750]), Verdict.BETTER),
    ],
)
def test_what_lies_outside_of_both_intervals_is_better_or_worse(figure, before, now, verdict):
    assert verdicts(evaluation(**{figure: before}), evaluation(**{figure: now}))[figure] is verdict


def test_what_lies_inside_of_one_of_them_may_be_chance():
    before, now = evaluation(yield_rate=(0.95, [0.9, 0.98])), evaluation(yield_rate=(0.91, [0.85, 0.94]))
    assert verdicts(before, now)["yield_rate"] is Verdict.SAME


def test_a_figure_that_one_of_them_lacks_is_not_judged():
    now = evaluation(yield_rate=(0.5, [0.4, 0.6]))
    assert verdicts(evaluation(), now)["yield_rate"] is Verdict.UNKNOWN


@pytest.mark.parametrize("text", ["", "[]", json.dumps({"yield_rate": 1})])
def test_a_file_that_is_no_evaluation_is_refused(text, tmp_path):
    file = tmp_path / "before.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match="before"):
        load(file)
