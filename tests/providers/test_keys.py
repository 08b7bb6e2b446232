"""Where keys come from, and where they go."""

from __future__ import annotations

from pathlib import Path

import pytest

from antiphon.errors import ConfigError
from antiphon.providers.keys import find_key
from antiphon.providers.stt.assemblyai import AssemblyAI


def test_the_option_comes_before_the_environment_and_that_before_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text("from-a-file\n")
    assert find_key(None, "TOY_KEY") is None
    monkeypatch.setenv("TOY_KEY_FILE", str(file))
    assert find_key(None, "TOY_KEY") == "from-a-file"
    monkeypatch.setenv("TOY_KEY", "from-the-environment")
    assert find_key(None, "TOY_KEY") == "from-the-environment"
    assert find_key("given", "TOY_KEY") == "given"


def test_a_file_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_KEY_FILE", "/no/such/file")
    with pytest.raises(ConfigError, match="TOY_KEY_FILE names /no/such/file"):
        find_key(None, "TOY_KEY")


@pytest.mark.parametrize(
    ("url", "sent", "billed"),
    [
        (None, True, "assemblyai/u3-rt-pro"),
        ("wss://streaming.eu.assemblyai.com", True, "assemblyai/u3-rt-pro"),
        ("ws://localhost:8080", False, "localhost/u3-rt-pro"),
        ("wss://assemblyai.com.example.org", False, "assemblyai.com.example.org/u3-rt-pro"),
    ],
)
def test_a_key_of_the_environment_goes_to_the_vendor_alone(
    url: str | None, sent: bool, billed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSEMBLYAI_API_KEY", "a-secret")
    stt = AssemblyAI("u3-rt-pro", base_url=url)
    assert (stt._key == "a-secret") is sent and stt.billed_as == billed
    assert "a-secret" not in repr(stt)
