"""Telling other servers when a session begins and ends: signed, and tried again until they have heard it.

A delivery is `X-AAI-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "<t>." + body)>`, which a receiver checks
and refuses when `t` is more than 300 s old. Anything but a 2xx answer is tried again, ever later. An event keeps its
`event_id` through all its tries, so a receiver can tell one that it has seen.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
import msgspec

from antiphon.errors import AntiphonError
from antiphon.protocols.voice_agent.webhook import Webhook
from antiphon.server.stores.base import Document, Store, StoreUnavailable

log = logging.getLogger("antiphon.server")

EVENTS = ("session.started", "session.completed", "call.connected", "call.ended", "call.failed")
DELAYS = (1.0, 5.0, 30.0, 120.0, 600.0)  # seconds before each further try
TIMEOUT = 10.0  # seconds for one try
MOST_WAITING = 10_000  # deliveries, above which new ones are dropped
MOST_SUBSCRIPTIONS = 200  # of one account


class PrivateAddress(AntiphonError):
    """The URL leads into the server's own network, where a client of ours must not reach."""


@dataclass(frozen=True, slots=True)
class Target:
    url: str
    secret: str | None


def signature(secret: str, body: bytes, *, at: int) -> str:
    """The header's value for a body sent at `at`, in seconds of the epoch."""
    mac = hmac.digest(secret.encode(), f"{at}.".encode() + body, "sha256").hex()
    return f"t={at},v1={mac}"


class Webhooks:
    """All deliveries of a process. What is waiting to be tried again when the process ends is lost."""

    def __init__(
        self,
        store: Store,
        *,
        allow_private: bool = False,
        delays: Sequence[float] = DELAYS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self.allow_private = allow_private
        self._delays = tuple(delays)
        self._now = now
        self._client: httpx2.AsyncClient | None = None
        self._waiting: set[asyncio.Task[None]] = set()

    def tell(
        self, event: str, *, account: str, session_id: str, agent_id: str | None, hook: Webhook | None, **more: Any
    ) -> None:
        """Begins to tell everyone who subscribed, and the session's own `hook`. Never blocks."""
        payload = {
            "event": event,
            "event_id": f"evt_{secrets.token_hex(16)}",
            "session_id": session_id,
            "agent_id": agent_id,
            "created_at": self._now(),
            **more,
        }
        own = [Target(hook.url, hook.secret)] if hook and event in hook.events else []
        self._spawn(self._fan_out(event, payload, account, agent_id, own))

    async def settle(self) -> None:
        """Returns once nothing is being delivered."""
        while self._waiting:
            await asyncio.wait(self._waiting)

    async def aclose(self) -> None:
        """Gives what has just begun a moment; the rest is lost."""
        if self._waiting:
            await asyncio.wait(self._waiting, timeout=1.0)
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)
        if self._client:
            await self._client.aclose()

    async def _fan_out(
        self, event: str, payload: dict[str, Any], account: str, agent_id: str | None, own: list[Target]
    ) -> None:
        try:
            documents = await self._store.documents("webhook", account=account, limit=MOST_SUBSCRIPTIONS)
        except StoreUnavailable as error:
            log.error("no subscription is told of %s: %s", event, error)
            documents = []
        targets = [*own, *(target for item in documents if (target := _subscribed(item, event, agent_id)))]
        body = msgspec.json.encode(payload)
        for target in targets:
            self._spawn(self._deliver(target, body))

    def _spawn(self, work: Any) -> None:
        if len(self._waiting) >= MOST_WAITING:
            work.close()
            log.error("a webhook was dropped: %d are waiting", MOST_WAITING)
            return
        task = asyncio.get_running_loop().create_task(work, name="webhook")
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _deliver(self, target: Target, body: bytes) -> None:
        for delay in (*self._delays, None):
            try:
                status = await self._post(target, body)
                if 200 <= status < 300:
                    return
                why = f"answered {status}"
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError) as error:
                why = str(error) or type(error).__name__
            except PrivateAddress as error:
                log.warning("webhook refused: %s", error)
                return
            if delay is None:
                log.error("webhook given up after %d tries: %s", len(self._delays) + 1, why)
                return
            log.info("webhook failed, again in %g s: %s", delay, why)
            await asyncio.sleep(delay)

    async def _post(self, target: Target, body: bytes) -> int:
        if self._client is None:
            self._client = httpx2.AsyncClient(timeout=TIMEOUT, follow_redirects=False)
        headers = {"Content-Type": "application/json", "User-Agent": "Antiphon"}
        if target.secret:
            headers["X-AAI-Signature"] = signature(target.secret, body, at=int(self._now()))
        url, extensions = httpx2.URL(target.url), {}
        if not self.allow_private:
            # The address that was looked at is the one that is connected to, whatever its name stands for by then.
            extensions["sni_hostname"] = url.host
            headers["Host"] = url.netloc.decode()
            url = url.copy_with(host=await _public_address(url.host))
        async with self._client.stream("POST", url, content=body, headers=headers, extensions=extensions) as response:
            return response.status_code


def _subscribed(document: Document, event: str, agent_id: str | None) -> Target | None:
    record = msgspec.json.decode(document.body)
    wanted = record["enabled"] and event in record["events"] and record["agent_id"] in (None, agent_id)
    return Target(record["url"], record["secret"]) if wanted else None


async def _public_address(host: str) -> str:
    """An address of `host`. Raises PrivateAddress where any of them is not of the public internet, OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    addresses = [str(place[4][0]) for place in found]
    for address in addresses:
        ip = ipaddress.ip_address(address.partition("%")[0])
        if not ip.is_global or ip.is_multicast:
            raise PrivateAddress(f"{host} is {address}")
    return addresses[0]
