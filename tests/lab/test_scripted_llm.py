from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from antiphon.errors import BadRequest, Disconnected, Overloaded, RateLimited
from antiphon.lab import virtual
from antiphon.lab.scripted import LlmFaults, LlmTiming, ScriptedLlm
from antiphon.providers.base import Llm, LlmEvent, LlmRequest, TextDelta, Usage
from antiphon.types import Message, Role, ToolCall

HELLO = LlmRequest((Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "Hello!")))
STEADY = LlmTiming(jitter=0)
CALL = ToolCall("call_1", "weather", {"city": "Paris"})


def asking(*messages: Message) -> LlmRequest:
    return LlmRequest(messages)


async def timed(llm: Llm, request: LlmRequest = HELLO) -> list[tuple[float, LlmEvent]]:
    return [(asyncio.get_running_loop().time(), event) async for event in llm.stream(request)]


def answer(llm: Llm, request: LlmRequest = HELLO) -> list[LlmEvent]:
    return [event for _, event in virtual.run(timed(llm, request))]


def text(events: list[LlmEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def test_a_text_comes_token_by_token_at_the_pace_of_a_model() -> None:
    events = virtual.run(timed(ScriptedLlm("It is extraordinary.", timing=STEADY)))
    deltas = [(time, event.text) for time, event in events if isinstance(event, TextDelta)]
    assert [piece for _, piece in deltas] == ["It ", "is ", "extrao", "rdinar", "y."]
    assert [time for time, _ in deltas] == pytest.approx([0.54, 0.565, 0.59, 0.615, 0.64])
    assert events[-1][1] == Usage(input=5, output=5)


def test_the_reply_may_depend_on_the_request_and_requests_are_kept() -> None:
    llm = ScriptedLlm(lambda request: request.messages[-1].text.upper())
    assert text(answer(llm)) == "HELLO!"
    assert llm.requests == [HELLO]


def test_events_come_as_they_are_and_a_tool_call_takes_the_time_it_takes_to_write() -> None:
    llm = ScriptedLlm(lambda _: [TextDelta("Let me look. "), CALL], timing=STEADY)
    (first, said), (second, call) = virtual.run(timed(llm))
    assert (said, call) == (TextDelta("Let me look. "), CALL)
    assert second - first == pytest.approx(7 / 40)


def test_a_reply_ends_after_the_tokens_it_was_allowed() -> None:
    assert text(answer(ScriptedLlm("one two three four"), LlmRequest(HELLO.messages, max_tokens=2))) == "one two "


def test_the_same_seed_takes_the_same_time() -> None:
    runs = [virtual.run(timed(ScriptedLlm("one two three", seed=seed))) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_instant_timing_takes_no_time() -> None:
    assert {time for time, _ in virtual.run(timed(ScriptedLlm("a b c", timing=LlmTiming.instant())))} == {0}


def test_a_slow_reader_finds_what_was_written_meanwhile() -> None:
    async def main() -> float:
        async with aclosing(ScriptedLlm("a b c d", timing=STEADY).stream(HELLO)) as stream:
            await anext(stream)
            await asyncio.sleep(10)
            async for _ in stream:
                pass
        return asyncio.get_running_loop().time()

    assert virtual.run(main()) == pytest.approx(10.54)


# --- stopping -----------------------------------------------------------------------------------------------------


def test_closing_the_iterator_is_seen() -> None:
    llm = ScriptedLlm("a b c")

    async def main() -> None:
        stream = llm.stream(HELLO)
        await anext(stream)
        assert llm.running == 1
        await stream.aclose()

    virtual.run(main())
    assert (llm.running, llm.cancelled, llm.finished) == (0, 1, 0)


def test_cancelling_the_task_is_seen() -> None:
    llm = ScriptedLlm("a b c")

    async def main() -> None:
        task = asyncio.create_task(timed(llm))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task])

    virtual.run(main())
    assert (llm.running, llm.cancelled, llm.finished) == (0, 1, 0)


# --- failing ------------------------------------------------------------------------------------------------------


def test_an_error_is_an_answer_and_says_where_it_comes_from() -> None:
    with pytest.raises(RateLimited) as error:
        answer(ScriptedLlm(lambda _: RateLimited("slow down"), timing=STEADY))
    assert (error.value.stage, error.value.provider, error.value.elapsed) == ("llm", "scripted/llm", 0.54)


def test_an_error_may_come_after_the_first_words() -> None:
    llm = ScriptedLlm(lambda _: [TextDelta("Well, "), Overloaded("no room")])
    with pytest.raises(Overloaded):
        answer(llm)
    assert (llm.failed, llm.running) == (1, 0)


def test_failing_and_stalling_after_some_tokens() -> None:
    async def main(llm: ScriptedLlm) -> list[str]:
        got: list[str] = []
        try:
            async with asyncio.timeout(60):
                async for event in llm.stream(HELLO):
                    got.append(str(event))
        except (Disconnected, TimeoutError) as error:
            got.append(type(error).__name__)
        return got

    failing, stalling = LlmFaults(fail_after=2), LlmFaults(stall_after=0)
    assert virtual.run(main(ScriptedLlm("a b c", faults=failing)))[2:] == ["Disconnected"]
    assert virtual.run(main(ScriptedLlm("a b c", faults=stalling))) == ["TimeoutError"]


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (asking(Message(Role.SYSTEM, "Hi.")), "nothing to answer"),
        (asking(Message(Role.USER, " ")), "message 0 is empty"),
        (asking(Message(Role.USER, "a"), Message(Role.TOOL, "b", call_id="c")), "message 1 answers .*'c'"),
        (asking(Message(Role.USER, "a"), Message(Role.ASSISTANT, "", (CALL,))), "without their results: .*call_1"),
        (
            asking(Message(Role.USER, "a"), Message(Role.ASSISTANT, "", (CALL,)), Message(Role.USER, "b")),
            "message 2 follows",
        ),
        (asking(Message(Role.USER, "a"), Message(Role.ASSISTANT, "", (CALL, CALL))), "two tool calls"),
        (asking(Message(Role.USER, "word " * 1000)), "more than the window of 1000"),
    ],
)
def test_what_no_vendor_would_take_is_refused(request_: LlmRequest, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        answer(ScriptedLlm(context_window=1000), request_)


def test_answered_tool_calls_are_fine() -> None:
    request = asking(
        Message(Role.USER, "Weather?"),
        Message(Role.ASSISTANT, "", (CALL,)),
        Message(Role.TOOL, "", call_id="call_1"),
    )
    assert text(answer(ScriptedLlm("Sunny."), request)) == "Sunny."
