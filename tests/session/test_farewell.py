"""A session that has to end: what is really heard of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from antiphon.conversation import notices as out
from antiphon.lab.scripted import ScriptedTts, TtsFaults
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.session.lines import Lines
from antiphon.types import SessionConfig
from tests.session.calling import CODE, LONG, agent_said, run_call, settings, stages, words

LINE = "Stop now please, good morning."
OPTIONS = settings(farewell_line=LINE, farewell_patience=2.0)


def run(scenario: Any, **options: Any) -> None:
    run_call(scenario, **{"stages": stages(LONG), "options": OPTIONS, **options})


@pytest.mark.parametrize("after", [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35])
@pytest.mark.parametrize("acknowledges", [False, True])
def test_a_reply_that_goes_on_for_too_long_ends_with_a_whole_word(after: float, acknowledges: bool) -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.session.reply()
        await call.client.until(out.ReplyAudio, count=len(call.client.all(out.ReplyAudio)) + 1)
        await asyncio.sleep(after)
        call.session.farewell("budget_tokens")
        ended = await call.client.until(out.SessionEnded)
        reply_id = call.client.all(out.ReplyStarted)[1].reply_id
        heard = CODE.decode(call.client.pcm(reply_id), call.client.playback.rate, text=LONG)
        assert heard and all(word.complete for word in heard)
        assert agent_said(call)[1] == (" ".join(LONG.split()[: len(heard)]), True)
        assert (ended.reason, call.heard(2, LINE)) == ("budget_tokens", words(LINE))

    run(scenario, acknowledges=acknowledges)


def test_the_line_is_heard_to_its_end_before_the_session_is_over() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.session.farewell("max_duration")
        await call.client.until(out.SessionEnded)
        assert agent_said(call)[1] == (LINE, False)
        (at,) = call.client.times(out.SessionEnded)
        last = call.client.last_sound(call.client.all(out.ReplyStarted)[1].reply_id)
        assert last is not None and last <= at

    run(scenario)


def test_a_line_that_was_spoken_into_memory_is_heard_also_where_the_voice_is_dead() -> None:
    async def scenario(call: SimulatedCall) -> None:
        assert call.stages.lines
        await call.stages.lines.prepare(LINE, [LINE], rate=24_000, voice=None)
        dead.faults = TtsFaults(stall_after=0)
        call.session.farewell("budget_tokens")
        await call.client.until(out.SessionEnded)
        assert call.heard(-1, LINE) == words(LINE)

    dead = ScriptedTts(CODE)
    run(scenario, stages=stages(tts=dead, lines=Lines(dead)), config=SessionConfig())


def test_a_dead_voice_keeps_the_session_open_no_longer_than_a_stall() -> None:
    async def scenario(call: SimulatedCall) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        call.session.farewell("budget_tokens")
        await call.client.until(out.SessionEnded)
        assert loop.time() - began <= 2 + 10 + 1 + 10 + 1  # the greeting hangs as well

    run(scenario, stages=stages(tts=ScriptedTts(CODE, faults=TtsFaults(stall_after=0))))
