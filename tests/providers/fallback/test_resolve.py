"""A stage as a user writes it."""

from __future__ import annotations

import pytest

from antiphon import Agent
from antiphon.errors import ConfigError
from antiphon.lab.scripted import ScriptedLlm, ScriptedStt, ScriptedTts
from antiphon.lab.tones import ToneCode
from antiphon.providers import registry
from antiphon.providers.fallback import resolve
from antiphon.providers.fallback.llm import FallbackLlm
from antiphon.providers.llm.openai import OpenAI

OLLAMA = {"provider": "openai/llama3", "base_url": "http://localhost:11434/v1"}


def test_a_string_and_a_mapping_are_one_provider() -> None:
    assert isinstance(resolve("llm", "openai/gpt-6-luna"), OpenAI)
    assert resolve("llm", OLLAMA).name == "openai/llama3"


def test_a_list_is_a_chain_of_what_it_holds() -> None:
    mine = ScriptedLlm()
    chain = resolve("llm", ["openai/gpt-6-luna", OLLAMA, mine])
    assert isinstance(chain, FallbackLlm)
    assert chain.name == "openai/gpt-6-luna > openai/llama3 > scripted/llm"


def test_a_chain_may_be_given_its_limits() -> None:
    chain = resolve("llm", {"fallback": ["openai/gpt-6-luna", OLLAMA], "first_token": 2.5, "hedge": True})
    assert (chain.limits.first_token, chain.limits.gap, chain.limits.hedge) == (2.5, 1.5, True)


def test_an_agent_file_may_hold_lists() -> None:
    agent = Agent.from_mapping({"llm": ["openai/gpt-6-luna", OLLAMA]})
    assert agent.stages().llm.name == "openai/gpt-6-luna > openai/llama3"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], "list of providers"),
        ({"fallback": []}, "list of providers"),
        ({"fallback": "openai/gpt-6-luna"}, "list of providers"),
        ({"fallback": [OLLAMA], "first_word": 1}, "first_token"),
        ({"fallback": [OLLAMA], "first_token": 0}, "above 0"),
        ({"fallback": [OLLAMA], "hedge": 0.3}, "true or false"),
        ({"model": "gpt-6-luna"}, "provider"),
        (["openai"], "name a model"),
    ],
)
def test_what_cannot_be_used_is_said(given: object, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        resolve("llm", given)


def test_voice_activity_is_one_providers() -> None:
    with pytest.raises(ConfigError, match="one provider"):
        resolve("vad", ["silero", "silero"])


@pytest.mark.parametrize(
    ("stage", "made"), [("stt", ScriptedStt(ToneCode(["a"]))), ("tts", ScriptedTts(ToneCode(["a"])))]
)
def test_every_stage_that_talks_to_vendors_may_be_a_chain(
    stage: registry.Stage, made: ScriptedStt | ScriptedTts
) -> None:
    assert resolve(stage, [made, made]).name == f"{made.name} > {made.name}"


@pytest.mark.parametrize(
    ("llm", "seconds"),
    [("openai/gpt-6-luna", 3.0), (OLLAMA, 10.0), ([OLLAMA, OLLAMA], 10.0), (["openai/gpt-6-luna", OLLAMA], 3.0)],
)
def test_a_model_of_ones_own_has_more_time(llm: object, seconds: float) -> None:
    assert Agent(llm=llm).blueprint().options.settings.answer_within == seconds  # type: ignore[arg-type]
    assert Agent(llm=llm, answer_within=5).blueprint().options.settings.answer_within == 5  # type: ignore[arg-type]
