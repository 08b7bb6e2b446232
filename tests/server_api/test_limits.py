"""Limits: the arithmetic by itself, and what a client meets of it."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from antiphon.client.errors import Refused
from antiphon.conversation.settings import Settings
from antiphon.lab import virtual
from antiphon.server.limits import Allowance, Limits, LoopLag, Quiet
from antiphon.session.makings import SessionOptions
from tests.server_api.serving import KEY, OTHER_KEY, Served, serving

SPOKEN = ["transcript.agent", "reply.done"]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


# --- an allowance


def test_an_allowance_takes_no_more_than_there_is():
    allowance = Allowance(rate=1.0, most=2.0, clock=Clock())
    assert [allowance.take(0.5) for _ in range(5)] == [True] * 4 + [False]


def test_an_allowance_is_filled_with_time_and_not_beyond():
    clock = Clock()
    allowance = Allowance(rate=1.0, most=2.0, clock=clock)
    assert allowance.take(2.0)
    clock.now = 1.0
    assert [allowance.take(1.0), allowance.take(0.1)] == [True, False]
    clock.now = 100.0
    assert [allowance.take(2.0), allowance.take(0.1)] == [True, False]


def test_a_debt_is_paid_with_time():
    clock = Clock()
    allowance = Allowance(rate=10.0, most=2.0, clock=clock)
    assert [allowance.debt(1) for _ in range(4)] == [0.0, 0.0, 0.1, 0.2]
    clock.now = 0.3
    assert allowance.debt(1) == 0.0


def test_a_grant_is_had_once_and_beyond_the_most():
    clock = Clock()
    allowance = Allowance(rate=1.0, most=2.0, clock=clock)
    allowance.grant(5.0)
    clock.now = 1.0
    assert [allowance.take(7.0), allowance.take(0.1)] == [True, False]


# --- clocks


def test_a_client_is_quiet_when_nothing_came_for_so_long():
    async def main() -> float:
        loop = asyncio.get_running_loop()
        began, told = loop.time(), asyncio.Event()
        quiet = Quiet(10.0, told.set)
        for _ in range(3):
            await asyncio.sleep(6)
            quiet.heard()
        await told.wait()
        return loop.time() - began

    assert virtual.run(main()) == pytest.approx(28)


def test_the_lag_of_the_loop_is_seen():
    async def main() -> list[float]:
        lag = LoopLag()
        seen = [lag.seconds]
        lag.start()
        await asyncio.sleep(0.06)
        for _ in range(3):
            time.sleep(0.15)  # noqa: ASYNC251  this is what must not happen
            await asyncio.sleep(0.06)
        lag.stop()
        return [*seen, lag.seconds]

    before, after = asyncio.run(main())
    assert before == 0
    assert after > 0.05


# --- as clients meet them


def using(body: Any, **limits: Any) -> Any:
    async def main() -> Any:
        session = SessionOptions(settings=Settings(farewell_line="yes", goodbye_line="there"))
        async with asyncio.timeout(30), serving(session=session, limits=Limits(**limits)) as served:
            return await body(served)

    return asyncio.run(main())


async def opened(served: Served) -> ClientConnection:
    socket = await connect(served.ws, additional_headers={"Authorization": KEY}, proxy=None)
    await socket.send(json.dumps({"type": "session.update", "session": {}}))
    while json.loads(await socket.recv())["type"] != "session.ready":
        pass
    return socket


async def rest_of(socket: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """Everything that still comes, and the code of the close."""
    told = []
    try:
        while True:
            told.append(json.loads(await socket.recv()))
    except ConnectionClosed as closed:
        assert closed.rcvd
        return told, closed.rcvd.code


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110  what is waited for has no event of its own
        await asyncio.sleep(0.01)


def kinds(told: list[dict[str, Any]]) -> list[str]:
    return [event.get("code", event["type"]) for event in told]


def test_who_never_asks_for_a_session_is_let_go():
    async def body(served):
        async with connect(served.ws, additional_headers={"Authorization": KEY}, proxy=None) as socket:
            assert len(served.service.lobby) == 1
            told, code = await rest_of(socket)
        assert (kinds(told), code) == (["invalid_format"], 1008)
        assert len(served.service.lobby) == 0

    using(body, handshake=0.1)


def test_who_has_waited_longest_gives_way():
    async def body(served):
        headers = {"Authorization": KEY}
        async with connect(served.ws, additional_headers=headers, proxy=None) as first, await opened(served):
            told, code = await rest_of(first)
        assert (kinds(told), code) == (["invalid_format"], 1008)

    using(body, waiting=1)


def test_a_session_ends_when_it_has_lasted_as_long_as_it_may():
    async def body(served):
        told, code = await rest_of(await opened(served))
        assert (kinds(told), code) == (["session_expired", "session.ended"], 1008)

    using(body, session_duration=0.2)


def test_a_session_that_may_last_for_long_says_goodbye_before_its_end():
    async def body(served):
        began = time.monotonic()
        told, code = await rest_of(await opened(served))
        assert (kinds(told)[-4:], code) == ([*SPOKEN, "session_expired", "session.ended"], 1008)
        assert next(event["text"] for event in told if event["type"] == "transcript.agent") == "yes"
        assert time.monotonic() - began > 0.9

    using(body, session_duration=3.0, goodbye=1.0)


def test_a_session_whose_client_sends_nothing_is_told_goodbye():
    async def body(served):
        told, code = await rest_of(await opened(served))
        assert (kinds(told)[-3:], code) == ([*SPOKEN, "session.ended"], 1000)
        assert next(event["text"] for event in told if event["type"] == "transcript.agent") == "there"

    using(body, idle=0.2)


def test_audio_faster_than_real_time_is_dropped_and_the_session_lives():
    async def body(served):
        socket = await opened(served)
        second = json.dumps({"type": "input.audio", "audio": base64.b64encode(bytes(48_000)).decode()})
        for _ in range(20):
            await socket.send(second)
        await socket.send(json.dumps({"type": "session.end"}))
        told, code = await rest_of(socket)
        assert kinds(told).count("audio_rate_violation") == 1
        assert "session_id" not in next(event for event in told if "code" in event)
        assert (kinds(told)[-1], code) == ("session.ended", 1000)

    using(body, audio_ahead=10.0)


def test_a_burst_that_was_kept_while_the_client_was_away_is_let_through():
    async def body(served):
        socket = await opened(served)
        second = json.dumps({"type": "input.audio", "audio": base64.b64encode(bytes(48_000)).decode()})
        for _ in range(9):
            await socket.send(second)
        await socket.send(json.dumps({"type": "session.end"}))
        told, _ = await rest_of(socket)
        assert kinds(told) == ["session.ended"]

    using(body)


def test_who_sends_too_many_messages_is_read_more_slowly():
    async def body(served):
        socket = await opened(served)
        began = time.monotonic()
        for _ in range(60):
            await socket.send("{}")
        told = [json.loads(await socket.recv()) for _ in range(60)]
        assert kinds(told) == ["invalid_format"] * 60
        return time.monotonic() - began

    assert using(body, messages_per_second=100, messages_at_once=10) > 0.45


def test_a_process_has_only_so_many_sessions():
    async def body(served):
        await opened(served)
        with pytest.raises(Refused, match="at_capacity"):
            async with served.client() as client:
                await client.configure()

    using(body, sessions=1)


def test_a_key_has_only_so_many_sessions():
    async def body(served):
        socket = await opened(served)
        with pytest.raises(Refused, match="concurrency_exceeded"):
            async with served.client() as client:
                await client.configure()
        async with served.client(api_key=OTHER_KEY) as client:
            await client.configure()
        await socket.close()
        await until(lambda: served.service.sessions == 0)
        async with served.client() as client:
            await client.configure()

    using(body, sessions_per_key=1, resume_window=0)


@pytest.mark.parametrize(("late", "refused"), [(0.2, True), (0.0, False)])
def test_a_late_loop_takes_on_no_more_sessions(late, refused):
    async def body(served):
        await opened(served)
        served.service.lag.stop()
        served.service.lag._late.extend([late] * LoopLag.LOOKS)
        async with served.client() as client:
            try:
                await client.configure()
            except Refused as error:
                return error.code
        return None

    assert using(body, sessions_whatever_lag=1) == ("at_capacity" if refused else None)
