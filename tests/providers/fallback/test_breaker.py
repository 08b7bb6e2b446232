"""When a provider is left out, and for how long."""

from __future__ import annotations

import pytest

from antiphon.errors import AuthError, BadRequest, Disconnected, ProviderError, QuotaError, RateLimited
from antiphon.providers.fallback.breaker import HOPELESS, LONGEST, Breaker, Health


def test_one_failure_opens_it_and_a_probe_half() -> None:
    breaker = Breaker(cooldown=5)
    breaker.failed(Disconnected("gone"), 100)
    assert (breaker.health, breaker.probe_at) == (Health.OPEN, 105)
    breaker.recovered()
    assert breaker.health is Health.HALF_OPEN
    breaker.succeeded()
    assert breaker.health is Health.CLOSED


def test_who_fails_again_and_again_is_asked_ever_less() -> None:
    breaker, waits = Breaker(cooldown=5), []
    for _ in range(6):
        breaker.failed(Disconnected("gone"), 0)
        breaker.recovered()
        waits.append(breaker.probe_at)
    assert waits == [5, 10, 20, 40, LONGEST, LONGEST]
    breaker.succeeded()
    breaker.failed(Disconnected("gone"), 0)
    assert breaker.probe_at == 5


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (AuthError("no"), HOPELESS),
        (QuotaError("spent"), HOPELESS),
        (RateLimited("slower", retry_after=30), 30),
        (RateLimited("slower", retry_after=1), 5),
        (RateLimited("slower"), 5),
    ],
)
def test_how_long_it_is_left_out_depends_on_why(error: ProviderError, wait: float) -> None:
    breaker = Breaker(cooldown=5)
    breaker.failed(error, 0)
    assert breaker.probe_at == wait


def test_a_request_that_is_refused_says_nothing_about_the_next() -> None:
    breaker = Breaker(cooldown=5)
    breaker.failed(BadRequest("no such voice"), 0)
    assert breaker.health is Health.CLOSED


def test_the_pace_is_known_once_there_are_enough_to_judge_by() -> None:
    breaker = Breaker(cooldown=5)
    for number in range(1, 10):
        breaker.succeeded(took=number / 10)
    assert breaker.p80 is None
    breaker.succeeded(took=1.0)
    assert breaker.p80 == pytest.approx(0.9)
