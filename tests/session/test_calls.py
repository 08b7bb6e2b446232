"""Whole calls in virtual time: a real session between a caller who speaks in tones and a client that plays."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Literal

import pytest

from antiphon.conversation import notices as out
from antiphon.conversation.settings import Mode, Speculation
from antiphon.lab.scripted import LlmTiming, ScriptedLlm, ScriptedStt, ScriptedTts, SttTiming, TtsTiming
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.lab.simulated_client import Network
from antiphon.session.makings import Hooks
from antiphon.types import ALAW_8K, ULAW_8K, AudioFormat, Role, SessionConfig, TurnDetection
from tests.session.calling import (
    CODE,
    GREETING,
    LONG,
    agent_said,
    instant,
    run_call,
    settings,
    stages,
    turn,
    words,
)

ORDER = "I want to book a table please"


def test_the_greeting_is_heard_whole_and_word_for_word() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        assert call.heard(0, GREETING) == words(GREETING)
        assert agent_said(call) == [(GREETING, False)]
        assert "".join(delta.delta for delta in call.client.all(out.AgentTranscriptDelta)) == GREETING

    run_call(scenario)


def test_a_turn_is_understood_answered_and_remembered() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        await turn(call, ORDER)
        assert [notice.text for notice in call.client.all(out.UserTranscript)] == [ORDER.lower()]
        assert call.heard(1, LONG) == words(LONG)
        assert [(message.role, message.text) for message in call.session.history] == [
            (Role.ASSISTANT, GREETING),
            (Role.USER, ORDER.lower()),
            (Role.ASSISTANT, LONG),
        ]

    run_call(scenario, stages=stages(LONG))


@pytest.mark.parametrize("audio_format", [ULAW_8K, ALAW_8K], ids=["ulaw", "alaw"])
def test_g711_works_both_ways(audio_format: AudioFormat) -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        await turn(call, ORDER)
        assert call.client.all(out.UserTranscript)[0].text == ORDER.lower()
        assert call.heard(1, LONG) == words(LONG)

    config = SessionConfig(greeting=GREETING, input_format=audio_format, output_format=audio_format)
    run_call(scenario, stages=stages(LONG), config=config)


def test_every_turn_of_a_long_call_gets_exactly_one_reply() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        for _ in range(10):
            await turn(call, "good morning")
            await asyncio.sleep(1)
        assert len(call.client.all(out.ReplyStarted)) == len(call.client.all(out.ReplyDone)) == 11
        assert len(call.client.all(out.UserTranscript)) == 10

    run_call(scenario)


# --- where the time goes ------------------------------------------------------------------------------------------


def response_time(call: SimulatedCall, spoken_until: float, reply: int = 1) -> float:
    """Seconds of silence that the caller heard."""
    return call.first_audible(reply) - spoken_until


def test_with_instant_stages_a_turn_takes_its_silence_and_nothing_else() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        spoken = call.say(ORDER)
        await call.client.until(out.ReplyDone, count=2)
        # The VAD's window (32 ms) and the caller's frame (20 ms) are the grain of the silence.
        assert 0.600 <= response_time(call, spoken.ends) <= 0.600 + 0.032 + 0.020

    run_call(scenario, stages=instant(LONG))


@pytest.mark.parametrize("seed", range(5))
def test_the_ledger_is_the_silence_that_was_heard(seed: int) -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        await asyncio.sleep(0.013 * seed)
        spoken = call.say(ORDER)
        await call.client.until(out.ReplyDone, count=2)
        (metrics,) = call.client.all(out.TurnMetrics)
        assert metrics.total_ms == pytest.approx(sum(span.ms for span in metrics.spans))
        # Voice is measured in frames of 10 ms.
        assert metrics.total_ms / 1000 == pytest.approx(response_time(call, spoken.ends), abs=0.012)

    run_call(scenario, stages=stages(LONG), seed=seed)


def test_nothing_is_waited_for_but_the_stages() -> None:
    """The whole response time is made of waits with a name."""
    timing = LlmTiming(first_token=0.3, rate=40, jitter=0)

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        await turn(call, ORDER)
        (metrics,) = call.client.all(out.TurnMetrics)
        spans = {span.name: span.ms for span in metrics.spans}
        assert spans["stt"] == 0  # it was asked early
        assert spans["llm"] == pytest.approx(300, abs=0.01)
        assert spans["tts"] == pytest.approx(150, abs=0.01)
        assert spans["playout"] == pytest.approx(0, abs=0.01)

    tts = ScriptedTts(CODE, timing=TtsTiming(first_audio=0.15, jitter=0))
    run_call(scenario, stages=replace(stages(), llm=ScriptedLlm("Okay.", timing=timing), tts=tts))


def test_speculation_hides_the_model_behind_the_silence() -> None:
    async def scenario(call: SimulatedCall) -> float:
        await call.greeted()
        spoken = call.say(ORDER)
        await call.client.until(out.ReplyDone, count=2)
        assert call.heard(1, LONG) == words(LONG)
        assert len(call.client.all(out.ReplyStarted)) == 2
        return response_time(call, spoken.ends)

    slow, fast = (
        run_call(scenario, stages=stages(LONG), options=settings(speculation=on))
        for on in (Speculation.OFF, Speculation.LLM_TTS)
    )
    assert slow - fast > 0.2
    assert fast >= 0.6


@pytest.mark.parametrize(("speculation", "requests", "voiced"), [("off", 0, 0), ("llm", 1, 0), ("llm+tts", 1, 1)])
def test_what_is_prepared_in_a_pause_is_what_was_asked_for(
    speculation: Literal["off", "llm", "llm+tts"], requests: int, voiced: int
) -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        tts, llm = call.stages.tts, call.stages.llm
        assert isinstance(tts, ScriptedTts) and isinstance(llm, ScriptedLlm)
        spoken = call.say(ORDER)
        await asyncio.sleep(spoken.ends + 1.9 - asyncio.get_running_loop().time())
        assert (len(llm.requests), len(tts.texts) - 1) == (requests, voiced)
        assert len(call.client.all(out.ReplyStarted)) == 1
        await call.client.until(out.ReplyDone, count=2)
        assert call.heard(1, LONG) == words(LONG)

    config = SessionConfig(greeting=GREETING, turn_detection=TurnDetection(min_silence=2000, speculation=speculation))
    run_call(scenario, stages=stages(LONG), config=config)


def test_a_speculation_that_was_wrong_costs_nothing_and_is_never_heard() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("I want to book")
        call.pause(0.45)  # long enough to speculate, too short to end the turn
        await turn(call, "a table please")
        assert len(call.client.all(out.ReplyStarted)) == 2
        assert call.heard(1, "Okay.") == ["okay"]
        llm = call.stages.llm
        assert isinstance(llm, ScriptedLlm)
        assert len(llm.requests) == 2 and llm.cancelled == 1

    run_call(scenario, options=settings(speculation=Speculation.LLM_TTS))


def test_cascade_ends_each_stage_before_the_next() -> None:
    async def scenario(call: SimulatedCall) -> float:
        await call.greeted()
        spoken = call.say(ORDER)
        await call.client.until(out.ReplyDone, count=2)
        assert call.heard(1, LONG) == words(LONG)
        return response_time(call, spoken.ends)

    streaming, cascade = (
        run_call(scenario, stages=stages(LONG), options=settings(mode=mode)) for mode in (Mode.STREAMING, Mode.CASCADE)
    )
    assert cascade - streaming > 0.5


def test_a_network_delays_both_ways_and_nothing_else() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        spoken = call.say(ORDER)
        await call.client.until(out.ReplyDone, count=2)
        assert 0.8 <= response_time(call, spoken.ends) <= 0.86

    run_call(scenario, stages=instant(), network=Network(delay=0.1))


# --- settings, and the same call again ----------------------------------------------------------------------------


def test_an_update_holds_from_the_next_reply_on() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        config = replace(call.session.config, system_prompt="Speak like a pirate.")
        call.session.update(replace(config, turn_detection=replace(config.turn_detection, min_silence=300)))
        spoken = call.say(ORDER)
        await call.client.until(out.ReplyDone, count=2)
        assert response_time(call, spoken.ends) < 0.36
        llm = call.stages.llm
        assert isinstance(llm, ScriptedLlm)
        assert llm.requests[0].messages[0].text == "Speak like a pirate."

    run_call(scenario, stages=instant())


def test_say_and_interrupt_from_the_program() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.session.say(LONG)
        await asyncio.sleep(1.5)
        call.session.interrupt()
        done = await call.client.until(out.ReplyDone, count=2)
        assert done.status is out.ReplyStatus.INTERRUPTED
        (heard, interrupted) = agent_said(call)[1]
        assert interrupted and words(heard) == call.heard(1, LONG)

    run_call(scenario)


def test_a_hook_that_fails_does_not_end_the_call(caplog: pytest.LogCaptureFixture) -> None:
    def fail(notice: object) -> None:
        raise RuntimeError("a bug in a hook")

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        await turn(call, ORDER)
        assert call.heard(1, "Okay.") == ["okay"]

    run_call(scenario, hooks=Hooks(on_turn=fail, on_reply=fail, on_notice=fail))
    assert "a bug in a hook" in caplog.text


def test_what_a_filter_refuses_is_not_spoken_and_the_call_goes_on() -> None:
    def no_secrets(text: str) -> str:
        if "secret" in text:
            raise ValueError("not for the caller's ears")
        return text

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say(ORDER)
        await call.client.until(out.ReplyDone, count=3)
        assert [text for text, _ in agent_said(call)] == [GREETING, settings().settings.fallback_line]

    run_call(scenario, stages=stages("The secret is out."), hooks=Hooks(before_speech=no_secrets))


def test_a_call_replayed_from_its_seed_is_the_same_to_the_byte() -> None:
    def log(seed: int) -> bytes:
        lines: list[str] = []

        async def scenario(call: SimulatedCall) -> None:
            await asyncio.sleep(0.5)
            call.say("yeah")
            await call.greeted()
            call.say(ORDER)
            await call.client.until(out.ReplyStarted, count=2)
            await asyncio.sleep(2)
            call.say("stop wait a minute")
            await call.client.until(out.ReplyDone, count=3)

        journal = Hooks(journal=lambda now, event, actions: lines.append(f"{now!r} {event!r} {actions!r}"))
        made = replace(stages(LONG), stt=ScriptedStt(CODE, timing=SttTiming(), seed=seed))
        run_call(scenario, stages=made, hooks=journal, network=Network(0.08, 0.03), seed=seed)
        return "\n".join(lines).encode()

    first = log(1)
    assert first == log(1)
    assert first != log(2)
    assert len(first) > 10_000
