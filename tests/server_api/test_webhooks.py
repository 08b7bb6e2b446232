"""Webhooks: subscriptions over REST, and what a receiver is sent."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from antiphon.protocols.voice_agent.webhook import Webhook
from antiphon.server.stores.base import Document
from antiphon.server.stores.memory import MemoryStore
from antiphon.server.webhooks import PrivateAddress, Webhooks, _public_address, signature
from tests.server_api.serving import OTHER_KEY, serving
from tests.server_api.test_connections import call
from tests.server_api.test_limits import until

SECRET = "s" * 32
NEVER = "whsub_" + "0" * 32


class Receiver:
    """An HTTP server that answers each delivery with the next of `answers`, then with 200."""

    def __init__(self, answers: list[int]) -> None:
        self.answers = answers
        self.url = ""
        self.got: list[tuple[dict[str, str], bytes]] = []  # headers, body

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                self.got.append((headers, await reader.readexactly(int(headers["content-length"]))))
                status = self.answers.pop(0) if self.answers else 200
                writer.write(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\nLocation: /\r\n\r\n" % status)
                await writer.drain()
        writer.close()

    def payloads(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]


@contextlib.asynccontextmanager
async def receiving(*answers: int) -> AsyncIterator[Receiver]:
    receiver = Receiver([*answers])
    server = await asyncio.start_server(receiver.take, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()


async def tell(receiver: Receiver, *, secret: str | None = SECRET, **options: Any) -> None:
    options = {"allow_private": True, "delays": (0.01, 0.01), "now": lambda: 1000.5, **options}
    webhooks = Webhooks(MemoryStore(), **options)
    hook = Webhook(url=receiver.url, events=("session.started",), secret=secret)
    webhooks.tell("session.started", account="a", session_id="s", agent_id=None, hook=hook)
    await webhooks.settle()
    await webhooks.aclose()


def test_a_delivery_is_signed():
    async def main() -> None:
        async with receiving() as receiver:
            await tell(receiver)
        ((headers, body),) = receiver.got
        mac = hmac.new(SECRET.encode(), b"1000." + body, "sha256").hexdigest()
        assert headers["x-aai-signature"] == f"t=1000,v1={mac}" == signature(SECRET, body, at=1000)
        (payload,) = receiver.payloads()
        assert (payload["event"], payload["session_id"], payload["agent_id"]) == ("session.started", "s", None)

    asyncio.run(main())


def test_without_a_secret_there_is_no_signature():
    async def main() -> None:
        async with receiving() as receiver:
            await tell(receiver, secret=None)
        assert "x-aai-signature" not in receiver.got[0][0]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("answers", "tries"), [([500, 200], 2), ([302, 404], 3), ([500] * 9, 3), ([201], 1), ([200], 1)]
)
def test_it_is_tried_again_until_it_was_heard(answers, tries):
    async def main() -> None:
        async with receiving(*answers) as receiver:
            await tell(receiver)
        assert len(receiver.got) == tries
        assert len({payload["event_id"] for payload in receiver.payloads()}) == 1

    asyncio.run(main())


def test_a_receiver_that_is_not_there_harms_nobody():
    async def main() -> None:
        async with receiving() as receiver:
            pass
        await tell(receiver)

    asyncio.run(main())


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "::1", "0.0.0.0", "224.0.0.1"]
)
def test_the_servers_own_network_is_out_of_reach(host):
    with pytest.raises(PrivateAddress):
        asyncio.run(_public_address(host))


def test_a_private_receiver_gets_nothing():
    async def main() -> None:
        async with receiving() as receiver:
            await tell(receiver, allow_private=False)
        assert receiver.got == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, True),
        ({"enabled": False}, False),
        ({"events": ["session.completed"]}, False),
        ({"agent_id": "agent_1"}, True),
        ({"agent_id": "agent_2"}, False),
    ],
)
def test_who_subscribed_is_told_of_what_they_asked_for(fields, told):
    async def main() -> None:
        async with receiving() as receiver:
            store = MemoryStore()
            record = {"url": receiver.url, "secret": SECRET, "events": ["session.started"], "agent_id": None}
            body = json.dumps({**record, "enabled": True, **fields}).encode()
            await store.put(Document(kind="webhook", id="w", account="a", created_at=1.0, body=body))
            webhooks = Webhooks(store, allow_private=True)
            webhooks.tell("session.started", account="a", session_id="s", agent_id="agent_1", hook=None)
            webhooks.tell("session.started", account="b", session_id="s", agent_id="agent_1", hook=None)
            await webhooks.settle()
            await webhooks.aclose()
            assert len(receiver.got) == told

    asyncio.run(main())


def test_a_call_is_told_from_its_beginning_to_its_end():
    async def main() -> None:
        async with receiving() as receiver, serving(private_webhooks=True) as served:
            fields = {"url": receiver.url, "events": ["session.started", "session.completed"], "secret": SECRET}
            answer = await served.rest.post("/webhook-subscriptions", json=fields)
            assert answer.status_code == 201
            await call(served.client())
            await until(lambda: len(receiver.got) == 2)
        started, done = sorted(receiver.payloads(), key=lambda payload: payload["event"], reverse=True)
        assert (started["event"], done["event"]) == ("session.started", "session.completed")
        assert started["session_id"] == done["session_id"]
        assert done["public_close_reason"] == "client_end"

    asyncio.run(main())


# --- subscriptions


def test_a_subscription_is_kept_without_showing_its_secret():
    async def main() -> None:
        async with serving() as served:
            rest = served.rest
            fields = {"url": "https://shop.example/hook", "events": ["session.completed"], "secret": SECRET}
            made = (await rest.post("/webhook-subscriptions", json=fields)).json()
            path = f"/webhook-subscriptions/{made['id']}"
            assert (await rest.get(path)).json() == made
            assert (made["secret_version"], made["enabled"], made["agent_id"]) == (1, True, None)
            assert "secret" not in made
            changed = (await rest.put(path, json={"secret": "t" * 32, "enabled": False})).json()
            assert (changed["secret_version"], changed["enabled"], changed["url"]) == (2, False, fields["url"])
            page = (await rest.get("/webhook-subscriptions")).json()
            assert page["webhook_subscriptions"] == [changed]
            rest.headers["Authorization"] = OTHER_KEY
            assert [(await rest.request(m, path, json={})).status_code for m in ("GET", "PUT", "DELETE")] == [404] * 3

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"url": "http://shop.example"}, "url"),
        ({"url": "https://" + "x" * 2048}, "url"),
        ({"events": []}, "events"),
        ({"events": ["session.started"] * 2}, "events"),
        ({"events": ["nothing"]}, "events[0]"),
        ({"secret": "short"}, "secret"),
    ],
)
def test_a_subscription_that_cannot_be(fields, param):
    async def main() -> None:
        async with serving() as served:
            good = {"url": "https://shop.example/hook", "events": ["session.completed"], "secret": SECRET}
            answer = await served.rest.post("/webhook-subscriptions", json={**good, **fields})
            assert (answer.status_code, answer.json()["param"]) == (422, param)
            missing = await served.rest.get(f"/webhook-subscriptions/{NEVER}")
            assert missing.json()["code"] == "webhook_subscription_not_found"

    asyncio.run(main())
