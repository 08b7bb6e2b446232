"""A voice over the agent's: held at once, then decided; what was heard is known to the word."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from antiphon.conversation import notices as out
from antiphon.lab.caller import Track
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.lab.simulated_client import Network
from antiphon.types import Role, SessionConfig, TurnDetection
from tests.session.calling import CODE, GREETING, LONG, agent_said, run_call, settings, stages, turn, words

NETWORKS = {"none": Network(), "80 ms": Network(0.08), "jitter": Network(0.08, 0.03)}


async def into_the_reply(call: SimulatedCall, seconds: float) -> None:
    """The caller asks, and the agent has spoken for so long."""
    await call.greeted()
    call.say("good morning")
    await call.client.until(out.TurnMetrics)  # with the first audible frame
    await asyncio.sleep(seconds)


@pytest.mark.parametrize("acknowledges", [False, True], ids=["estimated", "acknowledged"])
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_an_interruption_stops_the_agent_and_history_holds_what_was_heard(network: Network, acknowledges: bool) -> None:
    async def scenario(call: SimulatedCall) -> None:
        await into_the_reply(call, 2)
        call.say("stop wait a minute")
        done = await call.client.until(out.ReplyDone, count=2)
        assert done.status is out.ReplyStatus.INTERRUPTED
        text, interrupted = agent_said(call)[1]
        assert interrupted
        await call.client.until(out.UserTranscript, count=2)
        assert words(text) == call.heard(1, LONG)
        assert LONG.startswith(text)
        assert call.client.all(out.UserTranscript)[1].text == "stop wait a minute"

    run_call(scenario, stages=stages(LONG), network=network, acknowledges=acknowledges)


def test_audio_stops_leaving_at_the_first_sound_and_for_good() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await into_the_reply(call, 2)
        spoken = call.say("stop wait a minute")
        await call.client.until(out.ReplyDone, count=2)
        sent = [at for at in call.client.times(out.ReplyAudio) if at < call.client.times(out.ReplyDone)[1]]
        assert max(sent) - spoken.begins <= 0.15

    run_call(scenario, stages=stages(LONG))


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("backchannel", ["mmhmm", "okey"])
def test_after_a_backchannel_the_agent_goes_on_at_the_word_that_was_cut(backchannel: str, network: Network) -> None:
    async def scenario(call: SimulatedCall) -> None:
        await into_the_reply(call, 2)
        call.say(backchannel)
        await call.client.until(out.ReplyDone, count=2)
        reply_id = call.client.all(out.ReplyStarted)[1].reply_id
        played = CODE.decode(call.client.pcm(reply_id), call.client.playback.rate, text=LONG)
        again = [word for word, after in pairwise(played) if word.index == after.index]
        assert len(again) <= 1  # the cut word, if one was cut
        assert not any(word.complete for word in again)
        assert call.heard(1, LONG) == words(LONG)
        assert agent_said(call)[1] == (LONG, False)
        assert len(call.client.all(out.SpeechStarted)) == 1  # of the question: nobody outside knows of the hold
        deltas = call.client.all(out.AgentTranscriptDelta)
        assert "".join(delta.delta for delta in deltas if delta.reply_id == reply_id) == LONG

    run_call(scenario, stages=stages(LONG), network=network)


def test_a_cough_over_the_agent_is_forgotten() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        await turn(call, "good morning")
        assert agent_said(call)[1] == (LONG, False)
        assert [message.role for message in call.session.history] == [Role.ASSISTANT, Role.USER, Role.ASSISTANT]

    async def coughing(call: SimulatedCall) -> None:
        await into_the_reply(call, 1)
        call.caller.say(Track(call.caller.rate).noise(120).pcm)
        await call.client.until(out.ReplyDone, count=2)
        assert agent_said(call)[1] == (LONG, False)

    run_call(scenario, stages=stages(LONG))
    run_call(coughing, stages=stages(LONG))


def test_an_agent_that_may_not_be_interrupted_is_not_and_hears_all_the_same() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await into_the_reply(call, 2)
        call.say("stop wait a minute")
        await call.client.until(out.ReplyDone, count=2)
        assert agent_said(call)[1] == (LONG, False)
        assert call.heard(1, LONG) == words(LONG)

    detection = TurnDetection(interrupt_response=False)
    run_call(scenario, stages=stages(LONG), config=SessionConfig(greeting=GREETING, turn_detection=detection))


def test_the_interrupted_reply_is_what_the_model_is_told_it_said() -> None:
    async def scenario(call: SimulatedCall) -> None:
        await into_the_reply(call, 2)
        call.say("stop wait a minute")
        await call.client.until(out.ReplyDone, count=3)
        said = [message.text for message in call.stages.llm.requests[-1].messages if message.role is Role.ASSISTANT]  # type: ignore[attr-defined]
        assert said == [GREETING, agent_said(call)[1][0]]
        assert words(said[1]) == call.heard(1, LONG)

    run_call(scenario, stages=stages(LONG), options=settings())


def test_the_word_cut_by_an_interrupt_of_the_program_is_known_too() -> None:
    """Nothing was held before: the answer waits until what was sent has been played."""

    async def scenario(call: SimulatedCall) -> None:
        await into_the_reply(call, 1.7)
        call.session.interrupt()
        await call.client.until(out.ReplyDone, count=2)
        await asyncio.sleep(0.2)
        assert words(agent_said(call)[1][0]) == call.heard(1, LONG)

    for acknowledges in (False, True):
        run_call(scenario, stages=stages(LONG), network=Network(0.08, 0.03), acknowledges=acknowledges)
