"""The examples of docs/providers.md make the agents they promise."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from antiphon.errors import MissingDependency

PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^### (`[^\n]+)\n\n```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 10


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
