"""The floods of the bench, small ones, against a server in this process: each is stopped, and how."""

from __future__ import annotations

import asyncio

import pytest

from antiphon.lab.bench_density import track
from antiphon.lab.floods import Outcome, flood
from antiphon.server.keys import Keys
from antiphon.server.limits import Limits
from tests.server_api.serving import serving


def flooded(kind: str, seconds: float, **limits: float) -> Outcome:
    async def main() -> Outcome:
        async with asyncio.timeout(30), serving(keys=Keys(), limits=Limits(**limits)) as served:
            address = served.ws.removeprefix("ws://").removesuffix("/v1/ws")
            return await flood(kind, address, seconds, track(0), half_open=40)

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("kind", "how", "limits"),
    [
        ("audio", "audio_rate_violation", {"audio_ahead": 1.0}),
        ("messages", "read more slowly", {"messages_at_once": 100}),
        ("half_open", "closed", {"waiting": 10, "handshake_crowded": 0.1}),
    ],
)
def test_a_flood_is_stopped(kind, how, limits):
    outcome = flooded(kind, 4.0 if kind == "half_open" else 1.0, **limits)
    assert (outcome.how, outcome.open_at_end) == (how, 0)
    assert outcome.after is not None


def test_without_a_limit_a_flood_goes_on():
    outcome = flooded("messages", 1.0, messages_per_second=1e6, messages_at_once=1e6, bytes_per_second=1e9)
    assert outcome.after is None or outcome.how == "never"
