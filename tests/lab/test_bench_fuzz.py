"""Frames that no client should send, to a real server: a seeded sample of what `antiphon bench fuzz` sends."""

from __future__ import annotations

import asyncio

from antiphon.lab.bench_fuzz import measure
from antiphon.lab.fuzz_frames import Frames


def test_a_seed_names_its_frames() -> None:
    first, again, other = Frames(1), Frames(1), Frames(2)
    drawn = [first.draw() for _ in range(200)]
    assert drawn == [again.draw() for _ in range(200)]
    assert drawn != [other.draw() for _ in range(200)]


def test_nothing_a_client_can_send_harms_the_server_or_the_call_beside_it() -> None:
    figures = asyncio.run(measure(4_000, seed=1, settle=0.0))
    assert figures["frames"] >= 4_000
    assert figures["faults"] == []
    assert (figures["unanswered"], figures["lost"]) == (0, None)
