"""Stored agents over REST."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from tests.server_api.serving import OTHER_KEY, serving

PIZZA = {"name": "Pizza", "system_prompt": "Take orders.", "voice": {"voice_id": "anna"}}
HTTP = {"url": "https://shop.example/order", "headers": [{"name": "X-Key", "value": "s3cret"}]}
MISSING = "agent_" + "0" * 32


def using(body: Callable[[httpx2.AsyncClient], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with serving() as served:
            return await body(served.rest)

    return asyncio.run(main())


async def create(rest: httpx2.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await rest.post("/agents", json={**PIZZA, **fields})
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def test_what_was_created_is_read_again():
    async def body(rest):
        created = await create(rest, greeting=None)
        assert (await rest.get(f"/agents/{created['id']}")).json() == created
        return created

    created = using(body)
    assert created["id"].startswith("agent_") and len(created["id"]) == len(MISSING)
    assert {name: created[name] for name in PIZZA} == PIZZA
    assert created["tools"] == created["llm"] == created["pre_connect_requests"] == []
    assert created["created_at"] == created["updated_at"]


def test_an_update_replaces_what_it_names_and_keeps_the_rest():
    async def body(rest):
        created = await create(rest, greeting="Hello!", tools=[{"name": "order"}])
        path = f"/agents/{created['id']}"
        changed = (await rest.put(path, json={"system_prompt": "Sell more.", "greeting": None})).json()
        assert (await rest.get(path)).json() == changed
        return created, changed

    created, changed = using(body)
    assert (changed["system_prompt"], changed["greeting"]) == ("Sell more.", None)
    assert {name: changed[name] for name in ("id", "name", "tools", "voice", "created_at")} == {
        name: created[name] for name in ("id", "name", "tools", "voice", "created_at")
    }
    assert changed["updated_at"] > created["updated_at"]


def test_a_deleted_agent_is_gone():
    async def body(rest):
        path = f"/agents/{(await create(rest))['id']}"
        answers = [
            await rest.delete(path),
            await rest.get(path),
            await rest.put(path, json={}),
            await rest.delete(path),
        ]
        assert [answer.status_code for answer in answers] == [204, 404, 404, 404]
        assert answers[1].json()["code"] == "agent_not_found"

    using(body)


def test_agents_are_listed_newest_first_in_pages():
    async def body(rest):
        ids = [(await create(rest, name=f"a{n}"))["id"] for n in range(5)]
        seen, cursor = [], ""
        while True:
            page = (await rest.get("/agents", params={"limit": 2, "cursor": cursor})).json()
            seen += page["agents"]
            cursor = page["response_metadata"]["next_cursor"]
            assert page["has_more"] == bool(cursor)
            if not cursor:
                break
        assert [item["id"] for item in seen] == ids[::-1]
        assert seen[0].keys() == {"id", "name", "created_at", "updated_at"}

    using(body)


def test_another_account_sees_nothing():
    async def body(rest):
        path = f"/agents/{(await create(rest))['id']}"
        rest.headers["Authorization"] = OTHER_KEY
        assert (await rest.get("/agents")).json()["agents"] == []
        statuses = [(await rest.request(m, path, json={})).status_code for m in ("GET", "PUT", "DELETE")]
        assert statuses == [404, 404, 404]

    using(body)


# --- secrets


def test_header_values_can_be_written_and_not_read():
    async def body(rest):
        created = await create(rest, tools=[{"name": "order", "http": HTTP}], llm=[LLM])
        text = (await rest.get(f"/agents/{created['id']}")).text
        assert "s3cret" not in text and "sk-1" not in text
        (header,) = created["tools"][0]["http"]["headers"]
        assert header.keys() == {"name", "last_set_at"}
        assert created["llm"] == [{"base_url": LLM["base_url"], "model": "m"}]

    using(body)


LLM = {"base_url": "https://llm.example/v1", "model": "m", "api_key": "sk-1"}


def kept_secrets(**update: Any) -> tuple[int, list[str]]:
    """The status of an update, and the header values that the store has after it."""

    async def main() -> tuple[int, list[str]]:
        async with serving() as served:
            created = await create(served.rest, tools=[{"name": "order", "http": HTTP}])
            answer = await served.rest.put(f"/agents/{created['id']}", json=update)
            document = await served.service.store.document("agent", created["id"])
            headers = json.loads(document.body)["tools"][0]["http"]["headers"]
            return answer.status_code, [header["value"] for header in headers]

    return asyncio.run(main())


def order(**http: Any) -> list[dict[str, Any]]:
    return [{"name": "order", "http": {"url": HTTP["url"], **http}}]


@pytest.mark.parametrize(
    ("update", "status", "values"),
    [
        ({"name": "Else"}, 200, ["s3cret"]),
        ({"tools": order()}, 200, ["s3cret"]),
        ({"tools": order(headers=[{"name": "x-key"}])}, 200, ["s3cret"]),
        ({"tools": order(headers=[{"name": "X-Key", "value": "new"}])}, 200, ["new"]),
        ({"tools": order(headers=[{"name": "X-Key", "remove": True}])}, 200, []),
        ({"tools": order(url="https://evil.example", headers=[{"name": "X-Key"}])}, 422, ["s3cret"]),
        ({"tools": order(url="https://evil.example")}, 200, []),
    ],
)
def test_a_secret_is_kept_by_name_for_the_same_host(update, status, values):
    assert kept_secrets(**update) == (status, values)


# --- refusals


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"name": None}, "name"),
        ({"voice": {}}, "voice.voice_id"),
        ({"voice": {"voice_id": ""}}, "voice.voice_id"),
        ({"tools": [{"name": "a"}, {"name": "a"}]}, "tools[1].name"),
        ({"tools": [{"name": "a", "timeout_seconds": 0}]}, "tools[0].timeout_seconds"),
        ({"tools": [{"name": "a", "parameters": {"properties": []}}]}, "tools[0].parameters.properties"),
        ({"tools": [{"name": "a", "http": {"url": "file:///etc/passwd"}}]}, "tools[0].http.url"),
        ({"tools": [{"name": "a", "http": {"url": "https://["}}]}, "tools[0].http.url"),
        ({"tools": [{"name": "a", "http": {"url": "https://a:b"}}]}, "tools[0].http.url"),
        ({"tools": [{"name": "a", "http": {"url": "https://x", "headers": [{"name": "a\nb", "value": ""}]}}]}, None),
        ({"input": {"turn_detection": {"vad_threshold": 2}}}, "input.turn_detection.vad_threshold"),
        ({"output": {"volume": 101}}, "output.volume"),
        ({"llm": [{"base_url": "https://x", "model": "m"}]}, "llm[0].api_key"),
        ({"llm": [LLM, LLM]}, "llm"),
        ({"pre_connect_requests": [{"url": "https://x"}] * 3}, "pre_connect_requests"),
        ({"caller_id": "555"}, "caller_id"),
    ],
)
def test_what_no_session_could_be_made_of(fields, param):
    async def body(rest):
        return await rest.post("/agents", json={**PIZZA, **fields})

    answer = using(body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert param is None or answer.json()["param"] == param
    assert answer.json()["errors"][0]["message"] == answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("PATCH", f"/agents/{MISSING}", 405, "method_not_allowed"),
        ("GET", f"/agents/{MISSING}", 404, "agent_not_found"),
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/agents?limit=0", 422, "validation_error"),
        ("GET", "/agents?limit=201", 422, "validation_error"),
        ("GET", "/agents?cursor=x", 422, "validation_error"),
        ("GET", "/agents?cursor=W251bGwsMV0=", 422, "validation_error"),
    ],
)
def test_the_envelope(method, path, status, code):
    async def body(rest):
        return await rest.request(method, path)

    answer = using(body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json().keys() == {"code", "message", "param", "request_id", "errors", "detail"}


SURROGATE = json.dumps({**PIZZA, "name": "\ud800"}).encode()  # half a character


@pytest.mark.parametrize("content", [b"x" * (2 << 20), b"[" * 100_000, b"\xff", SURROGATE, b"nan", b""])
def test_a_body_that_is_none(content):
    async def body(rest):
        return await rest.post("/agents", content=content, headers={"Content-Type": "application/json"})

    assert using(body).status_code in (400, 413, 422)


def test_voices():
    async def body(rest):
        return (await rest.get("/voices")).json()["voices"]

    assert {"voice_id": "anna", "name": "Anna"} in using(body)


def test_the_openapi_page_and_document():
    async def body(rest):
        root = str(rest.base_url).removesuffix("/v1/")
        page = await rest.get(f"{root}/docs")
        assert "openapi.json" in page.text and "https://" not in page.text
        return (await rest.get(f"{root}/openapi.json")).json()

    paths = using(body)["paths"]
    assert {"/v1/agents", "/v1/agents/{agent_id}", "/v1/token", "/v1/tokens", "/v1/sessions", "/v1/voices"} <= set(
        paths
    )
