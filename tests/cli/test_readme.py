"""What the README shows must work."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

import antiphon
from antiphon import Agent

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("block", blocks("python"))
def test_python_compiles_and_imports_what_there_is(block):
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom) and node.module == "antiphon":
            assert {name.name for name in node.names} <= set(antiphon.__all__)


def test_the_first_agent_is_one(monkeypatch):
    served = []
    monkeypatch.setattr(Agent, "serve", lambda self, **options: served.append(self))
    exec(compile(blocks("python")[0], "README.md", "exec"), {})
    (agent,) = served
    assert agent.blueprint().tools[0].spec.name == "opening_hours"


def test_the_yaml_is_an_agent():
    (block,) = blocks("yaml")
    agent = Agent.from_mapping(yaml.safe_load(block))
    assert agent.blueprint().defaults["greeting"] == "Rosa's flower shop, good morning!"


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^antiphon (\w+)", README, flags=re.MULTILINE))))
def test_its_commands_are_there(antiphon, command):
    assert antiphon(command, "--help").code == 0


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make (demo|test|bench|lint|soak)", README))))
def test_its_targets_are_there(target):
    assert f"\n{target}: " in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted(set(re.findall(r"\]\(([\w/.]+)\)", README))))
def test_its_links_lead_somewhere(page):
    assert (ROOT / page).exists()
