"""What whoever runs a server sees of it: health, metrics, and draining as a client meets it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from antiphon.client.errors import Refused
from antiphon.server.board import Board, Line, Phase, State
from antiphon.server.draining import drain
from antiphon.server.limits import Limits
from antiphon.server.metrics import render
from tests.server_api.serving import KEY, serving


def using(body: Any, **options: Any) -> Any:
    async def main() -> Any:
        async with asyncio.timeout(30), serving(**options) as served:
            return await body(served)

    return asyncio.run(main())


async def asked(served, path: str) -> Any:
    return await served.rest.get(str(served.rest.base_url).replace("/v1/", path))


# --- health and metrics


def test_the_metrics_count_sessions_and_their_limit():
    async def body(served):
        async with served.client() as client:
            await client.configure()
            answer = await asked(served, "/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'antiphon_sessions{worker="0"} 1' in answer.text
        assert 'antiphon_sessions_most{worker="0"} 7' in answer.text
        assert 'antiphon_ready{worker="0"} 1' in answer.text

    using(body, limits=Limits(sessions=7))


def test_the_metrics_are_in_the_text_format():
    for line in render(board(Phase.READY, Phase.DRAINING)).splitlines():
        if not line.startswith("# HELP ") and not line.startswith("# TYPE "):
            series, _, value = line.rpartition(" ")
            assert series.startswith("antiphon_") and series.endswith('"}')
            float(value)


def test_a_worker_that_has_gone_is_told_as_not_ready():
    shown = render(board(Phase.READY, Phase.GONE))
    assert 'antiphon_ready{worker="0"} 1' in shown
    assert 'antiphon_ready{worker="1"} 0' in shown


def board(*phases: Phase) -> Board:
    lines = (Line * len(phases))()
    for number, phase in enumerate(phases):
        Board(lines, number).write(State(phase, sessions=number, waiting=0, lag=0.0))
    return Board(lines, 0)


def test_only_workers_that_serve_and_live_count():
    others = board(Phase.READY, Phase.READY, Phase.STARTING, Phase.DRAINING, Phase.GONE, Phase.READY)
    others.lines[5].beat = time.monotonic() - 60
    assert [line.sessions for line in others.others()] == [1]


# --- draining


def test_while_it_drains_it_is_unhealthy_and_refuses_sessions():
    async def body(served):
        async with served.client() as early, connect(served.ws, additional_headers={"Authorization": KEY}) as waiting:
            await early.configure()
            draining = asyncio.create_task(drain(served.service, grace=60))
            await asyncio.sleep(0)
            answer = await asked(served, "/healthz")
            assert (answer.status_code, answer.json()["reason"]) == (503, "the server is stopping")
            with pytest.raises(InvalidStatus) as refused:
                await connect(served.ws, additional_headers={"Authorization": KEY}, proxy=None)
            assert refused.value.response.status_code == 503
            assert refused.value.response.headers["Retry-After"]
            await waiting.send('{"type":"session.update","session":{}}')
            assert "at_capacity" in await waiting.recv()
            assert not draining.done()
            await early.end()
            await draining

    using(body)


def test_who_is_refused_while_it_drains_is_told_so():
    async def body(served):
        served.service.draining = True
        with pytest.raises(Refused, match="503"):
            async with served.client() as client:
                await client.configure()

    using(body)


def test_an_idle_server_drains_at_once():
    async def body(served):
        async with asyncio.timeout(5):
            await drain(served.service, grace=1000)

    using(body)
