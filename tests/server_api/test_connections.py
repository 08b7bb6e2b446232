"""Connections as a client meets them: credentials, stored agents, and what is left of a session in the API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from antiphon.client import Client
from antiphon.client.errors import Refused
from antiphon.server.keys import Keys
from antiphon.session.makings import Hooks
from tests.server_api.serving import KEY, OTHER_KEY, Served, serving
from tests.server_api.test_agents import HTTP, LLM, PIZZA, create


def using(body: Callable[[Served], Awaitable[Any]], **options: Any) -> Any:
    async def main() -> Any:
        async with asyncio.timeout(30), serving(**options) as served:
            return await body(served)

    return asyncio.run(main())


async def call(client: Client, **fields: Any) -> dict[str, Any]:
    """A call in which the agent greets; returns the configuration it was given."""
    async with client:
        ready = await client.configure(**(fields or {"greeting": "hello there"}))
        async for event in client:
            if type(event).__name__ == "ReplyDone":
                await client.end()
        config: dict[str, Any] = ready.config
        return config


async def first_words(url: str, **headers: str) -> tuple[list[dict[str, Any]], int]:
    """What a client that says nothing is told, and the code it is closed with."""
    told = []
    async with connect(url, additional_headers=headers, proxy=None) as socket:
        try:
            while True:
                told.append(json.loads(await socket.recv()))
        except ConnectionClosed as closed:
            assert closed.rcvd
            return told, closed.rcvd.code


# --- credentials


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_bad_credentials_are_refused_after_the_upgrade(headers):
    async def body(served):
        (error,), code = await first_words(served.ws, **headers)
        del error["timestamp"]
        assert code == 1008
        assert error == {
            "type": "session.error",
            "code": "unauthorized",
            "message": "Authentication failed",
            "session_id": None,
            "param": None,
        }

    using(body)


def test_a_temporary_token_opens_one_session():
    async def body(served):
        token = (await served.rest.post("/tokens")).json()["token"]
        await call(served.client(api_key=None, token=token))
        with pytest.raises(Refused, match="unauthorized"):
            await call(served.client(api_key=None, token=token))
        token = (await served.rest.post("/tokens")).json()["token"]
        await call(served.client(api_key=token))  # in the header

    using(body)


def test_a_token_bounds_its_session():
    async def body(served):
        query = {"expires_in_seconds": 60, "max_session_duration_seconds": 60}
        token = (await served.rest.get("/token", params=query)).json()["token"]
        client = served.client(api_key=None, token=token)
        async with client:
            ready = await client.configure()
            return ready.expires_at - served.service.now()

    assert 50 < using(body) <= 60


def test_a_resume_token_opens_no_new_session():
    async def body(served):
        async with served.client() as client:
            token = (await client.configure()).resume_token
        with pytest.raises(Refused, match="unauthorized"):
            await call(served.client(api_key=token))

    using(body)


def test_a_page_of_elsewhere_is_refused():
    async def body(served):
        (error,), code = await first_words(served.ws, Origin="https://evil.example")
        assert (error["code"], code) == ("unauthorized", 1008)

    using(body, keys=Keys())


def test_keys_and_tokens_are_in_no_log(caplog):
    caplog.set_level("INFO")

    async def body(served):
        token = (await served.rest.post("/tokens")).json()["token"]
        await call(served.client(api_key=None, token=token))
        await call(served.client(api_key=None, token=KEY))
        with pytest.raises(Refused):
            await call(served.client(api_key=None, token=token))
        return token

    token = using(body)
    assert caplog.text
    assert KEY not in caplog.text and token not in caplog.text


# --- stored agents


def test_a_stored_agent_is_bound():
    async def body(served):
        tools = [{"name": "order", "http": HTTP}]
        agent = await create(served.rest, greeting="hello there", tools=tools, llm=[LLM])
        config = await call(served.client(), agent_id=agent["id"])
        (session,) = (await served.rest.get("/sessions", params={"agent_id": agent["id"]})).json()["sessions"]
        assert session["agent_id"] == agent["id"]
        return config

    config = using(body)
    assert (config["system_prompt"], config["greeting"]) == (PIZZA["system_prompt"], "hello there")
    assert config["output"]["voice"] == "anna"
    assert config["tools"][0]["http"] == {"url": HTTP["url"], "method": "POST", "headers_ciphertext": ""}
    assert config["llm"] == [{"base_url": LLM["base_url"], "model": "m"}]
    assert "s3cret" not in json.dumps(config) and "sk-1" not in json.dumps(config)


def test_an_agent_that_is_not_there_or_somebody_elses():
    async def body(served):
        agent = await create(served.rest)
        for client, agent_id in [(served.client(), "agent_0"), (served.client(api_key=OTHER_KEY), agent["id"])]:
            with pytest.raises(Refused, match="agent_not_found"):
                await call(client, agent_id=agent_id)

    using(body)


# --- what is left of a session


def test_a_session_is_listed_while_it_lives_and_afterwards():
    async def body(served):
        async with served.client() as client:
            ready = await client.configure()
            (live,) = (await served.rest.get("/sessions", params={"status": "created"})).json()["sessions"]
            assert (live["id"], live["status"], live["ended_at"]) == (ready.session_id, "created", None)
            assert (await served.rest.get(f"/sessions/{live['id']}")).json()["artifacts"] == []
            await client.end()
            async for _ in client:
                pass
        done = await completed(served)
        assert (done["public_close_reason"], done["agent_id"]) == ("client_end", None)
        assert done["duration_seconds"] >= 0
        assert (await served.rest.get(f"/sessions/{done['id']}")).json()["config"]["id"] == ready.session_id

    using(body)


async def completed(served: Served) -> dict[str, Any]:
    """The one session, once it is over for the server too."""
    while True:
        found = (await served.rest.get("/sessions", params={"status": "completed"})).json()["sessions"]
        if found:
            (one,) = found
            session: dict[str, Any] = one
            return session
        await asyncio.sleep(0.01)


def test_a_client_that_ends_its_session_and_leaves_at_once_has_ended_it():
    async def body(served):
        async with served.client() as client:
            await client.configure()
            await client.end()
        async with asyncio.timeout(10):
            assert (await completed(served))["public_close_reason"] == "client_end"

    using(body)


def test_the_timeline_tells_each_turn():
    asked: list[Any] = []

    async def body(served):
        async with served.client() as client:
            await client.configure(greeting="hello there")
            replies = 0
            async for event in client:
                if type(event).__name__ == "ReplyDone":
                    replies += 1
                    if replies == 1:
                        await client.create_reply("be kind")
                    else:
                        await client.end()
        session = (await served.rest.get(f"/sessions/{(await completed(served))['id']}")).json()
        (artifact,) = session["artifacts"]
        del served.rest.headers["Authorization"]
        answer = await served.rest.get(artifact["url"])
        assert (await served.rest.get(artifact["url"].partition("?")[0])).status_code == 401
        return answer.json()

    timeline = using(body, hooks=Hooks(on_session=asked.append))
    greeting, reply = timeline["turns"]
    assert (greeting["trigger"], greeting["agent_text"], greeting["status"]) == (
        "greeting",
        "hello there",
        "completed",
    )
    assert (reply["trigger"], reply["requested_instructions"]) == ("reply_create", "be kind")
    assert greeting["agent_reply_started_at_ms"] <= greeting["agent_reply_ended_at_ms"]
    assert timeline["ended"]["reason"] == "user_initiated"
    assert len(asked) == 1  # the program's own hooks are called too


def test_a_deleted_session_ends_and_leaves_nothing():
    async def body(served):
        async with served.client() as client:
            session_id = (await client.configure()).session_id
            assert (await served.rest.delete(f"/sessions/{session_id}")).status_code == 204
            await client.send_audio(bytes(960))
            async for _ in client:
                pass
        assert (await served.rest.get(f"/sessions/{session_id}")).status_code == 404

    using(body)


def test_sessions_of_another_account_are_not_there():
    async def body(served):
        await call(served.client())
        session_id = (await completed(served))["id"]
        served.rest.headers["Authorization"] = OTHER_KEY
        assert (await served.rest.get("/sessions")).json()["sessions"] == []
        for method in ("GET", "DELETE"):
            assert (await served.rest.request(method, f"/sessions/{session_id}")).status_code == 404

    using(body)
