"""Who may use the server, and from which web pages.

A server without keys serves whoever reaches it: for loopback, and for networks where somebody else checks. Then the
one thing between it and any page its user happens to open is the Origin that browsers send along.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from antiphon.errors import ConfigError
from antiphon.protocols.voice_agent import refusals
from antiphon.server import tokens
from antiphon.server.keys import ApiKey, Keys
from antiphon.server.stores.base import Store

log = logging.getLogger("antiphon.server")

_HIDDEN = "antiphon.token"  # in the scope of a request
ANYONE = "local"  # the key name of whoever asks a server that has no keys


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, and what their credential allows."""

    key_name: str
    key: ApiKey | None = None
    max_duration: float | None = None  # seconds a session of theirs may last, where the credential says
    resumes: str | None = None  # the one session that the credential is for

    @property
    def account(self) -> str:
        """Whose agents and sessions are theirs."""
        return self.key_name.partition("/")[0]


class Doorkeeper:
    """Tells who is asking. Owned by the server; `store` knows which tokens were used."""

    def __init__(
        self,
        keys: Keys,
        store: Store,
        *,
        origins: Iterable[str] = (),
        reuse_tokens: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`origins` are the pages that may call ("https://shop.example"; "*" for any). None given: any where there are
        keys, else those of this machine. Raises ConfigError for what is no origin."""
        self.keys = keys
        self._store = store
        self.origins = frozenset(_checked(origin) for origin in origins)
        self._reuse_tokens = reuse_tokens
        self._now = now

    async def admit(self, connection: HTTPConnection) -> Principal:
        """Who opens a WebSocket. Raises ProtocolError: `unauthorized`, fatal; StoreUnavailable."""
        if not self.allows_origin(connection):
            log.warning("refused a page of %s; see --allow-origin", connection.headers.get("origin"))
            raise refusals.unauthorized()
        return await self.recognise(credentials(connection))

    async def recognise(self, shown: Iterable[str]) -> Principal:
        """Who shows these credentials, best first. Raises ProtocolError: `unauthorized`, fatal; StoreUnavailable."""
        if not self.keys:
            return Principal(ANYONE)
        for credential in shown:
            if principal := self.holder(credential) or await self._redeem(credential):
                return principal
        raise refusals.unauthorized()

    def holder(self, credential: str) -> Principal | None:
        """Who holds this API key."""
        if not self.keys:
            return Principal(ANYONE)
        key = self.keys.find(credential)
        return Principal(key.name, key) if key else None

    async def _redeem(self, credential: str) -> Principal | None:
        """Who was given this token. A token for a session is used up by it; one for a resume is not, but is for the
        one session."""
        claims = self._read(credential)
        if claims is None or claims.use == "artifact":
            return None
        once = claims.use == "session" and not self._reuse_tokens
        if once and not await self._store.use_token(claims.id, expires_at=claims.expires_at):
            log.info("refused a token of %s that was used before", claims.key.name)
            return None
        return Principal(claims.key.name, claims.key, claims.max_duration, claims.session_id)

    def reader(self, credential: str, session_id: str) -> Principal | None:
        """Who was given this link to a session's artifacts."""
        claims = self._read(credential)
        if claims is None or claims.use != "artifact" or claims.session_id != session_id:
            return None
        return Principal(claims.key.name, claims.key)

    def _read(self, credential: str) -> tokens.Claims | None:
        try:
            return tokens.read(credential, self.keys, now=self._now())
        except tokens.InvalidToken as why:
            log.info("refused a credential: %s", why)
            return None

    def allows_origin(self, connection: HTTPConnection) -> bool:
        """Programs send no Origin, browsers always do."""
        origin = connection.headers.get("origin")
        if origin is None or "*" in self.origins or origin.lower() in self.origins:
            return True
        if self.origins:
            return False
        if self.keys:  # no page can know one unless it was given it
            return True
        page = origin.rpartition("://")[2].lower()
        return is_loopback(_host(page)) or (page == connection.headers.get("host", "") and _is_address(_host(page)))


class HiddenTokens:
    """ASGI middleware: takes `?token=` out of addresses, which servers write to their logs. `credentials` finds it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if b"token=" in scope.get("query_string", b""):
            shown = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            scope[_HIDDEN] = next((value for name, value in shown if name == "token"), "")
            scope["query_string"] = urlencode([pair for pair in shown if pair[0] != "token"]).encode()
        await self._app(scope, receive, send)


def credentials(connection: HTTPConnection) -> list[str]:
    """What the client shows, best first: the header, with or without "Bearer", and `?token=`."""
    header = connection.headers.get("authorization", "").strip()
    scheme, _, rest = header.partition(" ")
    token = connection.scope.get(_HIDDEN) or connection.query_params.get("token", "")
    shown = [rest.strip() if scheme.lower() == "bearer" else header, token]
    return [credential for credential in shown if credential]


def is_loopback(host: str) -> bool:
    """Can only this machine reach `host`?"""
    if host == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_address(host: str) -> bool:
    """An address cannot be made to point elsewhere, as a name can."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _host(netloc: str) -> str:
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _checked(origin: str) -> str:
    scheme, _, page = origin.rstrip("/").partition("://")
    if origin != "*" and (scheme.lower() not in ("http", "https") or not _host(page) or "/" in page):
        raise ConfigError(f"--allow-origin: {origin!r} is no origin; write one like https://shop.example")
    return origin.rstrip("/").lower()
