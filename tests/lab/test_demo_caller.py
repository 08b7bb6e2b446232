"""The demo's caller: each line at its cue, whatever the agent does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from antiphon.client.client import Client
from antiphon.client.conversation import Conversation
from antiphon.conversation import notices
from antiphon.lab import demo_caller
from antiphon.lab.demo_caller import Cue, Line, Part, Said, ScriptedCaller
from tests.client.loopback import Line as Socket
from tests.client.loopback import server
from tests.client.sound import RATE, speech

GREETING, UH_HUH, STOP = Line("Hello.", after=0.1), Line("Uh-huh.", Cue.INTO_REPLY, 0.2, Part.BACKCHANNEL), "Stop."
INTERRUPTION = Line(STOP, Cue.INTO_REPLY, 0.4, Part.INTERRUPTION)


def hold(
    script: Callable[[Socket], Awaitable[object]], *lines: Line, nudge: Line | None = None
) -> tuple[ScriptedCaller, Conversation]:
    """A conversation with a scripted agent, in which every line takes 0.2 s to say."""
    caller = ScriptedCaller(
        [(line, speech(0.2)) for line in lines], rate=RATE, nudge=(nudge, speech(0.2)) if nudge else None
    )

    async def play(agent: Socket) -> None:
        await agent.open()
        await script(agent)

    async def talk() -> Conversation:
        async with asyncio.timeout(20), server(play) as url, Client(url) as client:
            await client.configure()
            conversation = Conversation(client, caller)
            await conversation.run()
            return conversation

    return caller, asyncio.run(talk())


def begins(said: Said, conversation: Conversation) -> float:
    assert said.utterance.begins is not None
    return said.utterance.begins - conversation.began


def test_a_turn_waits_until_the_agent_has_been_heard_out() -> None:
    async def script(agent: Socket) -> None:
        await agent.answer("Welcome.", audio=speech(0.5))
        await agent.hear(frames=50)
        await agent.answer("Bye.", to="Hello.", audio=speech(0.1))
        await agent.until_end()

    caller, conversation = hold(script, GREETING)
    assert begins(caller.said[0], conversation) == pytest.approx(0.6, abs=0.15)
    assert (caller.finished, caller.gave_up, conversation.failure) == (True, None, None)


def test_a_backchannel_is_said_into_the_reply_and_wants_no_answer() -> None:
    async def script(agent: Socket) -> None:
        await agent.answer("Welcome.", audio=speech(1.0))
        await agent.hear(frames=80)
        await agent.answer("Bye.", to="Hello.", audio=speech(0.1))
        await agent.until_end()

    caller, conversation = hold(script, UH_HUH, GREETING)
    times = [begins(said, conversation) for said in caller.said]
    assert times == pytest.approx([0.2, 1.1], abs=0.15)


def test_a_reply_that_is_over_too_soon_is_asked_to_go_on() -> None:
    async def script(agent: Socket) -> None:
        await agent.answer("Short.", audio=speech(0.2))
        await agent.hear(frames=75)
        await agent.answer("Long.", to="More.", audio=speech(5.0), ends=False)
        await agent.hear(frames=30)
        await agent.tell(
            notices.SpeechStarted(),
            notices.AgentTranscript("Long.", "i", "Lo", True),
            notices.ReplyDone("Long.", notices.ReplyStatus.INTERRUPTED),
        )
        await agent.hear(frames=20)
        await agent.answer("Bye.", to=STOP, audio=speech(0.1))
        await agent.until_end()

    caller, _ = hold(script, INTERRUPTION, nudge=Line("More.", part=Part.NUDGE))
    assert [said.line.part for said in caller.said] == [Part.NUDGE, Part.INTERRUPTION]


def test_a_reply_that_can_never_be_interrupted_is_given_up() -> None:
    async def script(agent: Socket) -> None:
        await agent.answer("Short.", audio=speech(0.1))
        await agent.until_end()

    caller, _ = hold(script, INTERRUPTION)
    assert caller.gave_up == "every reply was over before it could be interrupted"
    assert not caller.finished


def test_an_agent_that_is_silent_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_caller, "PATIENCE", 0.3)

    async def script(agent: Socket) -> None:
        await agent.until_end()

    caller, conversation = hold(script, GREETING)
    assert (caller.gave_up, caller.left) == ("nothing came for 0.3 s", 1)
    assert conversation.ended - conversation.began < 2
