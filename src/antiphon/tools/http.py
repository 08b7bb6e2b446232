"""HTTP endpoints as tools: one request a call, to public addresses only, with no redirects and a bounded answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import ssl
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal

import httpx2

from antiphon.errors import ConfigError
from antiphon.tools.addresses import AddressPolicy, Forbidden
from antiphon.tools.base import RESULT_LIMIT, ToolContext, ToolResult, timed_out
from antiphon.tools.function import checked_name
from antiphon.types import ToolCall, ToolSpec

log = logging.getLogger("antiphon.tools")

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MAX_URL = 2048  # characters
CONNECT_TIMEOUT = 5.0  # seconds
HIDDEN = "[hidden]"
_OURS = {"host", "content-length", "transfer-encoding", "connection", "idempotency-key", "accept-encoding"}
_TOKEN = set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")  # of a header's name (RFC 9110, 5.6.2)


class HttpTool:
    """A tool that is a request. Arguments go into the query for GET and DELETE, else into a JSON body.

    `headers` are never shown: not in logs, not by `repr`, and not to the model should the endpoint echo them. Each call
    carries its `call_id` as `Idempotency-Key`. `timeout` in seconds, of the whole call; `max_bytes` of the answer, more
    is cut. `allow_private` as in AddressPolicy; plain http is taken for hosts in it, or where `allow_http` says so.
    `idempotent`: it may be run again when its outcome is not known; None: if it is a GET. `on_success` and `on_error`
    tell the model how to speak of the result, or of the failure.
    Raises ConfigError for anything that cannot be sent.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        description: str = "",
        parameters: Mapping[str, Any] | None = None,
        method: Method = "POST",
        headers: Mapping[str, str] | None = None,
        timeout: float = 120.0,
        hold: bool = False,
        idempotent: bool | None = None,
        max_bytes: int = RESULT_LIMIT,
        allow_private: Iterable[str] = (),
        allow_http: bool = False,
        on_success: str = "",
        on_error: str = "",
    ) -> None:
        if method not in METHODS:
            raise ConfigError(f"tool {name!r}: method must be one of {', '.join(METHODS)}, not {method!r}")
        self.spec = ToolSpec(
            name=checked_name(name),
            description=description,
            parameters=dict(parameters or {"type": "object", "properties": {}}),
            hold=hold,
            timeout=timeout,
            idempotent=method == "GET" if idempotent is None else idempotent,
            on_success=on_success,
            on_error=on_error,
        )
        self.method: str = method
        self.policy = AddressPolicy(allow_private)
        self.url = checked_url(f"tool {name!r}", url, self.policy, allow_http=allow_http)
        self._headers = _checked_headers(name, headers or {})
        self._max_bytes = max_bytes

    def __repr__(self) -> str:
        return f"HttpTool({self.spec.name!r}, {self.method} {self.url.host}, headers={sorted(self._headers)})"

    async def run(self, call: ToolCall, context: ToolContext) -> ToolResult:
        """One request. Whatever goes wrong is told without the request's own secrets."""
        return await self.send(call)

    async def send(self, call: ToolCall) -> ToolResult:
        """The same, outside of any session."""
        try:
            async with asyncio.timeout(self.spec.timeout):
                return await self._request(call)
        except (TimeoutError, httpx2.TimeoutException):
            log.warning("tool %s: %s did not answer in time", call.name, self.url.host)
            return timed_out(self.spec.timeout)
        except Forbidden as error:
            log.warning("tool %s: %s", call.name, error)
            return ToolResult("its address is not one that tools may reach.", is_error=True)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError) as error:
            log.warning("tool %s: %s cannot be reached: %s", call.name, self.url.host, type(error).__name__)
            return ToolResult(f"its server could not be reached ({type(error).__name__}).", is_error=True)

    async def _request(self, call: ToolCall) -> ToolResult:
        headers = {**self._headers, "Idempotency-Key": _key(call.call_id), "Accept-Encoding": "identity"}
        headers.setdefault("user-agent", "antiphon")
        transport = CheckedTransport(self.policy)
        client = httpx2.AsyncClient(transport=transport, timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT))
        async with client:
            request = client.build_request(self.method, self.url, headers=headers, **self._content(call.arguments))
            response = await client.send(request, stream=True, follow_redirects=False)
            try:
                return await self._answer(response)
            finally:
                await response.aclose()

    def _content(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if self.method not in ("GET", "DELETE"):
            return {"json": dict(arguments)}
        given = [(name, value) for name, value in arguments.items() if value is not None]
        pairs = [(name, _as_query(item)) for name, value in given for item in _items(value)]
        return {"params": [*self.url.params.multi_items(), *pairs]}

    async def _answer(self, response: httpx2.Response) -> ToolResult:
        if response.is_redirect:
            return ToolResult(f"it answered {response.status_code}; redirects are not followed.", is_error=True)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            return ToolResult("it answered in an encoding that was not asked for.", is_error=True)
        text = await self._body(response)
        if response.is_success:
            return ToolResult(text)
        return ToolResult(f"it answered {response.status_code}: {text}", is_error=True)

    async def _body(self, response: httpx2.Response) -> str:
        """At most `max_bytes` of it, read no further than that and the longest secret, which might be cut in half."""
        margin = max((len(value) for value in self._headers.values()), default=0)
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._max_bytes + margin:
                break
        whole = len(body) <= self._max_bytes
        text = self._without_secrets(bytes(body[: self._max_bytes + margin]).decode(_charset(response), "replace"))
        if whole:
            return text
        return text.encode()[: self._max_bytes].decode(errors="ignore") + "… (cut: the answer is longer)"

    def _without_secrets(self, text: str) -> str:
        for value in sorted(self._headers.values(), key=len, reverse=True):
            for secret in (value, value.partition(" ")[2]):  # "Bearer …" too
                if len(secret) >= 6:
                    text = text.replace(secret, HIDDEN)
        return text


class CheckedTransport(httpx2.AsyncBaseTransport):
    """Connects to an address that was just found to be allowed. The request's own host is what the server is asked for,
    and what its certificate must be for. No proxy from the environment: it would resolve names by itself."""

    def __init__(self, policy: AddressPolicy, *, keep: float | None = None) -> None:
        """`keep` in seconds: so long a connection is kept for the next request; None: not at all."""
        self._policy = policy
        limits = httpx2.Limits(max_keepalive_connections=0 if keep is None else 20, keepalive_expiry=keep)
        self._inner = httpx2.AsyncHTTPTransport(verify=_tls(), trust_env=False, limits=limits)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        port = url.port or (443 if url.scheme == "https" else 80)
        addresses = await self._policy.resolve(url.raw_host.decode("ascii"), port)
        request.extensions = {**request.extensions, "sni_hostname": url.raw_host.decode("ascii").rstrip(".")}
        for address in addresses[:-1]:
            try:
                request.url = url.copy_with(host=address)
                return await self._inner.handle_async_request(request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue  # nothing was sent: the next address may do
        request.url = url.copy_with(host=addresses[-1])
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Loading the certificates of all authorities takes 10 ms and more: once a process."""
    return ssl.create_default_context()


# --- what is sent, checked ----------------------------------------------------------------------------------------


def checked_url(what: str, url: str, policy: AddressPolicy, *, allow_http: bool = False) -> httpx2.URL:
    """A URL that may be called, if its host's addresses may. `what` it belongs to is named in the ConfigError."""
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise ConfigError(f"{what}: the URL is not valid: {error}") from error
    if len(url) > MAX_URL:
        raise ConfigError(f"{what}: the URL is longer than {MAX_URL} characters")
    if not parsed.host or parsed.userinfo:
        raise ConfigError(f"{what}: the URL needs a host, and no user name or password; use `headers`")
    plain = parsed.scheme == "http" and (allow_http or policy.names(parsed.host))
    if parsed.scheme != "https" and not plain:
        raise ConfigError(f"{what}: the URL must begin with https://")
    return parsed


def _checked_headers(name: str, headers: Mapping[str, str]) -> dict[str, str]:
    checked: dict[str, str] = {}
    for key, value in headers.items():
        lower = key.lower()
        if not lower or not set(lower) <= _TOKEN or lower in _OURS:
            raise ConfigError(f"tool {name!r}: header {key!r} cannot be set")
        if not (value.isascii() and value.isprintable()):
            raise ConfigError(f"tool {name!r}: the value of header {key!r} must be printable ASCII")
        checked[lower] = value
    return checked


def _key(call_id: str) -> str:
    """A header's value; models make ids of any kind."""
    if call_id.isascii() and call_id.isprintable() and 0 < len(call_id.strip()) <= 255:
        return call_id.strip()
    return hashlib.sha256(call_id.encode()).hexdigest()


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _as_query(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _charset(response: httpx2.Response) -> str:
    try:
        "".encode(response.charset_encoding or "utf-8")
    except LookupError:
        return "utf-8"
    return response.charset_encoding or "utf-8"
