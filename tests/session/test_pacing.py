"""How much text the TTS is given ahead of what is played: what an interruption pays for in vain."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from antiphon.conversation import notices as out
from antiphon.lab.scripted import LlmTiming, ScriptedLlm, ScriptedTts, TtsTiming
from antiphon.lab.simulated_call import SimulatedCall
from tests.session.calling import CODE, run_call, stages

SENTENCES = [f"I want to book a table for {number} please. " for number in ("two", "now", "morning", "good", "two")] * 2
REPLY = "".join(SENTENCES)
FAST = LlmTiming(first_token=0.2, rate=1000, jitter=0)


def slow_or_fast(*, speed: float, segments: bool) -> ScriptedTts:
    timing = TtsTiming(speed=(speed, speed), jitter=0)
    return ScriptedTts(CODE, timing=timing, segments=segments)


@pytest.mark.parametrize("speed", [2.0, 50.0])
def test_two_sentences_are_ahead_and_no_more(speed: float) -> None:
    tts = slow_or_fast(speed=speed, segments=True)

    async def scenario(call: SimulatedCall) -> None:
        call.say("good morning")
        await call.client.until(out.ReplyStarted)
        reply = call.client.all(out.ReplyStarted)[0].reply_id
        while not call.client.all(out.ReplyDone):
            await asyncio.sleep(0.1)
            begun = len(call.client.words(reply, CODE, text=REPLY)) if call.client.pcm(reply) else 0
            played = -(-begun // 9)  # sentences of nine words, begun
            assert len(tts.texts) <= played + 2
        assert tts.texts == SENTENCES
        assert call.heard(0, REPLY) == [word.strip(".").lower() for word in REPLY.split()]

    run_call(scenario, stages=replace(stages(), llm=ScriptedLlm(REPLY, timing=FAST), tts=tts), config=None)


@pytest.mark.parametrize("segments", [True, False])
def test_the_voice_never_runs_dry_for_it(segments: bool) -> None:
    tts = slow_or_fast(speed=2.0, segments=segments)

    async def scenario(call: SimulatedCall) -> None:
        call.say("good morning")
        await call.client.until(out.ReplyDone)
        assert len(call.client.playback.pieces) == 1  # played without a gap
        assert call.heard(0, REPLY) == [word.strip(".").lower() for word in REPLY.split()]

    run_call(scenario, stages=replace(stages(), llm=ScriptedLlm(REPLY, timing=FAST), tts=tts), config=None)


def test_an_interruption_pays_for_little() -> None:
    tts = slow_or_fast(speed=50.0, segments=True)

    async def scenario(call: SimulatedCall) -> None:
        call.say("good morning")
        await call.client.until(out.ReplyAudio)
        call.session.interrupt()
        await call.client.until(out.ReplyDone)
        await asyncio.sleep(5)
        assert len(tts.texts) <= 3

    run_call(scenario, stages=replace(stages(), llm=ScriptedLlm(REPLY, timing=FAST), tts=tts), config=None)
