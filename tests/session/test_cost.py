"""What a session says it used, against what its providers saw of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from antiphon.conversation import notices as out
from antiphon.conversation.settings import Speculation
from antiphon.lab.scripted import LlmTiming, ScriptedLlm, ScriptedStt, ScriptedTts, SttFaults, TtsFaults
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.providers.base import LlmRequest, TextDelta, Usage
from antiphon.providers.cost import Prices
from antiphon.providers.fallback.limits import Limits
from antiphon.providers.fallback.llm import FallbackLlm
from antiphon.providers.fallback.stt import FallbackStt
from antiphon.providers.fallback.tts import FallbackTts
from antiphon.session.makings import SessionOptions
from antiphon.types import Cost
from tests.session.calling import CODE, GREETING, LONG, instant, run_call, settings, stages, turn

PRICES = Prices(
    {
        "stt": {"scripted/stt": {"per_minute": 0.6}},
        "llm": {"scripted/llm": {"input": 100.0, "output": 1000.0}},
        "tts": {"scripted/tts": {"characters": 1000.0}},
    }
)
OPTIONS = SessionOptions(prices=PRICES)


def costs(call: SimulatedCall) -> list[out.ReplyCost]:
    return call.client.all(out.ReplyCost)


def characters(call: SimulatedCall) -> int:
    return sum(len(text) for text in call.stages.tts.texts)  # type: ignore[attr-defined]


def total(call: SimulatedCall) -> Cost:
    return sum((notice.cost for notice in costs(call)), Cost())


def run(scenario: Any, reply: Any = "Okay.", options: SessionOptions = OPTIONS) -> Any:
    return run_call(scenario, stages=stages(reply), options=options)


def test_a_greeting_costs_its_characters_and_no_token():
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        (greeting,) = costs(call)
        assert (greeting.cost.tts_characters, greeting.cost.input_tokens) == (len(GREETING), 0)
        assert greeting.cost.tts_usd == pytest.approx(len(GREETING) / 1000)
        assert greeting.cost.tts_seconds > 1

    run(scenario)


def test_a_reply_costs_the_tokens_that_the_model_told():
    def reply(request: LlmRequest) -> Any:
        return [TextDelta("Okay."), Usage(input=120, output=2, cached=20)]

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        await turn(call, "good morning")
        cost = costs(call)[1].cost
        assert (cost.input_tokens, cost.output_tokens, cost.cached_tokens, cost.estimated) == (120, 2, 20, False)
        assert cost.llm_usd == pytest.approx(120 * 1e-4 + 2 * 1e-3)

    run(scenario, reply)


def test_the_callers_audio_costs_what_was_sent():
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        await turn(call, "good morning")
        heard = call.session.cost
        assert heard.stt_seconds == pytest.approx(call.session.duration, abs=0.1)
        assert heard.stt_usd == pytest.approx(heard.stt_seconds / 100)

    run(scenario)


def test_the_replies_add_up_to_the_session_and_its_end_says_the_whole():
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        await turn(call, "good morning")
        await turn(call, "now a table")
        assert total(call).usd == pytest.approx(costs(call)[-1].session.usd)
        assert total(call).tts_characters == call.session.cost.tts_characters == characters(call)
        call.session.end()
        ended = await call.client.until(out.SessionEnded)
        assert ended.cost.usd >= total(call).usd
        assert ended.cost.tts_characters == characters(call)

    run(scenario)


def test_an_interrupted_reply_costs_what_was_read_written_and_sent_until_then():
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("good morning")
        await call.client.until(out.TurnMetrics)
        call.say("stop wait a minute")
        await call.client.until(out.ReplyDone, count=2)
        cost = costs(call)[1].cost
        assert 0 < cost.tts_characters < 20 * len(LONG)
        assert cost.input_tokens > 0 and cost.estimated

    run(scenario, 20 * LONG)


def test_what_was_prepared_in_vain_is_paid_for_with_the_next_reply():
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("good morning")
        call.pause(0.45)
        call.say("now a table")
        await call.client.until(out.ReplyDone, count=2)
        model = call.stages.llm
        assert len(model.requests) == 2  # type: ignore[attr-defined]
        assert total(call).input_tokens == sum(sizes)
        assert total(call).tts_characters == characters(call)

    sizes: list[int] = []

    def reply(request: LlmRequest) -> Any:
        sizes.append(100 * (len(sizes) + 1))
        return [Usage(input=sizes[-1]), TextDelta("Okay.")]

    options = SessionOptions(settings=settings(speculation=Speculation.LLM_TTS).settings, prices=PRICES)
    run_call(scenario, stages=instant(reply), options=options)


def test_each_model_that_had_a_part_in_an_answer_is_paid_its_own_price():
    def reply(request: LlmRequest) -> Any:
        mine, other = Usage(input=100, by="scripted/llm"), Usage(input=50, output=2, by="other/llm")
        return [mine, TextDelta("Okay."), Usage(input=50, by="other/llm"), other]

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        await turn(call, "good morning")
        cost = costs(call)[1].cost
        assert (cost.input_tokens, cost.output_tokens) == (150, 2)
        assert cost.llm_usd == pytest.approx(100 * 1e-4 + 50e-6 + 2 * 3e-6)

    prices = Prices(
        {"llm": {"scripted/llm": {"input": 100.0, "output": 1.0}, "other/*": {"input": 1.0, "output": 3.0}}}
    )
    run(scenario, reply, SessionOptions(prices=prices))


def test_both_requests_of_a_hedged_reply_are_paid_for():
    pace = LlmTiming(first_token=0.2, jitter=0)
    first, second = (ScriptedLlm("Okay.", timing=pace, name=f"{name}/llm") for name in ("first", "second"))
    made = replace(stages(), llm=FallbackLlm([first, second], limits=Limits(hedge=True)))
    prices = Prices({"llm": {"first/*": {"input": 100.0, "output": 0.0}, "second/*": {"input": 1.0, "output": 0.0}}})

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        for _ in range(12):
            await turn(call, "good morning")
        alone = [notice.cost for notice in costs(call) if not notice.cost.estimated][-1]
        first.timing = LlmTiming(first_token=1.0, jitter=0)
        await turn(call, "good morning")
        hedged = costs(call)[-1].cost
        assert first.cancelled == 1 and second.finished
        assert hedged.estimated and hedged.input_tokens > 1.5 * alone.input_tokens
        assert hedged.llm_usd > alone.llm_usd

    run_call(scenario, stages=made, options=SessionOptions(prices=prices))


def test_each_voice_is_paid_for_what_it_was_given_and_each_ear_for_what_it_heard():
    dead = ScriptedTts(CODE, faults=TtsFaults(fail_after=0), name="dead/tts")
    deaf = ScriptedStt(CODE, faults=SttFaults(disconnect_after=3.0), name="deaf/stt")
    made = stages(tts=FallbackTts([dead, ScriptedTts(CODE)]), stt=FallbackStt([deaf, ScriptedStt(CODE)]))
    prices = Prices(
        {
            "stt": {"scripted/*": {"per_minute": 60.0}, "deaf/*": {"per_minute": 0.0}},
            "tts": {"scripted/*": {"characters": 1e6}, "dead/*": {"characters": 2e6}},
        }
    )

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        greeting = costs(call)[0].cost
        assert greeting.tts_characters == 2 * len(GREETING)
        assert greeting.tts_usd == pytest.approx(3 * len(GREETING))
        call.pause(5)
        await turn(call, "good morning")
        cost = call.session.cost
        assert cost.stt_usd == pytest.approx(cost.stt_seconds - 3.0, abs=0.5)

    run_call(scenario, stages=made, options=SessionOptions(prices=prices))


def test_without_a_price_the_counts_are_told_and_the_money_is_unknown():
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        cost = costs(call)[0].cost
        assert (cost.usd, cost.tts_usd, cost.tts_characters) == (None, None, len(GREETING))

    prices = Prices({"tts": {"scripted/*": {}}})
    run(scenario, options=SessionOptions(prices=prices))


def test_cost_comes_before_the_reply_is_done_and_the_turns_metrics_have_it_so_far():
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        await turn(call, "good morning")
        kinds = [type(notice) for notice in call.client.all(object)]
        assert kinds.index(out.ReplyCost) == kinds.index(out.ReplyDone) - 1
        (metrics,) = call.client.all(out.TurnMetrics)
        assert costs(call)[0].session.usd < metrics.cost.usd <= costs(call)[1].session.usd

    run(scenario)
