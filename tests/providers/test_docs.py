"""The examples of docs/providers.md make the agents they promise."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from antiphon.errors import MissingDependency
from antiphon.providers import registry
from antiphon.providers.vendors import ALIASES

PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^### (`[^\n]+)\n\n```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)


def test_every_provider_has_an_example_of_ten_lines_or_so() -> None:
    shown = {name for heading, _ in EXAMPLES for name in re.findall(r"`([^`/]+)`", heading)}
    every: set[str] = set().union(*(registry.names(stage) for stage in ("stt", "llm", "tts")))
    assert every - shown <= {name for _, name in ALIASES}
    assert all(len(example.splitlines()) <= 13 for _, example in EXAMPLES)


@pytest.mark.parametrize(("heading", "example"), EXAMPLES, ids=[heading.split("`")[1] for heading, _ in EXAMPLES])
def test_an_example_makes_its_agent(heading: str, example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.agent.Agent.serve", lambda self: None)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "toy")
    found: dict[str, Any] = {}
    exec(example, found)
    try:
        stages = found["agent"].stages()
    except MissingDependency as missing:
        pytest.skip(str(missing))
    used = {str(stage.name).partition("/")[0] for stage in (stages.stt, stages.llm, stages.tts)}
    assert used & set(re.findall(r"`([^`/]+)`", heading))
