"""The two ways to ask for a temporary token."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

import httpx2
import pytest

from antiphon.server.keys import Keys
from tests.server_api.serving import KEY, serving


def ask(method: str, path: str, *, key: str | None = KEY, keys: Keys | None = None, **options) -> httpx2.Response:
    async def main() -> httpx2.Response:
        async with serving(**({"keys": keys} if keys is not None else {})) as served:
            if key is None:
                del served.rest.headers["Authorization"]
            else:
                served.rest.headers["Authorization"] = key
            return await served.rest.request(method, path, **options)

    return asyncio.run(main())


@pytest.mark.parametrize("key", [KEY, f"Bearer {KEY}"])
def test_a_token_as_the_older_clients_ask(key):
    answer = ask("GET", "/token", key=key, params={"expires_in_seconds": 60, "product": "voice-agent"})
    assert answer.status_code == 200
    assert answer.json() == {"token": answer.json()["token"], "expires_in_seconds": 60}


@pytest.mark.parametrize("body", [None, {}, {"expires_in_seconds": 60}])
def test_a_token_as_the_newer_clients_ask(body):
    answer = ask("POST", "/tokens", json=body) if body is not None else ask("POST", "/tokens")
    assert answer.status_code == 200
    expires_at = datetime.fromisoformat(answer.json()["expires_at"]).timestamp()
    assert 50 < expires_at - time.time() <= 61


@pytest.mark.parametrize(
    ("params", "place", "kind"),
    [
        ({}, "expires_in_seconds", "missing"),
        ({"expires_in_seconds": "0"}, "expires_in_seconds", "greater_than_equal"),
        ({"expires_in_seconds": "601"}, "expires_in_seconds", "less_than_equal"),
        ({"expires_in_seconds": "x"}, "expires_in_seconds", "int_parsing"),
        (
            {"expires_in_seconds": "9", "max_session_duration_seconds": "59"},
            "max_session_duration_seconds",
            "greater_than_equal",
        ),
        (
            {"expires_in_seconds": "9", "max_session_duration_seconds": "10801"},
            "max_session_duration_seconds",
            "less_than_equal",
        ),
    ],
)
def test_a_parameter_out_of_range_is_told_as_the_hosted_service_does(params, place, kind):
    answer = ask("GET", "/token", params=params)
    assert answer.status_code == 422
    (detail,) = answer.json()["detail"]
    assert (detail["type"], detail["loc"]) == (kind, ["query", place])
    assert answer.json()["code"] == "validation_error"
    assert answer.json()["param"] == place


def test_the_bound_is_told():
    (detail,) = ask("GET", "/token", params={"expires_in_seconds": "0"}).json()["detail"]
    assert (detail["input"], detail["ctx"]) == ("0", {"ge": 1})


def test_without_a_key_the_older_way_misses_a_header():
    answer = ask("GET", "/token", key=None, params={"expires_in_seconds": 60})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["header", "authorization"]


def test_a_wrong_key_the_older_way():
    answer = ask("GET", "/token", key="wrong", params={"expires_in_seconds": 60})
    assert (answer.status_code, answer.json()["detail"]) == (404, "Invalid API key")


@pytest.mark.parametrize(("key", "code"), [(None, "missing_authorization"), ("Bearer wrong", "unauthorized")])
def test_a_wrong_key_the_newer_way(key, code):
    answer = ask("POST", "/tokens", key=key)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.json()["request_id"].startswith("req_")


def test_a_token_makes_no_tokens():
    token = ask("POST", "/tokens").json()["token"]
    assert ask("POST", "/tokens", key=f"Bearer {token}").status_code == 401


def test_a_server_without_keys_gives_tokens_to_anyone():
    assert ask("GET", "/token", key=None, keys=Keys(), params={"expires_in_seconds": 60}).status_code == 200


def test_a_page_of_elsewhere_gets_none_from_a_server_without_keys():
    answer = ask("POST", "/tokens", key=None, keys=Keys(), headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
