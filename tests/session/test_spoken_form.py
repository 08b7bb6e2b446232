"""What is spoken is not what is written; what is remembered is."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from antiphon.conversation import notices as out
from antiphon.lab.scripted import ScriptedTts
from antiphon.lab.simulated_call import SimulatedCall
from antiphon.session.makings import Hooks, SessionOptions
from antiphon.types import Role, SessionConfig
from tests.session.calling import CODE, GREETING, agent_said, run_call, settings, stages, turn, words

PRICE = "The table by the window costs **$12.50** an hour, and the other $3."
SPOKEN = "The table by the window costs twelve dollars and fifty cents an hour, and the other three dollars."


@pytest.mark.parametrize("spoken_form", [True, False])
def test_the_caller_hears_words_and_the_history_has_what_the_model_wrote(spoken_form: bool) -> None:
    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        await turn(call, "good morning")
        said = SPOKEN if spoken_form else PRICE
        assert call.heard(1, said) == words(said)
        assert agent_said(call)[1] == (PRICE, False)
        deltas = [delta.delta for delta in call.client.all(out.AgentTranscriptDelta)]
        assert "".join(deltas) == GREETING + PRICE

    run_call(scenario, stages=stages(PRICE), options=replace(settings(), spoken_form=spoken_form))


def interrupted_at(word: str, **tts: bool) -> tuple[str, list[str]]:
    """What is remembered of the price, and what was heard, if the program interrupts while `word` is said."""

    async def scenario(call: SimulatedCall) -> tuple[str, list[str]]:
        await call.greeted()
        call.say("good morning")
        await call.client.until(out.TurnMetrics)
        for _ in range(1000):
            if word in call.heard(1, SPOKEN):
                break
            await asyncio.sleep(0.01)
        call.session.interrupt()
        await call.client.until(out.ReplyDone, count=2)
        await asyncio.sleep(0.2)
        heard = call.heard(1, SPOKEN)
        assert call.session.history[-1].role is Role.ASSISTANT
        return call.session.history[-1].text, heard

    return run_call(scenario, stages=stages(PRICE, tts=ScriptedTts(CODE, **tts)))


@pytest.mark.parametrize("segments", [True, False])
@pytest.mark.parametrize("word", ["costs", "twelve", "fifty", "an"])
def test_a_price_is_heard_whole_or_not_at_all(word: str, segments: bool) -> None:
    remembered, heard = interrupted_at(word, segments=segments)
    assert words(SPOKEN)[: len(heard)] == heard
    assert ("$12.50" in remembered) == ("twelve" in heard)
    assert ("an" in words(remembered)) == ("an" in heard)
    assert PRICE.startswith(remembered)


def test_without_word_times_no_more_is_remembered_than_was_heard() -> None:
    remembered, heard = interrupted_at("fifty", word_times=False)
    assert PRICE.startswith(remembered)
    assert "hour," not in remembered or "hour" in heard


def test_the_language_is_the_one_that_the_client_named_else_the_agents_own() -> None:
    async def scenario(call: SimulatedCall) -> str:
        await call.greeted()
        return " ".join(call.stages.tts.texts)  # type: ignore[attr-defined]

    english = SessionConfig(greeting="Hello: 5%", language_codes=("en-GB",))
    either = replace(english, language_codes=("en", "nl"))
    dutch = SessionOptions(language="nl")
    assert run_call(scenario, config=english, options=dutch) == "Hello: five percent"
    assert run_call(scenario, config=either, options=dutch) == "Hello: 5%"


def test_word_times_count_although_a_filter_has_changed_the_text() -> None:
    remembered, heard = [], []

    async def scenario(call: SimulatedCall) -> None:
        await call.greeted()
        call.session.say("Ask Dr. Who about the window, and ask him about the corner, and then ask him again.")
        await asyncio.sleep(3)
        call.session.interrupt()
        await call.client.until(out.ReplyDone, count=2)
        await asyncio.sleep(0.2)
        said = "Ask the good Doctor Who about the window, and ask him about the corner, and then ask him again."
        heard.extend(call.heard(1, said))
        remembered.extend(words(call.session.history[-1].text))

    run_call(scenario, hooks=Hooks(before_speech=lambda text: text.replace("Dr.", "the good Dr.")))
    assert remembered[:2] == ["ask", "dr"]
    assert remembered[2:] == heard[4:]
