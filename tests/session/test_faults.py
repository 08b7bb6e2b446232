"""Providers that fail, and callers that fall silent: nobody is left without an answer or a reason."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from antiphon.conversation import notices as out
from antiphon.conversation.settings import Settings
from antiphon.errors import Overloaded
from antiphon.lab.scripted import LlmFaults, ScriptedLlm, ScriptedStt, ScriptedTts, SttFaults, SttTiming, TtsFaults
from antiphon.lab.simulated_call import SimulatedCall
from tests.session.calling import CODE, GREETING, LONG, agent_said, run_call, stages, turn, words

ORDER = "I want to book a table for two please"
FALLBACK = Settings().fallback_line


def test_an_stt_that_dies_in_mid_utterance_loses_no_word() -> None:
    stt = ScriptedStt(CODE)

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say(ORDER)
        await asyncio.sleep(1.2)
        stt.faults = SttFaults()
        await call.client.until(out.ReplyDone, count=2)
        assert stt.opened == 2
        assert [notice.text for notice in call.client.all(out.UserTranscript)] == [ORDER.lower()]
        assert call.client.all(out.SessionFault)[0].code == "provider_error"

    stt.faults = SttFaults(disconnect_after=4.0)  # a second into what is said
    run_call(scenario, stages=replace(stages(), stt=stt))


def test_an_stt_that_cannot_be_opened_is_tried_again() -> None:
    stt = ScriptedStt(CODE, faults=SttFaults(open_error=Overloaded("no room")))

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        stt.faults = SttFaults()
        await asyncio.sleep(5)
        await turn(call, ORDER)
        assert [notice.text for notice in call.client.all(out.UserTranscript)] == [ORDER.lower()]

    run_call(scenario, stages=replace(stages(), stt=stt))


@pytest.mark.parametrize("rate", [8_000, 24_000])
def test_an_stt_gets_the_rate_it_asks_for(rate: int) -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        await turn(call, ORDER)
        assert [notice.text for notice in call.client.all(out.UserTranscript)] == [ORDER.lower()]

    run_call(scenario, stages=replace(stages(), stt=ScriptedStt(CODE, sample_rate=rate)))


def test_an_stt_without_finals_still_ends_the_turn() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        await turn(call, ORDER)
        assert call.client.all(out.UserTranscript)[0].text == ORDER.lower()

    run_call(scenario, stages=replace(stages(), stt=ScriptedStt(CODE, faults=SttFaults(no_finals=True))))


def test_a_final_that_was_asked_for_before_the_caller_went_on_does_not_end_the_turn() -> None:
    stt = ScriptedStt(CODE, timing=SttTiming(final_delay=1.0, jitter=0))

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("I want to book")
        call.pause(0.4)  # in which the final is asked for, that comes after the next pause has begun
        call.say("now")
        await call.client.until(out.ReplyDone, count=2)
        assert [notice.text for notice in call.client.all(out.UserTranscript)] == ["i want to book now"]

    run_call(scenario, stages=replace(stages(), stt=stt))


def test_a_model_that_fails_is_apologised_for() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say(ORDER)
        await call.client.until(out.ReplyDone, count=3)
        assert call.heard(2, FALLBACK) == words(FALLBACK)
        assert "llm" in call.client.all(out.ReplyFault)[0].message

    run_call(scenario, stages=stages(lambda request: Overloaded("no room")))


def test_what_a_model_said_before_it_failed_is_heard() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say(ORDER)
        await call.client.until(out.ReplyDone, count=3)
        said = [text for text, _ in agent_said(call)]
        assert said[1] and LONG.startswith(said[1])
        assert words(said[1]) == call.heard(1, LONG)
        assert said[2] == FALLBACK

    made = replace(stages(), llm=ScriptedLlm(LONG, faults=LlmFaults(fail_after=30)))
    run_call(scenario, stages=made)


@pytest.mark.parametrize("after", [0.0, 1.0])
def test_a_tts_that_stalls_is_given_up(after: float) -> None:
    tts = ScriptedTts(CODE)

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        tts.faults = TtsFaults(stall_after=after)
        call.say(ORDER)
        await call.client.until(out.ReplyStarted, count=2)
        await asyncio.sleep(1)
        tts.faults = TtsFaults()
        await call.client.until(out.ReplyDone, count=3)
        said = [text for text, _ in agent_said(call)]
        assert said[-1] == FALLBACK
        heard = call.heard(1, LONG)
        assert heard == words(LONG)[: len(heard)] == words(said[1])

    run_call(scenario, stages=replace(stages(LONG), tts=tts))


def test_a_caller_who_mutes_the_microphone_is_answered() -> None:
    """No more frames come, so no silence either: after a second it is assumed."""

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        spoken = call.say(ORDER)
        await asyncio.sleep(spoken.ends - asyncio.get_running_loop().time() + 0.03)
        call.caller.muted = True
        await call.client.until(out.ReplyDone, count=2)
        assert call.client.all(out.UserTranscript)[0].text == ORDER.lower()
        (metrics,) = call.client.all(out.TurnMetrics)
        assert metrics.total_ms / 1000 == pytest.approx(call.first_audible(1) - spoken.ends, abs=0.04)

    run_call(scenario)


def test_a_microphone_muted_in_mid_word_ends_the_turn_too() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say(ORDER)
        await asyncio.sleep(0.3)
        call.caller.muted = True
        await call.client.until(out.SpeechStopped)
        await asyncio.sleep(3)
        assert len(call.client.all(out.SpeechStarted)) == len(call.client.all(out.SpeechStopped)) == 1

    run_call(scenario)


def test_a_caller_who_says_nothing_is_asked_and_then_let_go() -> None:
    async def scenario(call: SimulatedCall) -> None:
        ended = await call.client.until(out.SessionEnded, timeout=300)
        assert ended.reason == "idle"
        asked = Settings()
        lines = [text for text, _ in agent_said(call)]
        assert lines == [GREETING, asked.idle_line, asked.idle_line, asked.goodbye_line]

    run_call(scenario)
