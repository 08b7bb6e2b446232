"""Which call a line of the log is about."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from antiphon.client.events import ReplyDone
from antiphon.errors import Disconnected
from antiphon.lab.scripted import LlmTiming, ScriptedLlm
from antiphon.server import logs
from antiphon.server.logs import JsonLines, WithPlace
from tests.server_api.serving import serving, stages


class Down(ScriptedLlm):
    async def stream(self, request: Any) -> Any:
        raise Disconnected("it is down")
        yield


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    written: list[dict[str, Any]] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(json.loads(self.format(record)))

    handler = Collect()
    handler.addFilter(WithPlace())
    handler.setFormatter(JsonLines())
    ours = logging.getLogger("antiphon")
    before = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    yield written
    ours.removeHandler(handler)
    ours.setLevel(before)


def test_what_fails_in_a_call_is_told_with_the_call_it_failed_in(lines: list[dict[str, Any]]):
    async def called(served: Any) -> tuple[str, str]:
        async with served.client() as client:
            ready = await client.configure()
            await client.create_reply()
            async for event in client:
                if isinstance(event, ReplyDone):
                    await client.end()
                    return ready.session_id, event.reply_id
        raise AssertionError("no reply")

    async def main() -> list[tuple[str, str]]:
        made = replace(stages(), llm=Down("", timing=LlmTiming.instant()))
        async with asyncio.timeout(30), serving(made=made) as served:
            return await asyncio.gather(called(served), called(served))

    calls = asyncio.run(main())
    blamed = {(line["session_id"], line["reply_id"]) for line in lines if "failed: Disconnected" in line["message"]}
    assert blamed == set(calls)


def test_a_line_about_no_call_names_none(lines: list[dict[str, Any]]):
    logging.getLogger("antiphon").info("begun")
    (line,) = lines
    assert sorted(line) == ["at", "level", "logger", "message"]


def test_the_traceback_is_in_the_line(lines: list[dict[str, Any]]):
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("antiphon").exception("failed")
    assert "ValueError: no" in lines[0]["error"]


def test_what_is_not_to_be_kept_is_in_no_line(lines: list[dict[str, Any]]):
    logs.enter("sess_1")
    logs.redact(lambda text: text.replace("4111", "[card]"))
    try:
        raise ValueError("4111")
    except ValueError:
        logging.getLogger("antiphon").exception("%s failed", "4111")
    logs._place.set(None)
    assert lines[0]["message"] == "[card] failed"
    assert "4111" not in json.dumps(lines) and "ValueError: [card]" in lines[0]["error"]
