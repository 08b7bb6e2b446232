"""The lobby by itself, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from antiphon.lab import virtual
from antiphon.server.lobby import Lobby


class Guests:
    """Enters at the given times; `out` holds when each was turned out."""

    def __init__(self, **options: float) -> None:
        self.lobby = Lobby(**{"most": 4, "patience": 10.0, "hurry": 1.0, **options})
        self.out: dict[int, float] = {}

    async def come(self, *at: float) -> None:
        loop = asyncio.get_running_loop()
        for guest, when in enumerate(at):
            await asyncio.sleep(when - loop.time())
            self.lobby.enter(lambda guest=guest: self.out.setdefault(guest, loop.time()))
        await asyncio.sleep(60)


def turned_out(*at: float, **options: float) -> dict[int, float]:
    guests = Guests(**options)
    virtual.run(guests.come(*at))
    assert len(guests.lobby) == 0
    return {guest: pytest.approx(when, abs=0.1) for guest, when in guests.out.items()}


def test_a_guest_is_turned_out_when_its_time_is_over():
    assert turned_out(0.0, 3.0) == {0: 10.0, 1: 13.0}


def test_where_it_is_crowded_nobody_stays_long_not_even_when_it_is_no_more():
    assert turned_out(0.0, 3.0, 3.1) == {0: 3.1, 1: 4.0, 2: 4.1}


def test_who_has_waited_longest_gives_way():
    assert turned_out(0.0, 0.1, 0.2, 0.3, 0.4) == {0: 0.4, 1: 1.1, 2: 1.2, 3: 1.3, 4: 1.4}


def test_a_crowd_is_turned_out_whole():
    assert turned_out(*[0.0] * 100, most=150) == dict.fromkeys(range(100), 1.0)


def test_who_has_left_is_not_turned_out():
    async def main() -> None:
        lobby = Lobby(most=1, patience=1.0, hurry=1.0)
        place = lobby.enter(pytest.fail)
        place.leave()
        place.leave()
        await asyncio.sleep(5)

    virtual.run(main())
