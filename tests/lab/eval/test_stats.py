"""Shares and intervals."""

import pytest

from antiphon.lab.eval.stats import share, wilson


def test_the_interval_of_a_share():
    assert wilson(95, 100) == pytest.approx((0.888, 0.978), abs=0.001)  # Wilson's, by Brown, Cai and DasGupta (2001)


def test_none_of_none_says_nothing():
    assert share(0, 0) == {"share": None, "count": 0, "of": 0, "interval": None}
