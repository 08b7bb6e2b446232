"""Callers as people record themselves: each says one thing, after a while, in a room, and gets one answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from antiphon.conversation import notices as out
from antiphon.errors import ConfigError, MissingDependency, ModelStoreError
from antiphon.lab import orders, virtual
from antiphon.lab.orders import Order
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.providers.stt.moonshine import Moonshine
from antiphon.providers.vad.silero import Silero
from antiphon.types import SessionConfig
from tests.session.calling import CODE, stages

SILENCE = 6.0  # seconds after a recording: longer than any turn stays open
LEAST_UNDERSTOOD = 0.84  # of the slots' words


@dataclass(frozen=True, slots=True)
class Served:
    order: Order
    replies: int
    heard: str


def serve(served: list[Order]) -> list[Served]:
    """Each order in a call of its own, with the real VAD and STT."""

    async def main() -> list[Served]:
        vad, stt = Silero(), Moonshine()
        await vad.warm()
        await stt.warm()
        return [await call(order, vad, stt) for order in served]

    return virtual.run(main())


async def call(order: Order, vad: Silero, stt: Moonshine) -> Served:
    config = SessionConfig(greeting=None)
    async with SimulatedCall(CODE, stages=stages(vad=vad, stt=stt), config=config) as simulated:
        simulated.play(order.recording.pcm, order.recording.rate)
        await asyncio.sleep(order.recording.seconds + SILENCE)
        transcripts = simulated.client.all(out.UserTranscript)
        replies = len(simulated.client.all(out.ReplyStarted))
        return Served(order, replies, " ".join(transcript.text for transcript in transcripts))


def check(count: int | None) -> None:
    try:
        served = serve(orders.load(count))
    except (ConfigError, MissingDependency, ModelStoreError) as missing:
        pytest.skip(str(missing))
    wrong = {one.order.name: (one.replies, one.heard) for one in served if one.replies != 1}
    found = sum(one.order.found(one.heard) for one in served)
    assert not wrong
    assert found >= LEAST_UNDERSTOOD * sum(len(one.order.words) for one in served)


@pytest.mark.local
def test_every_caller_gets_exactly_one_reply_to_what_was_said() -> None:
    check(20)


@pytest.mark.local
@pytest.mark.soak
def test_all_recorded_callers_get_exactly_one_reply() -> None:
    check(None)
