"""What a stored agent brings to its sessions: a model of its own, and what it asked before they began."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from antiphon.client import Client
from antiphon.client.errors import Refused
from antiphon.client.events import Event, ReplyDone, ReplyError, SessionReady, TranscriptAgent
from antiphon.lab.scripted import LlmTiming, ScriptedLlm
from antiphon.server.pre_connect import CONTEXT_TOOL
from antiphon.types import Role, ToolCall
from tests.emulators.openai_chat import OpenAIChat, Reply, text
from tests.server_api.serving import Served, serving, stages
from tests.server_api.test_agents import PIZZA, create
from tests.tools.loopback import answer
from tests.tools.loopback import serving as answering

HERE = ("127.0.0.1",)
LLM = {"model": "toy-9", "api_key": "sk-of-theirs"}


def using(body: Callable[[Served], Awaitable[Any]], **options: Any) -> Any:
    async def main() -> Any:
        async with asyncio.timeout(30), serving(**{"private_hosts": HERE, **options}) as served:
            return await body(served)

    return asyncio.run(main())


async def spoken(client: Client, agent_id: str) -> tuple[SessionReady, list[Event]]:
    """What comes of one reply that is asked for."""
    ready, heard = await client.configure(agent_id=agent_id), []
    await client.create_reply()
    async for event in client:
        heard.append(event)
        if isinstance(event, ReplyDone):
            break
    return ready, heard


def said(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, TranscriptAgent)]


# --- a model of its own


def test_a_session_of_an_agent_with_a_model_asks_that_model():
    async def body(served: Served) -> None:
        async with OpenAIChat(lists=True) as server:
            server.replies.append(Reply(deltas=text("there ", "yes")))
            agent = await create(served.rest, llm=[{**LLM, "base_url": server.url}])
            async with served.client() as client:
                ready, heard = await spoken(client, agent["id"])
            (asked,) = [request for request in server.requests if request.path.endswith("/chat/completions")]
        assert said(heard) == ["there yes"]
        assert ready.config["llm"] == [{"base_url": server.url, "model": "toy-9"}]
        assert asked.headers["authorization"] == "Bearer sk-of-theirs"
        assert (asked.body["model"], asked.body["stream"], asked.body["stream_options"]) == (
            "toy-9",
            True,
            {"include_usage": True},
        )
        assert asked.body["messages"][0]["content"] == PIZZA["system_prompt"]

    using(body)


def test_the_next_reply_uses_the_same_connection():
    async def body(served: Served) -> None:
        async with OpenAIChat(lists=True) as server:
            agent = await create(served.rest, llm=[{**LLM, "base_url": server.url}])
            async with served.client() as client:
                await spoken(client, agent["id"])
                before = server.connections
                await client.create_reply()
                async for event in client:
                    if isinstance(event, ReplyDone):
                        break
            assert server.connections == before <= 2  # the first reply did not wait for the one opened ahead

    using(body)


def test_a_model_that_refuses_is_told_and_the_caller_hears_why_not():
    async def body(served: Served) -> None:
        async with OpenAIChat(lists=True) as server:
            server.replies.append(Reply(status=401))
            agent = await create(served.rest, llm=[{**LLM, "base_url": server.url}])
            async with served.client() as client:
                await client.configure(agent_id=agent["id"])
                await client.create_reply()
                heard: list[Event] = []
                async for event in client:
                    heard.append(event)
                    if isinstance(event, TranscriptAgent):
                        await client.end()
        assert [type(event) for event in heard if isinstance(event, ReplyError)]
        assert said(heard)[0].startswith("Sorry")
        assert "sk-of-theirs" not in str(heard)

    using(body)


def test_a_model_at_a_private_address_is_not_called_unless_the_operator_allows():
    async def body(served: Served) -> list[Event]:
        agent = await create(served.rest, llm=[{**LLM, "base_url": "https://127.0.0.1:9/v1"}])
        async with served.client() as client:
            return (await spoken(client, agent["id"]))[1]

    (error,) = [event for event in using(body, private_hosts=()) if isinstance(event, ReplyError)]
    assert "127.0.0.1 is not a public address" in error.message


@pytest.mark.parametrize("url", ["http://llm.example/v1", "https://user:pass@llm.example/v1"])
def test_a_model_that_could_never_be_called_is_refused_when_it_is_stored(url: str):
    async def body(served: Served) -> None:
        answer = await served.rest.post("/agents", json={**PIZZA, "llm": [{**LLM, "base_url": url}]})
        assert (answer.status_code, answer.json()["param"]) == (422, "llm[0].base_url")
        assert "sk-of-theirs" not in answer.text

    using(body)


# --- what it asked before


def pre_connect(url: str, **fields: Any) -> list[dict[str, Any]]:
    headers = [{"name": "X-Key", "value": "s3cret-of-theirs"}]
    returns = [{"name": "customer", "path": "name", "default": "nobody we know"}]
    return [{"url": url, "headers": headers, "sends": ["session_id", "agent_id"], "returns": returns, **fields}]


def test_what_was_found_out_reaches_the_model_through_a_tool():
    def model(request: Any) -> Any:
        told = [message.text for message in request.messages if message.role is Role.TOOL]
        return "there" if told else [ToolCall("call_1", CONTEXT_TOOL, {})]

    made = replace(stages(), llm=ScriptedLlm(model, timing=LlmTiming.instant()))

    async def body(served: Served) -> None:
        async with answering(lambda request: answer({"name": "Ada"})) as owner:
            agent = await create(served.rest, pre_connect_requests=pre_connect(owner.url))
            async with served.client() as client:
                ready = await client.configure(agent_id=agent["id"])
                await client.create_reply()
                async for event in client:
                    if isinstance(event, TranscriptAgent):
                        await client.end()
        assert json.loads(owner.requests[0].body) == {"session_id": ready.session_id, "agent_id": agent["id"]}
        assert owner.requests[0].headers["x-key"] == "s3cret-of-theirs"
        assert "s3cret" not in str(ready.config)

    using(body, made=made)
    (told,) = [message.text for message in made.llm.requests[-1].messages if message.role is Role.TOOL]  # type: ignore[attr-defined]
    assert json.loads(told) == {"customer": "Ada"}


def test_the_greeting_may_be_another_one_and_the_echo_says_so():
    async def body(served: Served) -> tuple[SessionReady, str]:
        async with answering(lambda request: answer({"greeting": "yes there"})) as owner:
            requests = pre_connect(owner.url, allow_overrides=["greeting"])
            agent = await create(served.rest, greeting="hello", pre_connect_requests=requests)
            async with served.client() as client:
                ready = await client.configure(agent_id=agent["id"])
                async for event in client:
                    if isinstance(event, TranscriptAgent):
                        return ready, event.text
        raise AssertionError("nothing was said")

    ready, greeting = using(body)
    assert (ready.config["greeting"], greeting) == ("yes there", "yes there")


def test_a_call_that_is_rejected_is_not_taken():
    async def body(served: Served) -> Refused:
        async with answering(lambda request: answer({"reject": True})) as owner:
            agent = await create(served.rest, pre_connect_requests=pre_connect(owner.url))
            async with served.client() as client:
                with pytest.raises(Refused) as refused:
                    await client.configure(agent_id=agent["id"])
        assert served.service.sessions == 0
        return refused.value

    assert "session_forbidden" in str(using(body))


def test_an_owner_who_does_not_answer_keeps_nobody_waiting():
    async def body(served: Served) -> None:
        async with answering(lambda request: None) as owner:
            agent = await create(served.rest, pre_connect_requests=2 * pre_connect(owner.url))
            async with served.client() as client:
                assert (await client.configure(agent_id=agent["id"])).session_id

    using(body)
