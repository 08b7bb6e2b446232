"""HTTP tools, against a server on this machine."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from typing import Any

import pytest

from antiphon.errors import ConfigError
from antiphon.tools.base import ToolContext, ToolResult
from antiphon.tools.http import HIDDEN, HttpTool
from antiphon.types import ToolCall
from tests.tools.loopback import Loopback, Request, answer, serving

SECRET = "Bearer s3cr3t-t0ken"
CONTEXT = ToolContext(call_id="call_1", say=lambda text: None, end_call=lambda: None)


def run(
    respond: Any = lambda request: answer("ok"),
    *,
    arguments: Any = None,
    path: str = "/",
    call_id: str = "call_1",
    **options: Any,
) -> tuple[ToolResult, Loopback]:
    async def main() -> tuple[ToolResult, Loopback]:
        async with serving(respond) as server:
            tool = HttpTool("order", server.url + path, **{"allow_private": ["127.0.0.1"], **options})
            return await tool.run(ToolCall(call_id, "order", arguments or {}), CONTEXT), server

    return asyncio.run(main())


# --- the request --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_arguments_go_into_the_query(method):
    given = {"item": "cake & tea", "count": 2, "hot": True, "note": None, "tags": ["a", "b"]}
    _, server = run(arguments=given, path="/order?key=1", method=method)
    (request,) = server.requests
    assert request.method == method
    assert request.target == "/order?key=1&item=cake+%26+tea&count=2&hot=true&tags=a&tags=b"
    assert request.body == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("given", [{}, {"item": "crème", "to": {"street": "Via Appia"}}])
def test_arguments_go_into_the_body(method, given):
    _, server = run(arguments=given, path="/order?key=1", method=method)
    (request,) = server.requests
    assert (request.method, request.target) == (method, "/order?key=1")
    assert json.loads(request.body) == given
    assert request.headers["content-type"] == "application/json"


def test_headers_host_and_the_idempotency_key_are_sent():
    _, server = run(headers={"Authorization": SECRET, "X-Shop": "7"})
    headers = server.requests[0].headers
    assert headers["authorization"] == SECRET
    assert headers["x-shop"] == "7"
    assert headers["idempotency-key"] == "call_1"
    assert headers["host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("call_id", ["a\r\nX-Evil: 1", "ü", "", "x" * 300])
def test_any_call_id_makes_a_key(call_id):
    _, server = run(call_id=call_id)
    assert len(server.requests[0].headers["idempotency-key"]) == 64
    assert "x-evil" not in server.requests[0].headers


def test_the_host_stays_the_name_though_the_address_is_dialled():
    async def main() -> Request:
        async with serving(lambda request: answer()) as server:
            tool = HttpTool("order", f"http://localhost:{server.port}/", allow_private=["localhost"])
            await tool.run(ToolCall("1", "order", {}), CONTEXT)
            return server.requests[0]

    assert asyncio.run(main()).headers["host"].startswith("localhost:")


# --- the answer ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ['{"price": 12}', "[1, 2]", "null", "plain words", "", "ü"])
def test_the_answer_is_told_as_it_is(body):
    result, _ = run(lambda request: answer(body))
    assert result == ToolResult(body)


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oops", "401 Unauthorized"])
def test_a_failure_is_told_with_its_reason(status):
    result, _ = run(lambda request: answer("no such cake", status=status))
    assert result == ToolResult(f"it answered {status[:3]}: no such cake", is_error=True)


def test_a_huge_answer_is_cut_and_not_read_to_its_end():
    result, server = run(lambda request: answer(b"x" * 50_000_000), max_bytes=1_000)
    assert result.text == "x" * 1_000 + "… (cut: the answer is longer)"
    assert server.sent < 20_000_000


def test_a_letter_that_the_cap_cuts_is_left_out():
    result, _ = run(lambda request: answer("üüü"), max_bytes=3)
    assert result.text.startswith("ü…")


def test_a_bomb_is_not_unpacked():
    result, _ = run(lambda request: answer(gzip.compress(b"0" * 10_000_000), Content_Encoding="gzip"))
    assert result.is_error
    assert "encoding" in result.text


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "klingon"])
def test_any_charset_is_read(charset):
    result, _ = run(lambda request: answer(b"caf\xe9", Content_Type=f"text/plain; charset={charset}"))
    assert result.text in ("café", "caf\ufffd")


def test_a_redirect_is_not_followed():
    result, server = run(lambda request: answer(status="302 Found", Location="/elsewhere"))
    assert result.is_error
    assert "redirects are not followed" in result.text
    assert len(server.requests) == 1


def test_a_server_that_does_not_answer_is_told():
    result, _ = run(lambda request: None, timeout=0.2)
    assert result == ToolResult("it did not answer within 0.2 s. Its outcome is unknown.", is_error=True)


@pytest.mark.parametrize(
    "data", [b"", b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"]
)
def test_a_server_that_speaks_nonsense_is_told(data):
    result, _ = run(lambda request: data)
    assert result.is_error
    assert "could not be reached" in result.text


def test_nobody_there_is_told():
    async def main() -> ToolResult:
        async with serving(lambda request: None) as server:
            port = server.port
        tool = HttpTool("order", f"http://127.0.0.1:{port}/", allow_private=["127.0.0.1"])
        return await tool.run(ToolCall("1", "order", {}), CONTEXT)

    assert "could not be reached" in asyncio.run(main()).text


# --- what must not be -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001", "localhost", "localhost."),
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "0.0.0.0", "0", "127。0。0。1"),
    ],
)
def test_this_machine_is_out_of_reach(host):
    async def main() -> tuple[ToolResult, Loopback]:
        async with serving(lambda request: answer("secret")) as server:
            tool = HttpTool("order", f"http://{host}:{server.port}/", allow_http=True)
            return await tool.run(ToolCall("1", "order", {}), CONTEXT), server

    result, server = asyncio.run(main())
    assert result.is_error
    assert "secret" not in result.text
    assert not server.requests


class Rebinding(asyncio.SelectorEventLoop):
    """A resolver that says something else each time it is asked."""

    answers = ("127.0.0.1", "127.0.0.2")
    asked = 0

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        if host == "rebind.example":
            self.asked += 1
            return [(2, 1, 6, "", (self.answers[min(self.asked - 1, 1)], port))]
        return await super().getaddrinfo(host, port, **options)


def test_the_address_that_was_checked_is_the_one_that_is_dialled():
    """127.0.0.1 is allowed, what the name stands for a moment later is not, and is never asked for."""

    async def main() -> tuple[ToolResult, Loopback]:
        async with serving(lambda request: answer("ok")) as server:
            tool = HttpTool(
                "order", f"http://rebind.example:{server.port}/", allow_private=["127.0.0.1"], allow_http=True
            )
            return await tool.run(ToolCall("1", "order", {}), CONTEXT), server

    with asyncio.Runner(loop_factory=Rebinding) as runner:
        result, server = runner.run(main())
        assert runner.get_loop().asked == 1  # type: ignore[attr-defined]
    assert result == ToolResult("ok")
    assert server.requests[0].headers["host"].startswith("rebind.example:")


def test_secrets_are_neither_logged_nor_shown_nor_told(caplog):
    def echo(request: Request) -> bytes:
        return answer({"headers": request.headers}, status="400 Bad Request")

    with caplog.at_level(logging.DEBUG):
        result, server = run(echo, headers={"Authorization": SECRET})
    assert server.requests[0].headers["authorization"] == SECRET
    assert "s3cr3t" not in result.text
    assert HIDDEN in result.text
    assert "s3cr3t" not in caplog.text


def test_a_secret_at_the_cut_is_not_told_in_half():
    result, _ = run(lambda request: answer("x" * 95 + SECRET), headers={"Authorization": SECRET}, max_bytes=100)
    assert "s3c" not in result.text


def test_a_tool_does_not_print_its_secrets():
    tool = HttpTool("order", "https://shop.example/order", headers={"Authorization": SECRET})
    assert "s3cr3t" not in repr(tool)
    assert "authorization" in repr(tool)


def test_no_proxy_of_the_environment_is_asked(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert run()[0] == ToolResult("ok")


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("http://shop.example/", {}),
        ("https://0177.0.0.1/", {}),
        ("ftp://shop.example/", {}),
        ("file:///etc/passwd", {}),
        ("https:///order", {}),
        ("shop.example", {}),
        ("https://user:pw@shop.example/", {}),
        ("https://shop.example/" + "x" * 2048, {}),
        ("https://shop.example/", {"method": "TRACE"}),
        ("https://shop.example/", {"headers": {"Host": "x"}}),
        ("https://shop.example/", {"headers": {"X-A": "1\r\nX-B: 2"}}),
        ("https://shop.example/", {"headers": {"X A": "1"}}),
        ("https://shop.example/", {"headers": {"Idempotency-Key": "1"}}),
        ("https://shop.example/", {"allow_private": ["10.0.0.1/8"]}),
    ],
)
def test_what_cannot_be_sent_is_refused_when_it_is_made(url, options):
    with pytest.raises(ConfigError):
        HttpTool("order", url, **options)


@pytest.mark.parametrize(("method", "idempotent"), [("GET", True), ("POST", False), ("DELETE", False)])
def test_only_reading_is_repeated_unasked(method, idempotent):
    assert HttpTool("order", "https://shop.example/", method=method).spec.idempotent is idempotent
