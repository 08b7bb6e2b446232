"""A chain of models, in virtual time: whatever goes wrong with one, the next answers, and no word is said twice."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from antiphon.errors import (
    AuthError,
    BadRequest,
    Disconnected,
    Overloaded,
    ProviderError,
    ProviderTimeout,
    QuotaError,
    RateLimited,
)
from antiphon.lab import virtual
from antiphon.lab.scripted import LlmFaults, LlmTiming, ScriptedLlm
from antiphon.providers.base import LlmRequest, TextDelta, Usage
from antiphon.providers.cost import estimated_usage
from antiphon.providers.fallback import budget
from antiphon.providers.fallback.budget import Budget
from antiphon.providers.fallback.limits import Limits
from antiphon.providers.fallback.llm import FallbackLlm
from antiphon.providers.fallback.seam import GO_ON
from antiphon.types import Message, Role, ToolCall

REPLY = "We have several tables tonight, one by the window, and one near the kitchen."
ASKED = LlmRequest((Message(Role.USER, "A table for two"),))
PACE = LlmTiming(first_token=0.4, jitter=0)


def good(**options: Any) -> ScriptedLlm:
    return ScriptedLlm(go_on, timing=PACE, **options)


def go_on(request: LlmRequest) -> str:
    """The whole reply, or the rest of it, as a model does that is told to go on."""
    *_, begun, last = (Message(Role.USER, ""), *request.messages)
    return REPLY[len(begun.text) :] if last.text == GO_ON else REPLY


def failing(error: ProviderError) -> ScriptedLlm:
    return ScriptedLlm(lambda request: error, timing=LlmTiming.instant(), name="scripted/bad")


@dataclass
class Heard:
    text: str = ""
    first: float = math.inf  # seconds to the first word
    took: float = 0.0
    error: ProviderError | None = None
    usage: dict[str, Usage] = field(default_factory=dict)
    calls: list[ToolCall] = field(default_factory=list)


async def ask(llm: FallbackLlm, *, within: float = 3.0) -> Heard:
    """What a turn of a caller comes to."""
    loop = asyncio.get_running_loop()
    began, heard = loop.time(), Heard()
    budget.begin(Budget(began + within))
    try:
        async for event in llm.stream(ASKED):
            if isinstance(event, TextDelta):
                heard.first = min(heard.first, loop.time() - began)
                heard.text += event.text
            elif isinstance(event, Usage):
                heard.usage[event.by] = event
            elif isinstance(event, ToolCall):
                heard.calls.append(event)
    except ProviderError as error:
        heard.error = error
    heard.took = loop.time() - began
    return heard


def run(test: Callable[[FallbackLlm], Awaitable[Any]], *models: ScriptedLlm, **limits: Any) -> Any:
    async def main() -> Any:
        llm = FallbackLlm(models, limits=Limits(**limits))
        try:
            return await test(llm)
        finally:
            await llm.aclose()
            assert all(model.running == 0 for model in models)

    return virtual.run(main(), limit=3600)


def stalls(after: int) -> ScriptedLlm:
    return ScriptedLlm(REPLY, timing=PACE, faults=LlmFaults(stall_after=after), name="scripted/stalls")


def breaks(after: int, error: ProviderError | None = None) -> ScriptedLlm:
    return ScriptedLlm(REPLY, timing=PACE, faults=LlmFaults(fail_after=after, error=error), name="scripted/breaks")


BROKEN: dict[str, Callable[[], ScriptedLlm]] = {
    "refuse": lambda: failing(Disconnected("refused")),
    "hang": lambda: stalls(0),
    "slow first token": lambda: ScriptedLlm(REPLY, timing=LlmTiming(first_token=4, jitter=0)),
    "auth": lambda: failing(AuthError("401")),
    "quota": lambda: failing(QuotaError("402")),
    "rate limited": lambda: failing(RateLimited("429", retry_after=7)),
    "server error": lambda: failing(Overloaded("500")),
    "bad request": lambda: failing(BadRequest("400")),
    "stall": lambda: stalls(5),
    "error in the middle": lambda: breaks(5, Overloaded("overloaded")),
    "reset": lambda: breaks(3),
    "empty": lambda: ScriptedLlm("", timing=PACE),
    "a bug": lambda: ScriptedLlm(lambda request: 1 / 0, timing=PACE),  # type: ignore[arg-type,return-value]
}


@pytest.mark.parametrize("fault", BROKEN)
def test_the_next_answers_within_the_budget_and_repeats_nothing(fault: str) -> None:
    heard = run(ask, BROKEN[fault](), good())
    assert heard.text == REPLY and heard.error is None
    assert heard.first < 2.0


@pytest.mark.parametrize("fault", BROKEN)
def test_when_all_fail_the_end_comes_within_the_budget(fault: str) -> None:
    heard = run(ask, BROKEN[fault](), BROKEN[fault]())
    assert heard.error or heard.first < 3
    assert REPLY.startswith(heard.text)


@pytest.mark.parametrize("fault", BROKEN)
def test_the_next_turn_does_not_wait_for_who_failed(fault: str) -> None:
    async def test(llm: FallbackLlm) -> None:
        await ask(llm)
        again = await ask(llm)
        assert again.text == REPLY
        if fault != "bad request":
            assert again.first == pytest.approx(0.4)

    run(test, BROKEN[fault](), good())


def test_one_that_is_alone_is_asked_again_once() -> None:
    answers = iter([Overloaded("busy"), REPLY, Overloaded("busy"), Overloaded("busy"), REPLY])
    alone = ScriptedLlm(lambda request: next(answers), timing=PACE)

    async def test(llm: FallbackLlm) -> None:
        assert (await ask(llm)).text == REPLY
        assert isinstance((await ask(llm)).error, Overloaded)

    run(test, alone)
    assert len(alone.requests) == 4


@pytest.mark.parametrize(
    "error", [AuthError("no"), QuotaError("spent"), BadRequest("no"), RateLimited("", retry_after=9)]
)
def test_what_cannot_pass_is_not_tried_again(error: ProviderError) -> None:
    alone = failing(error)
    assert run(ask, alone).error is error
    assert len(alone.requests) == 1


def test_the_last_has_whatever_remains() -> None:
    slow = ScriptedLlm(REPLY, timing=LlmTiming(first_token=1.5, jitter=0))
    assert run(ask, slow).text == REPLY
    assert run(ask, stalls(0), slow).text == REPLY


def test_who_has_only_failed_ones_behind_it_is_the_last() -> None:
    slow = ScriptedLlm(REPLY, timing=LlmTiming(first_token=1.5, jitter=0))

    async def test(llm: FallbackLlm) -> None:
        await ask(llm)
        heard = await ask(llm)
        assert heard.text == REPLY and heard.first == pytest.approx(1.5)

    run(test, failing(AuthError("no key")), slow)
    assert len(slow.requests) == 2


def test_a_slow_model_may_be_given_its_time() -> None:
    slow = ScriptedLlm(REPLY, timing=LlmTiming(first_token=1.5, jitter=0))
    heard = run(ask, slow, good(), first_token=2.0)
    assert heard.first == pytest.approx(1.5)


def test_without_a_budget_the_last_is_waited_for() -> None:
    async def test(llm: FallbackLlm) -> Heard:
        return await ask(llm, within=math.inf)

    slow = ScriptedLlm(REPLY, timing=LlmTiming(first_token=30, jitter=0))
    assert run(test, slow).first == pytest.approx(30)


def test_nothing_is_tried_for_which_there_is_no_time() -> None:
    second = good()

    async def test(llm: FallbackLlm) -> Heard:
        return await ask(llm, within=1.3)

    assert isinstance(run(test, stalls(0), second).error, ProviderTimeout)
    assert not second.requests


def test_one_that_recovers_is_preferred_again() -> None:
    first = failing(Overloaded("busy"))

    async def test(llm: FallbackLlm) -> None:
        for wait, asked in ((0, 1), (2, 1), (3, 2), (6, 2), (6, 3)):
            await asyncio.sleep(wait)
            await ask(llm)
            assert len(first.requests) == asked

    run(test, first, good())


def test_who_cannot_be_warmed_is_left_out_and_probed() -> None:
    first = good()
    works = iter([False, False, True])

    async def warm() -> None:
        if not next(works):
            raise AuthError("no key")

    first.warm = warm  # type: ignore[method-assign]

    async def test(llm: FallbackLlm) -> None:
        await llm.warm()
        await ask(llm)
        assert not first.requests
        await asyncio.sleep(700)
        await ask(llm)
        assert len(first.requests) == 1

    run(test, first, good())


def test_nobody_to_be_warmed_is_an_error() -> None:
    async def test(llm: FallbackLlm) -> None:
        async def warm() -> None:
            raise AuthError("no key")

        llm.members[0].provider.warm = warm  # type: ignore[method-assign]
        with pytest.raises(AuthError):
            await llm.warm()

    run(test, good())


def test_tool_calls_and_what_was_spent_pass_through() -> None:
    call = ToolCall("c1", "clock", {})
    first = ScriptedLlm(lambda request: [Usage(10, 1), Overloaded("busy")], timing=PACE, name="scripted/first")
    second = ScriptedLlm(lambda request: [call, Usage(10, 5, 4)], timing=PACE, name="scripted/second")
    heard = run(ask, first, second)
    assert heard.calls == [call] and heard.error is None
    assert heard.usage == {
        "scripted/first": Usage(10, 1, by="scripted/first"),
        "scripted/second": Usage(10, 5, 4, by="scripted/second"),
    }


def test_leaving_the_answer_stops_the_model() -> None:
    model = good()

    async def test(llm: FallbackLlm) -> None:
        stream = llm.stream(ASKED)
        await anext(stream)
        await stream.aclose()
        assert model.cancelled == 1

    run(test, model)


def test_cancelling_the_task_stops_the_model() -> None:
    model = good()

    async def test(llm: FallbackLlm) -> None:
        task = asyncio.create_task(ask(llm))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert model.cancelled == 1

    run(test, model)


def test_a_request_that_takes_long_for_this_model_is_hedged() -> None:
    first, second = good(), good(name="scripted/second")

    async def test(llm: FallbackLlm) -> None:
        for _ in range(10):
            await ask(llm)
        assert not second.requests
        first.timing = LlmTiming(first_token=1.1, jitter=0)
        heard = await ask(llm)
        assert heard.text == REPLY and heard.first == pytest.approx(0.8)
        assert first.cancelled == 1 and len(second.requests) == 1

    run(test, first, second, hedge=True)


def test_alone_a_model_is_hedged_with_itself() -> None:
    model = good()

    async def test(llm: FallbackLlm) -> None:
        for _ in range(10):
            told = (await ask(llm)).usage["scripted/llm"]
        model.timing = LlmTiming(first_token=0.6, jitter=0)
        heard = await ask(llm)
        assert heard.text == REPLY
        assert len(model.requests) == 12 and model.cancelled == 1
        assert heard.usage["scripted/llm"].input == told.input + estimated_usage(ASKED).input

    run(test, model, hedge=True)


def test_who_lost_is_paid_too() -> None:
    spent = Usage(input=40, output=20)
    first, second = (
        ScriptedLlm(lambda request: [TextDelta(REPLY), spent], timing=PACE, name=f"scripted/{name}")
        for name in ("first", "second")
    )

    async def test(llm: FallbackLlm) -> None:
        for _ in range(10):
            assert set((await ask(llm)).usage) == {"scripted/first"}
        first.timing = LlmTiming(first_token=1.1, jitter=0)
        told = (await ask(llm)).usage
        assert told["scripted/second"] == replace(spent, by="scripted/second")
        assert told["scripted/first"] == replace(estimated_usage(ASKED), by="scripted/first")
        assert list(told) == ["scripted/first", "scripted/second"]  # who was heard comes last

    run(test, first, second, hedge=True)


def test_who_was_silent_for_too_long_is_paid_and_who_refused_is_not() -> None:
    told = run(ask, stalls(0), good()).usage
    assert told["scripted/stalls"].input == estimated_usage(ASKED).input and told["scripted/stalls"].estimated
    assert "scripted/bad" not in run(ask, failing(Overloaded("500")), good()).usage


def test_when_all_were_silent_all_are_paid() -> None:
    heard = run(ask, stalls(0), stalls(0))
    assert heard.error and heard.usage["scripted/stalls"].input == 2 * estimated_usage(ASKED).input


def test_it_has_the_smallest_window_and_the_weights_of_all() -> None:
    async def test(llm: FallbackLlm) -> None:
        assert llm.capabilities.context_window == 4000
        assert llm.name == "scripted/llm > scripted/small"

    run(test, good(), good(context_window=4000, name="scripted/small"))
