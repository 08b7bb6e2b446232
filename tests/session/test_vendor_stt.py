"""Whole calls in virtual time, heard by the vendors' emulators over their own wires: every turn is understood, nothing
of one turn is in another, and one connection serves the call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from antiphon.conversation import notices as out
from antiphon.lab import virtual
from antiphon.lab.simulated_call import SimulatedCall, scripted_stages
from antiphon.types import Role, SessionConfig
from tests.emulators.hearing import CODE
from tests.providers.stt.vendors import VENDORS, Vendor

TURNS = ["one two three", "pizza please", "four", "no five six seven eight"]
LAGS = [0.0, 0.3]  # seconds by which the vendor is late
# gRPC has threads of its own, which virtual time does not wait for.
every_vendor = pytest.mark.parametrize("vendor", [vendor for vendor in VENDORS if vendor.name != "google"], ids=repr)

Scenario = Callable[[SimulatedCall, Any], Awaitable[None]]


def run(vendor: Vendor, scenario: Scenario, *, lag: float = 0.0, reply: str = "Okay.") -> None:
    async def main() -> None:
        async with vendor.running() as (stt, server):
            server.lag = lag
            stages = replace(scripted_stages(CODE, reply), stt=stt)
            async with SimulatedCall(CODE, stages=stages, config=SessionConfig(greeting="Hello world")) as call:
                await call.greeted()
                await scenario(call, server)
                assert not call.client.all(out.SessionFault)
            assert server.connections == 1

    virtual.run(main(), limit=600)


async def answered(call: SimulatedCall, number: int) -> None:
    """The greeting and so many replies are over."""
    await call.client.until(out.ReplyDone, count=number + 1)


def understood(call: SimulatedCall) -> list[str]:
    said = [message.text for message in call.session.history if message.role is Role.USER]
    return [text.lower().replace(".", "").replace(",", "") for text in said]


@every_vendor
@pytest.mark.parametrize("lag", LAGS)
def test_every_turn_is_understood(vendor: Vendor, lag: float) -> None:
    async def scenario(call: SimulatedCall, server: Any) -> None:
        for number, text in enumerate(TURNS):
            call.say(text)
            await answered(call, number + 1)
        assert understood(call) == TURNS

    run(vendor, scenario, lag=lag)


@every_vendor
@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("pause", [0.3, 0.5])
def test_a_pause_does_not_part_a_turn(vendor: Vendor, lag: float, pause: float) -> None:
    async def scenario(call: SimulatedCall, server: Any) -> None:
        call.say("one two")
        call.pause(pause)
        call.say("three four")
        await answered(call, 1)
        assert understood(call) == ["one two three four"]

    run(vendor, scenario, lag=lag)


@every_vendor
@pytest.mark.parametrize("lag", LAGS)
def test_a_caller_who_is_muted_for_a_minute_is_still_heard(vendor: Vendor, lag: float) -> None:
    async def scenario(call: SimulatedCall, server: Any) -> None:
        call.say("one two")
        await answered(call, 1)
        call.caller.muted = True
        await asyncio.sleep(20)
        call.caller.muted = False
        call.say("three")
        await answered(call, 2)
        assert understood(call) == ["one two", "three"]

    run(vendor, scenario, lag=lag)


@every_vendor
@pytest.mark.parametrize("lag", LAGS)
def test_who_interrupts_is_understood(vendor: Vendor, lag: float) -> None:
    async def scenario(call: SimulatedCall, server: Any) -> None:
        call.say("one two")
        await call.client.until(out.ReplyStarted, count=2)
        await asyncio.sleep(1.5)
        call.say("no three four five six")
        await answered(call, 2)
        assert understood(call) == ["one two", "no three four five six"]

    run(vendor, scenario, lag=lag, reply="seven eight nine ten " * 10)
