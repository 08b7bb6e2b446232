"""What the tests of the commands share: a command run in this process, and providers that need no weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from antiphon.cli import main
from antiphon.providers import registry


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on stderr."""
        (line,) = self.err.splitlines()
        return line


@pytest.fixture
def antiphon(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Runs `antiphon …` in this process."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Done:
        code = main(arguments)
        out, err = capfd.readouterr()
        return Done(code, out, err)

    return run


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "scripted" names a provider for every stage."""
    for stage, path in {"stt": "Stt", "llm": "Llm", "tts": "Tts", "vad": "Vad"}.items():
        monkeypatch.setitem(registry._BUILT_IN[stage], "scripted", f"tests.cli.providers:{path}")
