"""What an agent asks before a session begins: bounded, guarded, and never in the way."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from antiphon.server.pre_connect import ContextTool, Findings, ask
from antiphon.tools.base import ToolContext
from antiphon.types import ToolCall
from tests.tools.loopback import Loopback, Request, answer, serving

FACTS = {"session_id": "sess_1", "agent_id": "agent_1", "direction": "inbound", "caller_number": None}
HEADERS = [{"name": "X-Key", "value": "s3cret-of-theirs", "last_set_at": 1.0}]


def request(server: Loopback, **fields: Any) -> dict[str, Any]:
    defaults = {"http_method": "POST", "headers": HEADERS, "sends": [], "returns": [], "allow_overrides": []}
    return {"url": f"{server.url}/who", **defaults, **fields}


def asked(
    respond: Any, *requests: dict[str, Any], allow: tuple[str, ...] = ("127.0.0.1",)
) -> tuple[Findings, list[Request]]:
    async def main() -> tuple[Findings, list[Request]]:
        async with serving(respond) as server:
            record = {"id": "agent_1", "pre_connect_requests": [request(server, **fields) for fields in requests]}
            return await ask(record, FACTS, allow_private=allow), server.requests

    return asyncio.run(main())


def wanted(**paths: str) -> dict[str, Any]:
    return {"returns": [{"name": name, "path": path, "default": "unknown"} for name, path in paths.items()]}


def test_what_is_wanted_is_found_by_its_path():
    body = {"customer": {"name": "Ada", "orders": [{"id": 7}, {"id": 8}], "vip": False}}
    found, _ = asked(
        lambda request: answer(body),
        wanted(name="customer.name", last="customer.orders[1].id", vip="$.customer.vip", age="customer.age", x="a[0]"),
    )
    assert found.values == {"name": "Ada", "last": 8, "vip": False, "age": "unknown", "x": "unknown"}
    assert (found.greeting, found.rejected) == (None, False)


def test_facts_of_the_call_are_sent_and_its_secrets_in_headers():
    _, (made,) = asked(lambda request: answer({}), {"sends": ["session_id", "caller_number"]})
    assert (made.method, json.loads(made.body)) == ("POST", {"session_id": "sess_1", "caller_number": None})
    assert made.headers["x-key"] == "s3cret-of-theirs"
    _, (made,) = asked(lambda request: answer({}), {"http_method": "GET", "sends": ["agent_id"]})
    assert made.target == "/who?agent_id=agent_1"


def test_a_greeting_is_replaced_where_that_is_allowed():
    body = {"greeting": "Good morning, Ada."}
    assert asked(lambda request: answer(body), {"allow_overrides": ["greeting"]})[0].greeting == "Good morning, Ada."
    assert asked(lambda request: answer({"overrides": body}), {"allow_overrides": ["greeting"]})[0].greeting
    assert asked(lambda request: answer(body), {})[0].greeting is None


def test_a_call_may_be_rejected():
    assert asked(lambda request: answer({"reject": True}), {})[0].rejected
    assert not asked(lambda request: answer({"reject": "no"}), {})[0].rejected


@pytest.mark.parametrize(
    "response",
    [
        answer({"name": "Ada"}, status="500 Oh no"),
        answer("<html>"),
        answer("[" * 5_000),
        answer([1]),
        answer({"name": "A" * 9_000}),
        answer(b"", status="302 Found", Location="https://example.com"),
        None,
    ],
    ids=["error", "no JSON", "deep", "a list", "long", "redirect", "never"],
)
def test_whatever_goes_wrong_the_session_begins_with_the_defaults(response: bytes | None, caplog: Any):
    found, _ = asked(lambda request: response, wanted(name="name"))
    assert found == Findings({"name": "unknown"})
    assert "s3cret" not in caplog.text


def test_private_addresses_are_for_operators_to_allow():
    found, requests = asked(lambda request: answer({"name": "Ada"}), wanted(name="name"), allow=())
    assert (found.values, requests) == ({"name": "unknown"}, [])


def test_two_requests_are_made_at_the_same_time_and_neither_waits_for_the_other():
    def respond(request: Request) -> bytes | None:
        return answer({"name": "Ada"}) if request.method == "POST" else None

    found, requests = asked(respond, wanted(name="name"), {**wanted(other="name"), "http_method": "GET"})
    assert found.values == {"name": "Ada", "other": "unknown"}
    assert len(requests) == 2


def test_the_model_reads_what_was_found_out():
    tool = ContextTool({"name": "Ada", "vip": True})
    context = ToolContext(call_id="c", say=lambda text: None, end_call=lambda: None)
    assert "name, vip" in tool.spec.description
    assert json.loads(asyncio.run(tool.run(ToolCall("c", tool.spec.name, {}), context)).text) == {
        "name": "Ada",
        "vip": True,
    }
