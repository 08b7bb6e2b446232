"""The bench of a crash: its judgement by itself, and a small run of it over each store that processes share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from antiphon.lab.bench_crash import measure
from antiphon.lab.crash_call import Said, fits
from antiphon.lab.haproxy import missing
from tests.stores import redis_server

ALL = Said.exactly("assistant", "one two three")
CUT = Said("assistant", ("one", "two", "three"), 1, 2)


def remembered(*messages: tuple[str, str]) -> list[tuple[str, str]]:
    return [(role, word) for role, text in messages for word in text.split()]


@pytest.mark.parametrize(
    ("said", "memory", "right"),
    [
        ([ALL], [("assistant", "one two three")], True),
        ([ALL], [("assistant", "one two")], False),
        ([ALL], [("user", "one two three")], False),
        ([CUT], [("assistant", "one two")], True),
        ([CUT], [("assistant", "one")], True),
        ([CUT], [("assistant", "one two three")], False),
        ([CUT, Said.exactly("assistant", "three")], [("assistant", "one two"), ("assistant", "three")], True),
        ([CUT, Said.exactly("assistant", "three")], [("assistant", "one"), ("assistant", "three")], True),
        ([CUT, Said.exactly("assistant", "three")], [("assistant", "three")], False),
        ([ALL, Said("user", ("hello",), 0, 1), ALL], [("assistant", "one two three one two three")], True),
    ],
)
def test_a_memory_is_laid_against_what_was_said(said, memory, right):
    assert fits(said, remembered(*memory)) is right


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield ""
        return
    if why := redis_server.missing():
        pytest.skip(why)
    with redis_server.redis_server() as url:
        yield url


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_calls_of_a_server_that_is_killed_go_on_at_the_other(store):
    figures = asyncio.run(measure(4, seed=1, store=store, until=(3.0, 5.0), afterwards=0.0))
    assert figures["faults"] == []
    assert figures["went_on"] == 4
    assert figures["cut_off"] >= 1
    assert figures["run_again_that_may_not"] == 0
