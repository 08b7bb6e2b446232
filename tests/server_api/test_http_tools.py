"""A stored agent's HTTP tools are run by the server: nobody else hears of a call."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from antiphon.lab.scripted import LlmTiming, ScriptedLlm
from antiphon.server.http_tools import http_tools
from antiphon.tools.base import ToolContext, ToolResult
from antiphon.types import ToolCall
from tests.tools.loopback import answer, serving

CONTEXT = ToolContext(call_id="call_1", say=lambda text: None, end_call=lambda: None)


def record(url: str, **tool: Any) -> dict[str, Any]:
    http = {"url": url, "http_method": "POST", "headers": [{"name": "X-Key", "value": "s3cret", "last_set_at": 1.0}]}
    return {"id": "agent_1", "tools": [{"name": "order", "http": http, **tool}, {"name": "of the client's"}]}


def test_a_record_becomes_tools():
    async def main() -> ToolResult:
        async with serving(lambda request: answer(request.headers["x-key"][::-1])) as server:
            (tool,) = http_tools(record(server.url, timeout_seconds=7), allow_private=["127.0.0.1"])
            assert (tool.spec.name, tool.spec.timeout, tool.spec.idempotent) == ("order", 7, False)
            return await tool.run(ToolCall("call_1", "order", {}), CONTEXT)

    assert asyncio.run(main()) == ToolResult("terc3s")


def test_what_cannot_be_called_is_left_out(caplog):
    assert http_tools(record("http://shop.example/")) == ()
    assert "agent_1" in caplog.text and "s3cret" not in caplog.text


def test_private_addresses_are_for_operators_to_allow():
    (tool,) = http_tools(record("https://127.0.0.1/"))
    assert "not one that tools may reach" in asyncio.run(tool.run(ToolCall("1", "order", {}), CONTEXT)).text


def test_the_client_of_a_bound_agent_is_not_asked():
    from tests.server_api.serving import serving as server
    from tests.server_api.serving import stages
    from tests.server_api.test_agents import create

    def model(request: Any) -> Any:
        told = [message.text for message in request.messages if message.role == "tool"]
        return "there" if told else [ToolCall("call_1", "order", {"item": "cake"})]

    made = replace(stages(), llm=ScriptedLlm(model, timing=LlmTiming.instant()))

    async def main() -> tuple[list[str], Any]:
        async with asyncio.timeout(30), server(made=made) as served:
            http = {"url": "https://127.0.0.1/order", "headers": []}
            agent = await create(served.rest, tools=[{"name": "order", "http": http}])
            seen = []
            async with served.client() as client:
                await client.configure(agent_id=agent["id"])
                await client.create_reply()
                async for event in client:
                    seen.append(type(event).__name__)
                    if seen[-1] == "ReplyDone" and seen.count("ReplyDone") == 2:
                        await client.end()
            return seen, made.llm

    seen, llm = asyncio.run(main())
    assert "ToolCall" not in seen
    assert "not one that tools may reach" in json.dumps([m.text for m in llm.requests[-1].messages])
