"""A session outlives its socket: the client comes back to it, or somebody who may not, or nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon.client import Client
from antiphon.client.errors import ConnectionLost, Refused
from antiphon.client.events import (
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    SessionEnded,
    SessionError,
    ToolCall,
    TranscriptAgent,
    TranscriptAgentDelta,
)
from antiphon.lab.scripted import EnergyVad, LlmTiming, ScriptedLlm, ScriptedStt, ScriptedTts, SttTiming, TtsTiming
from antiphon.lab.tones import ToneCode
from antiphon.server.limits import Limits
from antiphon.session.makings import Stages
from antiphon.types import ToolCall as Call
from tests.server_api.serving import OTHER_KEY, Served, serving
from tests.server_api.test_connections import completed

GREETING = "one two three four five six seven eight nine ten eleven twelve"
CODE = ToneCode([GREETING, "hello there"])


def stages(llm: Any = "hello there") -> Stages:
    return Stages(
        stt=ScriptedStt(CODE, timing=SttTiming.instant()),
        llm=ScriptedLlm(llm, timing=LlmTiming.instant()),
        tts=ScriptedTts(CODE, timing=TtsTiming.instant()),
        vad=EnergyVad(),
    )


def counting(served: Served) -> Client:
    return served.client(extensions=["seq"])


def using(body: Callable[[Served], Awaitable[Any]], *, llm: Any = "hello there", **limits: Any) -> Any:
    async def main() -> Any:
        async with asyncio.timeout(30), serving(made=stages(llm), limits=Limits(**limits)) as served:
            return await body(served)

    return asyncio.run(main())


async def next_of(client: Client, kind: type[Any]) -> Any:
    async for event in client:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__} came")


async def cut_in_greeting(served: Served, **options: Any) -> Any:
    """A client that loses its connection when it has heard a part of the greeting; its session.ready."""
    async with served.client(**options) as client:
        ready = await client.configure(greeting=GREETING)
        await told(client, words=4)
        client._socket.transport.abort()  # type: ignore[union-attr]
    return ready


async def told(client: Client, *, words: int) -> None:
    """Until so many words of a reply were told: each is when it begins to sound, or a moment before."""
    for _ in range(words):
        await next_of(client, TranscriptAgentDelta)


async def heard(client: Client) -> list[str]:
    """All the agent is heard to say until its reply is done."""
    said = (await next_of(client, TranscriptAgent)).text.split()
    assert (await next_of(client, ReplyDone)).status == "completed"
    return said


def test_the_rest_is_heard_on_another_connection_and_the_greeting_no_second_time():
    async def body(served):
        first = await cut_in_greeting(served)
        async with served.client() as client:
            ready = await client.resume(first.session_id)
            assert ready.session_id == first.session_id
            assert ready.config == first.config
            assert ready.resume_token != first.resume_token
            rest = await heard(client)
            await client.end()
            await next_of(client, SessionEnded)
        assert rest == GREETING.split()[-len(rest) :]
        assert 3 < len(rest) < 12
        assert (await completed(served))["public_close_reason"] == "client_end"

    using(body)


@pytest.mark.parametrize("credential", ["api key", "token", "resume token", "resume token in the query"])
def test_every_credential_of_the_account_will_do(credential):
    async def body(served):
        first = await cut_in_greeting(served)
        token = (await served.rest.post("/tokens")).json()["token"]
        options = {
            "api key": {},
            "token": {"api_key": None, "token": token},
            "resume token": {"api_key": first.resume_token},
            "resume token in the query": {"api_key": None, "token": first.resume_token},
        }[credential]
        async with served.client(**options) as client:
            assert (await client.resume(first.session_id)).session_id == first.session_id

    using(body)


async def refused(client: Client, session_id: str) -> str:
    with pytest.raises(Refused) as refusal:
        async with client:
            await client.resume(session_id)
    return refusal.value.code


def test_what_is_not_there_and_what_is_somebody_elses():
    async def body(served):
        first = await cut_in_greeting(served)
        assert await refused(served.client(), "sess_" + "0" * 32) == "session_not_found"
        assert await refused(served.client(api_key=OTHER_KEY), first.session_id) == "session_forbidden"
        async with served.client() as client:
            await client.resume(first.session_id)

    using(body)


def test_a_resume_token_is_for_its_own_session():
    async def body(served):
        first, second = await cut_in_greeting(served), await cut_in_greeting(served)
        assert await refused(served.client(api_key=first.resume_token), second.session_id) == "session_forbidden"
        assert await refused(served.client(api_key=first.resume_token), "sess_0") == "session_forbidden"

    using(body)


def test_after_the_window_it_is_over():
    async def body(served):
        first = await cut_in_greeting(served)
        session = await completed(served)
        assert session["public_close_reason"] == "participant_disconnected"
        assert served.service.sessions == len(served.service.park) == 0
        assert await refused(served.client(), first.session_id) == "session_not_found"

    using(body, resume_window=0.3)


def test_a_session_that_was_ended_is_not_resumed():
    async def body(served):
        async with served.client() as client:
            ready = await client.configure()
            await client.end()
            await next_of(client, SessionEnded)
        assert await refused(served.client(), ready.session_id) == "session_not_found"

    using(body)


def test_a_resume_takes_the_session_from_a_connection_that_is_still_open():
    async def body(served):
        async with served.client() as old, served.client() as new:
            ready = await old.configure(greeting=GREETING)
            await next_of(old, ReplyStarted)
            await new.resume(ready.session_id)
            with pytest.raises(ConnectionLost, match="1008 the session was resumed on another connection"):
                await next_of(old, SessionEnded)
            await next_of(new, ReplyStarted)
            await old.close()
            assert len(await heard(new)) > 8

    using(body)


def test_what_was_sent_into_a_dead_connection_was_not_heard():
    async def body(served):
        async with served.client() as dead, served.client() as client:
            ready = await dead.configure(greeting=GREETING)
            await next_of(dead, ReplyAudio)
            await asyncio.sleep(1.0)
            dead._socket.transport.pause_reading()  # nobody is there to answer a ping
            await asyncio.sleep(5.0)  # longer than the greeting lasts
            await client.resume(ready.session_id)
            rest = await heard(client)
            dead._socket.transport.abort()
        assert rest == GREETING.split()[-len(rest) :]
        assert len(rest) > 3

    using(body)


# --- events with numbers


async def seen(client: Client, *, until: Callable[[Any], bool]) -> list[Any]:
    """Every event, and the last is the one that is waited for."""
    events = []
    async for event in client:
        events.append(event)
        if until(event):
            return events
    raise AssertionError("what was waited for did not come")


def test_a_client_that_counts_gets_the_stream_without_a_gap():
    async def body(served):
        async with counting(served) as client:
            ready = await client.configure(greeting=GREETING)
            before = await seen(client, until=lambda event: type(event) is ReplyAudio)
            await asyncio.sleep(1.0)  # what comes meanwhile is never read
            client._socket.transport.abort()
        async with counting(served) as client:
            again = await client.resume(ready.session_id, before[-1].seq)
            assert (again.replayed, again.seq) == (True, before[-1].seq)
            client._unread.clear()
            after = await seen(client, until=lambda event: type(event) is ReplyDone and event.status == "completed")
        assert [event.seq for event in before + after] == list(range(1, len(before + after) + 1))
        return before, after

    before, after = using(body)
    said = [event for event in after if type(event) is TranscriptAgent]
    assert said[0].interrupted
    assert said[0].text.split() + said[1].text.split()[-12 + len(said[0].text.split()) :] == GREETING.split()
    assert len([event for event in before + after if type(event) is ReplyStarted]) == 2


def test_what_is_not_kept_any_more_is_not_replayed():
    async def body(served):
        async with counting(served) as client:
            ready = await client.configure(greeting=GREETING)
            await next_of(client, ReplyAudio)
            client._socket.transport.abort()
        await asyncio.sleep(0.1)
        (stay,) = served.service.park._stays.values()
        log = stay._protocol.log
        log._kept.clear()
        last = log.last
        async with counting(served) as client:
            again = await client.resume(ready.session_id, 1)
            client._unread.clear()
            event = await next_of(client, ReplyStarted)
            assert (again.replayed, again.seq, event.seq) == (False, last, last + 1)

    using(body)


def test_an_unanswered_call_comes_again_under_its_own_id():
    async def body(served):
        async with counting(served) as client:
            ready = await client.configure(tools=[{"name": "book"}])
            await client.create_reply()
            call = await next_of(client, ToolCall)
            client._socket.transport.abort()
        async with counting(served) as client:
            await client.resume(ready.session_id, client.last_seq or call.seq)
            again = await next_of(client, ToolCall)
            assert (again.call_id, again.name) == (call.call_id, "book")
            await client.tool_result(again.call_id, "done")
            assert (await next_of(client, TranscriptAgent)).text == "hello there"

    using(body, llm=lambda request: "hello there" if request.messages[-1].role == "tool" else [Call("c", "book", {})])


@pytest.mark.parametrize("last_seq", [-1, "x", 1.5, 1 << 60])
def test_a_number_that_is_none(last_seq):
    async def body(served):
        async with counting(served) as client:
            await client._send({"type": "session.resume", "session_id": "sess_0", "last_seq": last_seq})
            assert (await next_of(client, SessionError)).code == "invalid_format"

    using(body)
