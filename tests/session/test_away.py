"""The connection is lost in the middle of things, and comes back."""

from __future__ import annotations

import asyncio

from antiphon.conversation import notices as out
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.providers.base import LlmRequest, TextDelta
from antiphon.session.makings import Hooks
from antiphon.tools.function import tool
from antiphon.types import Role, SessionConfig, ToolCall, ToolSpec
from tests.session.calling import GREETING, LONG, agent_said, instant, run_call, settings, stages, words

BOOK = ToolCall("call_1", "book", {})


async def away(call: SimulatedCall, seconds: float) -> None:
    """The client hears and says nothing for so long."""
    loop = asyncio.get_running_loop()
    call.caller.muted = True
    call.client.playback.flush(loop.time())
    call.session.lost(loop.time())
    await asyncio.sleep(seconds)
    call.caller.muted = False
    call.session.returned()


async def sounds(call: SimulatedCall, reply: int) -> None:
    """The reply can be heard."""
    await call.client.until(out.ReplyStarted, count=reply + 1)
    reply_id = call.client.all(out.ReplyStarted)[reply].reply_id
    while not call.client.playback.played(reply_id, asyncio.get_running_loop().time()):  # noqa: ASYNC110 - virtual time
        await asyncio.sleep(0.01)


def test_the_rest_of_a_reply_is_spoken_when_the_caller_is_back() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("good morning")
        await sounds(call, 1)
        await asyncio.sleep(3)
        await away(call, 5)
        await call.client.until(out.ReplyDone, count=3)
        (first, interrupted), (rest, again) = agent_said(call)[1:]
        assert (interrupted, again) == (True, False)
        assert words(first)[: len(words(LONG)) - len(words(rest))] + words(rest) == words(LONG)
        assert 0 <= len(words(first)) + len(words(rest)) - len(words(LONG)) <= 1  # the word that was cut comes twice
        assert words(first) == call.heard(1, LONG)[: len(words(first))]
        assert len(asked) == 1

    asked: list[LlmRequest] = []
    run_call(scenario, stages=stages(lambda request: asked.append(request) or LONG))


def test_the_rest_comes_at_once() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await sounds(call, 0)
        await asyncio.sleep(1)
        await away(call, 2)
        back = asyncio.get_running_loop().time()
        await call.client.until(out.ReplyDone, count=2)
        assert call.first_audible(1) - back < 0.01
        assert "".join(text + " " for text, _ in agent_said(call)).split()[:2] == GREETING.split()[:2]

    run_call(scenario)


def test_nobody_is_asked_while_nobody_is_there() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        await away(call, 25)
        assert len(agent_said(call)) == 1
        await call.client.until(out.ReplyDone, count=2)
        assert agent_said(call)[1][0] == "Are you still there?"

    run_call(scenario, options=settings(idle_after=10.0))


def test_a_turn_that_was_cut_goes_on() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("I want to book")
        await asyncio.sleep(1)
        await away(call, 5)
        call.say("a table")
        await call.client.until(out.UserTranscript)
        said = call.client.all(out.UserTranscript)[0].text.split()
        assert said[-2:] == ["a", "table"]
        assert said[:2] == ["i", "want"]

    run_call(scenario)


def test_a_tool_goes_on_and_its_result_is_told_afterwards() -> None:
    ran: list[str] = []

    async def book() -> str:
        ran.append("book")
        await asyncio.sleep(2)
        return "done"

    def model(request: LlmRequest):  # type: ignore[no-untyped-def]
        if any(message.role is Role.TOOL for message in request.messages):
            return "Your table is booked."
        return [TextDelta("Let me see. "), BOOK]

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("I want to book a table")
        while not ran:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        await away(call, 6)
        await call.client.until(out.AgentTranscript, count=4)
        assert agent_said(call)[-1] == ("Your table is booked.", False)
        assert ran == ["book"]

    run_call(scenario, stages=stages(model), tools=(tool(book),), options=settings(filler_after=None))


def test_a_call_that_the_client_never_got_is_made_again_in_a_reply_of_its_own() -> None:
    def model(request: LlmRequest):  # type: ignore[no-untyped-def]
        return [BOOK]

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("I want to book a table")
        await call.client.until(out.ToolCalled)
        call.session.lost(asyncio.get_running_loop().time())
        call.session.returned(unasked=frozenset({"call_1"}))
        asked = [n for n in call.client.all(object) if isinstance(n, out.ReplyStarted | out.ReplyDone | out.ToolCalled)]
        assert [type(notice) for notice in asked[-3:]] == [out.ReplyStarted, out.ToolCalled, out.ReplyDone]
        assert [notice.call_id for notice in call.client.all(out.ToolCalled)] == ["call_1", "call_1"]

    config = SessionConfig(greeting=GREETING, tools=(ToolSpec("book"),))
    run_call(scenario, stages=stages(model), config=config)


def test_words_of_the_caller_come_before_the_rest() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("good morning")
        await sounds(call, 1)
        await asyncio.sleep(2)
        call.say("stop wait a minute")
        await asyncio.sleep(0.2)
        await away(call, 3)
        await call.client.until(out.UserTranscript, count=2)
        await call.client.until(out.ReplyDone, count=3)
        assert agent_said(call)[-1] == ("Okay.", False)

    replies = iter([LONG, "Okay."])
    run_call(scenario, stages=instant(lambda _: next(replies)))


def test_what_waited_for_the_store_is_not_told_to_the_next_connection() -> None:
    async def stored() -> None:
        await asyncio.sleep(5)

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.say("good morning")
        await call.client.until(out.SpeechStopped)
        await asyncio.sleep(1)
        assert not call.client.all(out.UserTranscript)
        call.session.lost(asyncio.get_running_loop().time())
        assert call.client.all(out.UserTranscript)
        call.session.returned()

    run_call(scenario, hooks=Hooks(stored=stored))
