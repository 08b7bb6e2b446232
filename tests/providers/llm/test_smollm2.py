"""The embedded language model: streaming, stopping, its prompt cache, and its counted slots."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, cast

import pytest

from antiphon.errors import AtCapacity, BadRequest, ConfigError, Disconnected
from antiphon.providers.base import LlmEvent, LlmRequest, TextDelta, Usage
from antiphon.providers.llm.smollm2 import SmolLM2
from antiphon.types import Message, Role

pytest.importorskip("xllamacpp")
pytestmark = pytest.mark.local("smollm2-135m")

SYSTEM = Message(Role.SYSTEM, "You are a helpful voice assistant. Keep answers short. " * 5)


def run(test: Callable[[SmolLM2], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        llm = SmolLM2(**options)
        try:
            await test(llm)
        finally:
            await llm.aclose()

    asyncio.run(main())


def ask(text: str, *, max_tokens: int = 20) -> LlmRequest:
    return LlmRequest((SYSTEM, Message(Role.USER, text)), max_tokens=max_tokens)


def endless() -> LlmRequest:
    return ask("Tell me a very long story about a dog.", max_tokens=1500)


def begin(llm: SmolLM2, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
    return cast(AsyncGenerator[LlmEvent, None], llm.stream(request))


async def answer(llm: SmolLM2, request: LlmRequest) -> tuple[str, Usage]:
    events = [event async for event in llm.stream(request)]
    assert isinstance(events[-1], Usage)
    return "".join(event.text for event in events if isinstance(event, TextDelta)), events[-1]


async def idle(llm: SmolLM2) -> bool:
    """Whether every slot is free within 5 s, long before the reply would have ended by itself."""
    for _ in range(1000):
        if llm.running == 0:
            return True
        await asyncio.sleep(0.005)
    return False


def test_a_question_is_answered_in_pieces() -> None:
    async def test(llm: SmolLM2) -> None:
        events = [event async for event in llm.stream(ask("What is the capital of France?"))]
        deltas = [event.text for event in events if isinstance(event, TextDelta)]
        assert len(deltas) > 3
        assert "Paris" in "".join(deltas)
        assert isinstance(events[-1], Usage) and events[-1].output >= len(deltas)

    run(test)


def test_the_next_turn_reads_only_what_is_new() -> None:
    async def test(llm: SmolLM2) -> None:
        text, first = await answer(llm, ask("What is the capital of France?"))
        history = (*ask("What is the capital of France?").messages, Message(Role.ASSISTANT, text))
        _, second = await answer(llm, LlmRequest((*history, Message(Role.USER, "And of Spain?")), max_tokens=5))
        assert second.cached >= first.input

    run(test)


def test_closing_the_stream_stops_the_model() -> None:
    async def test(llm: SmolLM2) -> None:
        await llm.warm()
        stream = begin(llm, endless())
        await anext(stream)
        await stream.aclose()
        assert await idle(llm)

    run(test, slots=1)


def test_cancelling_stops_the_model_while_it_reads_the_prompt() -> None:
    async def test(llm: SmolLM2) -> None:
        await llm.warm()
        reading = asyncio.create_task(answer(llm, ask("word " * 1500)))
        await asyncio.sleep(0.05)
        assert llm.running == 1
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await idle(llm)

    run(test, slots=1)


def test_a_full_model_refuses_and_serves_again() -> None:
    async def test(llm: SmolLM2) -> None:
        stream = begin(llm, endless())
        await anext(stream)
        with pytest.raises(AtCapacity) as caught:
            await answer(llm, ask("Hi"))
        assert caught.value.retryable and caught.value.provider == "smollm2/135m"
        await stream.aclose()
        assert await idle(llm)
        assert (await answer(llm, ask("Hi")))[0]

    run(test, slots=1, wait=0.2)


def test_who_waits_is_served_in_order() -> None:
    async def test(llm: SmolLM2) -> None:
        done: list[int] = []

        async def one(number: int) -> None:
            await answer(llm, ask(f"Say {number}.", max_tokens=3))
            done.append(number)

        await asyncio.gather(*(one(number) for number in range(4)))
        assert done == [0, 1, 2, 3]

    run(test, slots=1, wait=30)


def test_replies_are_generated_side_by_side() -> None:
    async def test(llm: SmolLM2) -> None:
        first, second = begin(llm, endless()), begin(llm, endless())
        for _ in range(3):
            assert isinstance(await anext(first), TextDelta)
            assert isinstance(await anext(second), TextDelta)
        await first.aclose()
        await second.aclose()

    run(test, slots=2)


def test_a_prompt_too_long_is_a_bad_request() -> None:
    async def test(llm: SmolLM2) -> None:
        with pytest.raises(BadRequest, match="context"):
            await answer(llm, ask("word " * 3000))
        assert await idle(llm)

    run(test)


def test_tool_results_are_told_to_a_model_without_tools() -> None:
    async def test(llm: SmolLM2) -> None:
        messages = (SYSTEM, Message(Role.USER, "Hi"), Message(Role.TOOL, "It is noon.", call_id="1"))
        assert (await answer(llm, LlmRequest(messages, max_tokens=3)))[0]

    run(test)


def test_warming_at_the_same_time_and_closing_twice() -> None:
    async def test(llm: SmolLM2) -> None:
        await asyncio.gather(llm.warm(), llm.warm())
        await llm.aclose()
        with pytest.raises(Disconnected):
            await answer(llm, ask("Hi"))

    run(test)


def test_the_loop_is_not_kept_waiting() -> None:
    async def test(llm: SmolLM2) -> None:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        await answer(llm, ask("Hello.", max_tokens=5))
        ticking.cancel()
        assert ticks > 20

    run(test)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="135m"):
        SmolLM2("360m")
    with pytest.raises(ConfigError, match="slots"):
        SmolLM2(slots=0)
