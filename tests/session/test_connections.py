"""When the connections of a call are opened: before they are needed, and never while somebody waits."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from antiphon.conversation import notices as out
from antiphon.lab.scripted import ScriptedLlm, ScriptedStt, ScriptedTts
from antiphon.lab.simulated_call import SimulatedCall
from tests.session.calling import CODE, LONG, run_call, stages


class Cold:
    """A provider whose connections must be opened; it remembers when it was told to, in loop time."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[call-arg]
        self.rewarmed: list[float] = []

    async def rewarm(self) -> None:
        self.rewarmed.append(asyncio.get_running_loop().time())


class ColdStt(Cold, ScriptedStt):
    pass


class ColdLlm(Cold, ScriptedLlm):
    pass


class ColdTts(Cold, ScriptedTts):
    pass


@pytest.mark.parametrize("stage", ["stt", "llm", "tts"])
def test_they_are_opened_when_a_session_begins_when_a_voice_does_and_after_a_barge_in(stage: str) -> None:
    cold = {"stt": ColdStt(CODE), "llm": ColdLlm(LONG), "tts": ColdTts(CODE)}[stage]

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        assert cold.rewarmed == [0.0]
        spoken = call.say("good morning")
        await call.client.until(out.TurnMetrics)
        assert len(cold.rewarmed) == 2 and cold.rewarmed[1] - spoken.begins < 0.2
        await asyncio.sleep(2)
        call.say("stop wait a minute")
        stopped = await call.client.until(out.ReplyDone, count=2)
        assert stopped.status is out.ReplyStatus.INTERRUPTED
        assert cold.rewarmed[-1] <= call.client.times(out.ReplyDone)[1]
        assert len(cold.rewarmed) in (3, 4)

    run_call(scenario, stages=replace(stages(LONG), **{stage: cold}))
