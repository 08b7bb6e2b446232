"""Keys, tokens and origins, without a server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from antiphon.errors import ConfigError, ProtocolError
from antiphon.server import tokens
from antiphon.server.auth import Doorkeeper, is_loopback
from antiphon.server.keys import ApiKey, Keys
from antiphon.server.stores.memory import MemoryStore

WEB = "web-key-0123456789abcdef"
PHONE = "phone-key-0123456789abcdef"


def keys(*pairs: tuple[str, str]) -> Keys:
    return Keys(ApiKey.of(name, key) for name, key in pairs or [("shop/web", WEB), ("shop/phone", PHONE)])


def connection(query: str = "", **headers: str) -> HTTPConnection:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "websocket", "headers": raw, "query_string": query.encode()})


def doorkeeper(*pairs: tuple[str, str], **options: Any) -> Doorkeeper:
    return Doorkeeper(keys(*pairs), MemoryStore(), **{"now": lambda: 1000.0, **options})


def admitted(keeper: Doorkeeper, *arguments: str, **headers: str) -> str:
    """The name that a connection is admitted under; empty when it is not."""
    try:
        return asyncio.run(keeper.admit(connection(*arguments, **headers))).key_name
    except ProtocolError as error:
        assert (error.code, error.fatal) == ("unauthorized", True)
        return ""


@pytest.mark.parametrize("shown", [WEB, f"Bearer {WEB}", f"bearer  {WEB}"])
def test_a_key_in_the_header(shown):
    assert admitted(doorkeeper(), authorization=shown) == "shop/web"


def test_a_key_in_the_query():
    assert admitted(doorkeeper(), f"token={PHONE}") == "shop/phone"


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer ", WEB[:-1], WEB + "x", "é" * 20, "Basic abc", "a.b.c", "\udcff"]
)
def test_what_is_no_key_of_ours(shown):
    assert admitted(doorkeeper(), authorization=shown.encode(errors="surrogateescape").decode("latin-1")) == ""


def test_a_wrong_header_does_not_hide_a_right_query():
    assert admitted(doorkeeper(), f"token={WEB}", authorization="Basic abc") == "shop/web"


def test_keys_of_one_name_replace_each_other_without_a_gap():
    keeper = doorkeeper(("web", WEB), ("web", PHONE))
    assert admitted(keeper, authorization=WEB) == admitted(keeper, authorization=PHONE) == "web"


# --- where keys come from


def test_keys_of_a_file_and_the_environment(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"# ours\nshop/web: {WEB}  # the site\n\nshop/phone: '{PHONE}'\n")
    found = Keys.load(path, environment=f"other: {WEB}2, {PHONE}3")
    names = [found.find(key) and found.find(key).name for key in (WEB, PHONE, WEB + "2", PHONE + "3", "else")]
    assert names == ["shop/web", "shop/phone", "other", "default", None]


def test_no_key_at_all():
    assert len(Keys.load(environment="")) == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [("web: short", "16 characters"), (f"a b: {WEB}", "'a b'"), (f"a/b/c: {WEB}", "'a/b/c'"), ("# none", "no API key")],
)
def test_keys_that_cannot_be_used(tmp_path, text, says):
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        Keys.load(path)


def test_a_key_is_not_in_what_is_printed():
    key = ApiKey.of("web", WEB)
    assert WEB not in repr(key) + repr(keys())


# --- tokens


def token(keeper: Doorkeeper, key: str = WEB, *, expires_at: float = 1060.0, **claims: Any) -> str:
    found = keeper.keys.find(key)
    assert found
    return tokens.issue(found, expires_at=expires_at, **claims)


@pytest.mark.parametrize("place", ["header", "query"])
def test_a_token_opens_one_session(place):
    keeper = doorkeeper()
    made = token(keeper)
    use = {"authorization": f"Bearer {made}"} if place == "header" else {}
    query = "" if place == "header" else f"token={made}"
    assert [admitted(keeper, query, **use) for _ in range(3)] == ["shop/web", "", ""]


def test_tokens_may_be_made_to_last():
    keeper = doorkeeper(reuse_tokens=True)
    made = token(keeper)
    assert [admitted(keeper, f"token={made}") for _ in range(2)] == ["shop/web"] * 2


def test_a_token_carries_its_limits():
    keeper = doorkeeper()
    made = token(keeper, max_duration=60)
    principal = asyncio.run(keeper.admit(connection(f"token={made}")))
    assert (principal.account, principal.max_duration, principal.resumes) == ("shop", 60, None)


def test_a_token_for_a_resume_names_its_session_and_is_not_used_up():
    keeper = doorkeeper()
    made = token(keeper, use="resume", session_id="sess_1")
    for _ in range(2):
        principal = asyncio.run(keeper.admit(connection(authorization=f"Bearer {made}")))
        assert principal.resumes == "sess_1"


def test_a_token_expires():
    keeper = doorkeeper()
    assert admitted(keeper, f"token={token(keeper, expires_at=1000.0)}") == ""


def test_a_token_dies_with_its_key():
    made = token(doorkeeper())
    assert admitted(doorkeeper(("shop/phone", PHONE)), f"token={made}") == ""


def test_a_token_that_was_changed_is_refused():
    keeper = doorkeeper()
    head, body, signature = token(keeper).split(".")
    other = token(keeper, max_duration=10_800).split(".")[1]
    for forged in (
        f"{head}.{other}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{body}.{signature}" + "A" * 5000,
    ):
        assert admitted(keeper, f"token={forged}") == ""


def test_a_token_without_a_signature_is_refused():
    import jwt

    keeper = doorkeeper()
    key = keeper.keys.find(WEB)
    claims = {"aud": "antiphon", "jti": "x", "exp": 2000, "use": "session"}
    assert admitted(keeper, f"token={jwt.encode(claims, None, 'none', headers={'kid': key.id})}") == ""


# --- origins


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("https://shop.example", True), ("https://SHOP.example", True), ("https://evil.example", False), ("null", False)],
)
def test_only_the_pages_that_are_allowed(origin, allowed):
    keeper = doorkeeper(origins=["https://shop.example/"])
    assert bool(admitted(keeper, authorization=WEB, origin=origin)) is allowed


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://localhost:3000", "localhost:8000", True),
        ("http://127.0.0.1", "127.0.0.1:8000", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://192.168.1.5:8000", "192.168.1.5:8000", True),
        ("https://evil.example", "localhost:8000", False),
        ("http://evil.example:8000", "evil.example:8000", False),  # a name made to point here
        ("null", "localhost:8000", False),
        ("http://[", "localhost:8000", False),
    ],
)
def test_a_server_without_keys_is_not_open_to_every_page(origin, host, allowed):
    keeper = Doorkeeper(Keys(), MemoryStore())
    assert bool(admitted(keeper, origin=origin, host=host)) is allowed


def test_a_server_without_keys_serves_programs():
    assert admitted(Doorkeeper(Keys(), MemoryStore()), authorization="anything") == "local"


@pytest.mark.parametrize("origin", ["shop.example", "ftp://shop.example", "https://shop.example/page", "https://"])
def test_what_is_no_origin(origin):
    with pytest.raises(ConfigError, match="no origin"):
        doorkeeper(origins=[origin])


@pytest.mark.parametrize(("host", "local"), [("127.0.0.2", True), ("::1", True), ("0.0.0.0", False), ("box", False)])
def test_loopback(host, local):
    assert is_loopback(host) is local
