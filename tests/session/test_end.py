"""A session may end at any moment, and nothing of it is left."""

from __future__ import annotations

import asyncio
import random

import pytest

from antiphon.conversation import notices as out
from antiphon.conversation.settings import Speculation
from antiphon.lab import virtual
from antiphon.lab.scripted import ScriptedLlm, ScriptedStt, ScriptedTts
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.lab.simulated_client import Network
from antiphon.providers.base import LlmRequest
from antiphon.tools.function import tool
from antiphon.types import Role, SessionConfig, ToolCall
from tests.session.calling import CODE, GREETING, LONG, settings, stages


async def look_up(name: str) -> str:
    """Looks something up."""
    await asyncio.sleep(1)
    return name


def reply(request: LlmRequest) -> object:
    return LONG if request.messages[-1].role is Role.TOOL else [ToolCall("call_1", "look_up", {"name": "x"})]


async def call_until(seconds: float, *, cancel: bool) -> SimulatedCall:
    """A call with a bit of everything in it, ended after so many seconds."""
    call = SimulatedCall(
        CODE,
        stages=stages(reply),
        config=SessionConfig(greeting=GREETING),
        tools=(tool(look_up),),
        options=settings(speculation=Speculation.LLM_TTS),
        network=Network(0.08, 0.03),
    )
    running = asyncio.create_task(call.session.run())
    speaking = asyncio.create_task(call.caller.run())
    call.pause(3)
    call.say("good morning")
    call.pause(3)
    call.say("yeah")
    call.pause(1)
    call.say("stop wait a minute")
    await asyncio.sleep(seconds)
    if cancel:
        running.cancel()
    else:
        call.session.end()
    await asyncio.wait([running])
    speaking.cancel()
    await asyncio.gather(speaking, return_exceptions=True)
    return call


@pytest.mark.parametrize("cancel", [False, True], ids=["ended", "cancelled"])
@pytest.mark.parametrize("part", range(10))
def test_nothing_is_left_of_a_session_whenever_it_ends(part: int, cancel: bool) -> None:
    rng = random.Random(part)

    async def main() -> None:
        for _ in range(8):
            before = asyncio.all_tasks()
            at = asyncio.get_running_loop().time()
            call = await call_until(seconds := rng.uniform(0, 14), cancel=cancel)
            assert asyncio.all_tasks() == before
            assert asyncio.get_running_loop().time() - at <= seconds + 0.5
            assert len(call.client.all(out.SessionEnded)) == 1
            assert len(call.client.all(out.ReplyStarted)) == len(call.client.all(out.ReplyDone))
            assert isinstance(call.client.notices[-1][1], out.SessionEnded)
            stt, llm, tts = call.stages.stt, call.stages.llm, call.stages.tts
            assert isinstance(stt, ScriptedStt) and isinstance(llm, ScriptedLlm) and isinstance(tts, ScriptedTts)
            assert stt.opened == stt.closed
            assert llm.running == 0
            assert tts.opened == tts.finished + tts.cancelled

    virtual.run(main())


def test_ending_twice_is_harmless_and_nothing_is_taken_afterwards() -> None:
    async def main() -> None:
        async with SimulatedCall(CODE, stages=stages(), config=SessionConfig(greeting=GREETING)) as call:
            await call.greeted()
            call.session.end()
            call.session.end()
            call.session.say("too late")
            call.session.audio(bytes(960))
            call.session.played("resp_0", 5)
            await call.client.until(out.SessionEnded)
        assert len(call.client.all(out.SessionEnded)) == len(call.client.all(out.ReplyStarted)) == 1

    virtual.run(main())
