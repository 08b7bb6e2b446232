"""What a stored agent asks of its owner's systems before a session begins: who is calling, and may they?

At most two requests, at the same time, each with 800 ms: a caller is waiting. Whatever goes wrong with one, the session
begins without it. What they return reaches the model through a tool of its own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from antiphon.errors import ConfigError
from antiphon.tools.base import ToolContext, ToolResult, as_text
from antiphon.tools.http import HttpTool
from antiphon.types import ToolCall, ToolSpec

log = logging.getLogger("antiphon.server")

TIMEOUT = 0.8  # seconds a request may take
CONTEXT_TOOL = "aai_pre_connect_context"


@dataclass(frozen=True, slots=True)
class Findings:
    values: dict[str, Any] = field(default_factory=dict)  # by the names the agent gives them
    greeting: str | None = None  # to be used in place of the agent's
    rejected: bool = False  # the call is not to be taken


async def ask(record: dict[str, Any], facts: Mapping[str, Any], *, allow_private: Iterable[str] = ()) -> Findings:
    """Makes the pre-connect requests of an agent's record (see agents.py). `facts` are those of the call that they may
    send, by their names. Raises nothing."""
    requests, allow_private = record.get("pre_connect_requests") or [], tuple(allow_private)
    answers = await asyncio.gather(*(_ask(request, facts, allow_private) for request in requests))
    values: dict[str, Any] = {}
    greeting = None
    for request, answer in zip(requests, answers, strict=True):
        for wanted in request["returns"]:
            values[wanted["name"]] = _found(answer, wanted["path"], wanted.get("default"))
        if "greeting" in request["allow_overrides"] and isinstance(answer, dict):
            greeting = _greeting(answer) or greeting
    return Findings(
        values, greeting, any(isinstance(answer, dict) and answer.get("reject") is True for answer in answers)
    )


async def _ask(request: dict[str, Any], facts: Mapping[str, Any], allow_private: tuple[str, ...]) -> Any:
    """The answer's JSON; None where there is none."""
    timeout = (request.get("timeout_ms") or TIMEOUT * 1000) / 1000
    try:
        tool = HttpTool(
            "pre_connect",
            request["url"],
            method=request["http_method"],
            headers={header["name"]: header["value"] for header in request.get("headers") or ()},
            timeout=min(timeout, TIMEOUT),
            allow_private=allow_private,
        )
        sent = {name: facts.get(name) for name in request["sends"]}
        result = await tool.send(ToolCall(str(facts.get("session_id", "")), "pre_connect", sent))
        if not result.is_error:
            return json.loads(result.text)
        log.warning("the pre-connect request to %s failed", tool.url.host)
        log.debug("pre-connect request: %s", result.text[:200])
    except ConfigError as error:
        log.warning("pre-connect request: %s", error)
    except (ValueError, RecursionError):
        log.warning("pre-connect request: the answer is no JSON, or longer than 8 KiB")
    return None


def _found(answer: Any, path: str, default: Any) -> Any:
    """What is at a path like "customer.orders[0].id"; `default` where there is nothing."""
    for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path.removeprefix("$")):
        if key and isinstance(answer, dict):
            answer = answer.get(key)
        elif index and isinstance(answer, list) and int(index) < len(answer):
            answer = answer[int(index)]
        else:
            return default
    return default if answer is None else answer


def _greeting(answer: dict[str, Any]) -> str | None:
    overrides = answer.get("overrides")
    given = overrides.get("greeting") if isinstance(overrides, dict) else answer.get("greeting")
    return given if isinstance(given, str) and given.strip() else None


@dataclass(frozen=True, slots=True)
class ContextTool:
    """What was found out before the session, for the model to look at."""

    values: dict[str, Any]

    @property
    def spec(self) -> ToolSpec:
        names = ", ".join(self.values)
        return ToolSpec(
            CONTEXT_TOOL,
            description=f"What is known of this call and its caller: {names}. Look here before you ask for any of it.",
            parameters={"type": "object", "properties": {}},
            timeout=5.0,
            idempotent=True,
        )

    async def run(self, call: ToolCall, context: ToolContext) -> ToolResult:
        return ToolResult(as_text(self.values))
