"""Presets: stages by purpose. What they name must exist, and what a user says goes before it."""

from __future__ import annotations

import dataclasses
import re
from importlib.resources import files

import pytest

from antiphon import Agent
from antiphon.agent_file import AgentFile, preset, presets
from antiphon.errors import ConfigError
from antiphon.providers.cost import Prices, billed_as


def test_there_are_four_by_purpose() -> None:
    assert presets() == ["accurate", "cheap", "fast", "private"]


@pytest.mark.parametrize("name", presets())
def test_every_stage_of_a_preset_can_be_made(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("botocore", reason="the cheap voice needs the extra aws")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    stages = Agent(preset=name).stages()
    assert all((stages.stt, stages.llm, stages.tts, stages.vad))


@pytest.mark.parametrize("name", presets())
def test_a_preset_is_dated_short_and_overridable(name: str) -> None:
    text = (files("antiphon") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    assert re.search(r"^date: \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    assert len(text.splitlines()) < 12
    defaults = {field.name: field.default for field in dataclasses.fields(Agent)}
    assert all(defaults[field] is None for field in preset(name))  # else it could not be told from what a user says


def test_private_is_all_local_and_costs_nothing() -> None:
    stages = Agent(preset="private").stages()
    named = (("stt", stages.stt), ("llm", stages.llm), ("tts", stages.tts))
    assert all((price := Prices().of(stage, billed_as(one))) and price.free for stage, one in named)


@pytest.mark.parametrize("name", presets())
def test_what_a_preset_costs_is_known_but_for_one_vendor_who_sells_credits(name: str, monkeypatch) -> None:
    pytest.importorskip("botocore", reason="the cheap voice needs the extra aws")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    stages, prices = Agent(preset=name).stages(), Prices()
    named = [("stt", stages.stt), ("llm", stages.llm), ("tts", stages.tts)]
    each = [(stage, getattr(one, "provider", one)) for stage, any_ in named for one in getattr(any_, "members", [any_])]
    unknown = {one.name for stage, one in each if prices.of(stage, billed_as(one)) is None}
    assert unknown <= {"cartesia/sonic-3.5"}


def test_what_is_said_goes_before_the_preset(tmp_path) -> None:
    assert Agent(preset="fast", stt="local").stages().stt.name == Agent().stages().stt.name
    file = tmp_path / "agent.yaml"
    file.write_text("preset: fast\nmin_silence: 300\ngreeting: Hi\n")
    agent = Agent.from_yaml(file)
    assert (agent.min_silence, agent.greeting, agent.llm) == (300, "Hi", preset("fast")["llm"])
    assert Agent.from_yaml(file, preset="private").stages().llm.name == Agent().stages().llm.name


def test_a_changed_copy_keeps_what_the_preset_said() -> None:
    agent = dataclasses.replace(Agent(preset="accurate"), greeting="Hello")
    assert (agent.greeting, agent.min_silence) == ("Hello", 800)


def test_a_preset_that_is_none_is_refused_with_the_names() -> None:
    with pytest.raises(ConfigError, match="accurate, cheap, fast, private"):
        Agent(preset="quick")


def test_an_agent_file_may_say_all_that_an_agent_may_be() -> None:
    only_in_python = {"hooks", "settings"}
    assert {field.name for field in dataclasses.fields(Agent)} - only_in_python == set(AgentFile.model_fields)
