"""A driver that others wrote for the hosted service holds a call: greeting, tool, barge-in, update, token."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.house import house
from tests.conformance.npm.install import Unavailable, driver_for, installed, node
from tests.conformance.script import spoken
from tests.server_api.serving import KEY

SCRIPT = Path(__file__).with_name("call.mjs")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    try:
        binary, folder = node(), installed()
    except Unavailable as why:
        pytest.skip(str(why))
    sounds = tmp_path_factory.mktemp("sounds") / "sounds.json"
    said = {"order": "book a table", "chat": "long", "stop": "stop please"}
    sounds.write_text(json.dumps({name: base64.b64encode(spoken(words)).decode() for name, words in said.items()}))
    with house("open") as place:
        driver = driver_for(place.ws.removeprefix("ws://").removesuffix("/v1/ws"), folder)
        try:
            command = [binary, "--experimental-websocket", "--no-warnings", SCRIPT, driver, KEY, sounds]
            run = subprocess.run(command, capture_output=True, text=True, timeout=90)
        finally:
            driver.unlink()
    assert run.returncode == 0, run.stderr
    yield json.loads(run.stdout)


def test_a_driver_from_npm_holds_a_call(outcome: dict[str, Any]) -> None:
    call = outcome["call"]
    assert call["errors"] == []
    assert call["tools"] == [["book_table", '{"people":2}']]
    assert call["interruptions"] == 1
    caller = [text for role, text in call["said"] if role == "user"]
    assert caller == ["book a table", "long", "stop please"]
    greeting, answer, cut, reply, note = [text for role, text in call["said"] if role == "assistant"]
    assert (greeting, answer, reply) == ("Hello there.", 'Result "four".', "Certainly.")
    assert cut.startswith("one two") and not cut.endswith("sixteen")
    assert "seven" in note
    token = outcome["token"]
    assert token == {"said": [["assistant", "Hello again."]], "errors": []}
