"""No request makes the REST API fail: whatever is sent, the answer is no 5xx, and a refusal is in the envelope."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon.server.rest.app import create_api
from antiphon.server.service import ServerOptions, Service
from tests.server_api.serving import KEY, KEYS
from tests.server_api.test_agents import HTTP, LLM, PIZZA

AGENT = {
    **PIZZA,
    "greeting": "Hi!",
    "input": {"turn_detection": {"vad_threshold": 0.5}, "keyterms": ["pizza"]},
    "output": {"volume": 50, "format": {"encoding": "audio/pcmu"}},
    "tools": [{"name": "order", "parameters": {"type": "object", "properties": {}}, "http": HTTP}],
    "pre_connect_requests": [{"url": "https://shop.example", "headers": [{"name": "a", "value": "b"}]}],
    "llm": [LLM],
    "caller_id": "+4930123456",
}
HOOK = {"url": "https://shop.example/hook", "events": ["session.started"], "secret": "s" * 32}
PLACES = [
    ("POST", "/v1/agents", AGENT),
    ("PUT", "/v1/agents/{agent}", AGENT),
    ("POST", "/v1/webhook-subscriptions", HOOK),
    ("PUT", "/v1/webhook-subscriptions/{hook}", HOOK),
    ("POST", "/v1/tokens", {"expires_in_seconds": 60}),
]
LISTS = ["/v1/agents", "/v1/sessions", "/v1/webhook-subscriptions", "/v1/token", "/v1/voices"]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def nearly(draw: st.DrawFn, good: Any) -> Any:
    """`good` with a few of its parts replaced, left out or added to: what passes the first checks, and not the last."""
    if draw(st.integers(0, 9)) == 0:
        return draw(anything)
    if isinstance(good, str) and draw(st.integers(0, 9)) == 0:  # "https://[", "https://a:b", "audio/\\n"
        return good[: draw(st.integers(0, 12))] + draw(st.text("[]:/@#?% .\nx1\u212a\ud800", max_size=8))
    if isinstance(good, dict):
        kept = {name: draw(nearly(value)) for name, value in good.items() if draw(st.integers(0, 9))}
        return kept | (draw(st.dictionaries(st.text(max_size=8), anything, max_size=2)) if draw(st.booleans()) else {})
    if isinstance(good, list):
        return [draw(nearly(item)) for item in good] * draw(st.sampled_from([1, 1, 1, 0, 2, 3]))
    return good


def answers(requests: list[dict[str, Any]]) -> list[httpx2.Response]:
    """What a fresh server answers, which has one agent and one subscription to begin with."""

    async def main() -> list[httpx2.Response]:
        service = Service(ServerOptions(keys=KEYS))
        await service.open()
        transport = httpx2.ASGITransport(app=create_api(service), raise_app_exceptions=False)
        headers = {"Authorization": KEY, "Content-Type": "application/json"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
            agent = (await client.post("/v1/agents", json=AGENT)).json()["id"]
            hook = (await client.post("/v1/webhook-subscriptions", json=HOOK)).json()["id"]
            done = []
            for request in requests:
                url = request["url"].replace("{agent}", agent).replace("{hook}", hook)
                done.append(await client.request(**{**request, "url": url}))
            done.append(await client.get(f"/v1/agents/{agent}"))  # whatever was stored can be read
            done.append(await client.get("/v1/agents"))
            done.append(await client.get("/v1/webhook-subscriptions"))
        await service.aclose()
        return done

    return asyncio.run(main())


def check(requests: list[dict[str, Any]]) -> None:
    for answer in answers(requests):
        assert answer.status_code < 500, (answer.request.url, answer.request.content, answer.text)
        if answer.status_code >= 400:
            assert answer.json().keys() == {"code", "message", "param", "request_id", "errors", "detail"}


def body_of(value: Any) -> bytes:
    """JSON as Python writes it: NaN, infinities and halves of characters included."""
    return json.dumps(value).encode()


bodies = st.sampled_from(PLACES).flatmap(
    lambda place: st.builds(
        dict, method=st.just(place[0]), url=st.just(place[1]), content=nearly(place[2]).map(body_of) | st.binary()
    )
)
PARAMETERS = ["limit", "cursor", "status", "agent_id", "expires_in_seconds", "max_session_duration_seconds"]
queries = st.builds(
    dict,
    method=st.just("GET"),
    url=st.sampled_from(LISTS),
    params=st.dictionaries(
        st.sampled_from(
            ["limit", "cursor", "status", "agent_id", "expires_in_seconds", "max_session_duration_seconds"]
        ),
        st.text(st.characters(codec="utf-8"), max_size=30) | st.integers().map(str),
    ),
)
paths = st.builds(
    lambda method, start, rest: {"method": method, "url": f"{start}/{httpx2.QueryParams({'x': rest})}"},
    st.sampled_from(["GET", "PUT", "DELETE", "PATCH", "POST"]),
    st.sampled_from([*LISTS, "/v1", "/v1/sessions/s/artifacts"]),
    st.text(st.characters(codec="utf-8"), max_size=30),
)
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(SLOW, max_examples=60)
@given(st.lists(bodies | queries | paths, min_size=1, max_size=8))
def test_whatever_is_sent(requests):
    check(requests)


@pytest.mark.soak
@settings(SLOW, max_examples=2_000)
@given(st.lists(bodies | queries | paths, min_size=1, max_size=8))
def test_whatever_is_sent_for_long(requests):
    check(requests)
