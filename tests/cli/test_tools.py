"""`--tools module:function`, on the commands that start a server."""

from __future__ import annotations

import sys

import pytest

from antiphon.cli.hosting import chosen_agent, destination
from antiphon.errors import ConfigError
from tests.cli.test_serve import STAGES


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "clock_tools.py").write_text("def now() -> str:\n    'The time.'\n    return 'noon'\n")
    (tmp_path / "agent.yaml").write_text(f"end_call: true\n{STAGES}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "clock_tools", raising=False)
    return tmp_path


def test_functions_of_the_folder_one_is_in_are_added_to_those_of_the_file(here, scripted):
    agent = chosen_agent(here / "agent.yaml", tools=["clock_tools:now"])
    assert [tool.spec.name for tool in agent.blueprint().tools] == ["end_call", "now"]


def test_what_is_wrong_is_told(here, antiphon):
    done = antiphon("serve", "--tools", "clock_tools:then")
    assert done.code != 0
    assert "--tools: tools.0: clock_tools has no 'then'" in done.err


def test_a_server_elsewhere_has_its_own():
    with pytest.raises(ConfigError, match="--tools is for a server started here"):
        destination("ws://127.0.0.1:1/v1/ws", tools=["clock_tools:now"])
