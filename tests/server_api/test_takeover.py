"""A session goes on in another process, from what is stored of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from antiphon.client.errors import ConnectionLost
from antiphon.client.events import ReplyDone, SessionEnded, ToolCall, TranscriptAgent
from antiphon.conversation.recovery import OUTCOME_UNKNOWN
from antiphon.lab.scripted import LlmTiming, ScriptedLlm
from antiphon.providers.base import LlmRequest
from antiphon.server.limits import Limits
from antiphon.server.stores.sqlite import SqliteStore
from antiphon.session.makings import Hooks
from antiphon.session.session import Session
from antiphon.types import Role
from antiphon.types import ToolCall as Call
from tests.server_api.serving import OTHER_KEY, Served, serving
from tests.server_api.test_connections import completed
from tests.server_api.test_resume import GREETING, cut_in_greeting, heard, next_of, refused, stages, told

Pair = Callable[[Served, Served], Awaitable[Any]]


def pair(tmp_path: Path, body: Pair, *, llm: Any = None, on_session: Any = None, **limits: Any) -> Any:
    """Two servers that share a store."""

    def options() -> dict[str, Any]:
        made = stages()
        if llm:
            made = type(made)(
                stt=made.stt, llm=ScriptedLlm(llm, timing=LlmTiming.instant()), tts=made.tts, vad=made.vad
            )
        store = SqliteStore(tmp_path / "sessions.db")
        return {"made": made, "store": store, "limits": Limits(**limits), "hooks": Hooks(on_session=on_session)}

    async def main() -> Any:
        async with asyncio.timeout(30), serving(**options()) as one, serving(**options()) as other:
            return await body(one, other)

    return asyncio.run(main())


def die(served: Served) -> None:
    """As if its process were killed: nothing of it is stored any more."""
    for stay in served.service.park._stays.values():
        stay.booking.journal._lose()


def later(served: Served) -> None:
    """A hundred seconds pass."""
    now = served.service.now
    served.service.now = lambda: now() + 100  # type: ignore[method-assign]


def test_the_rest_of_a_reply_is_spoken_by_the_other_process(tmp_path):
    async def body(one, other):
        async with one.client() as client:
            ready = await client.configure(greeting=GREETING)
            await told(client, words=5)
            die(one)
        async with other.client() as client:
            again = await client.resume(ready.session_id)
            assert (again.session_id, again.config) == (ready.session_id, ready.config)
            rest = await heard(client)
            await client.end()
            await next_of(client, SessionEnded)
        assert rest == GREETING.split()[-len(rest) :]
        assert 3 < len(rest) < 10
        session = await completed(other)
        assert session["duration_seconds"] > 2
        timeline = (await other.rest.get(f"/sessions/{session['id']}/artifacts/timeline")).json()
        first, _second = timeline["turns"]
        assert (first["trigger"], first["status"]) == ("greeting", "interrupted")
        assert first["agent_text"].split() + rest == GREETING.split()

    pair(tmp_path, body)


def test_an_owner_that_was_only_slow_lets_go(tmp_path):
    async def body(one, other):
        async with one.client() as old, other.client() as new:
            ready = await old.configure(greeting=GREETING)
            await told(old, words=2)
            await new.resume(ready.session_id)
            with pytest.raises(ConnectionLost, match="resumed on another connection"):
                await next_of(old, SessionEnded)
            await heard(new)
            assert one.service.sessions == 0

    pair(tmp_path, body)


def test_a_server_that_stops_hands_its_sessions_over(tmp_path):
    async def body(one, other):
        async with one.client() as client:
            ready = await client.configure(greeting=GREETING)
            await told(client, words=4)
            await one.service.park.hand_over()
            with pytest.raises(ConnectionLost, match="1012 the server stops; resume the session"):
                await next_of(client, SessionEnded)
            assert len(one.service.park) == one.service.sessions == 0
        async with other.client(api_key=ready.resume_token) as client:
            await client.resume(ready.session_id)
            rest = await heard(client)
            assert rest == GREETING.split()[-len(rest) :]

    pair(tmp_path, body)


def test_what_was_said_is_remembered(tmp_path):
    sessions: list[Session] = []

    def answer(request: LlmRequest) -> str:
        return f"hello {len(request.messages)}"

    async def body(one, other):
        async with one.client() as client:
            ready = await client.configure(system_prompt="Be kind.")
            await client.add_message("user", "there")
            await client.create_reply()
            await next_of(client, ReplyDone)
            die(one)
        async with other.client() as client:
            await client.resume(ready.session_id)
            await client.create_reply()
            await next_of(client, ReplyDone)
        return [[(m.role, m.text) for m in session.history] for session in sessions]

    before, after = pair(tmp_path, body, llm=answer, on_session=sessions.append)
    assert before == [(Role.USER, "there"), (Role.ASSISTANT, "hello 2")]
    assert after[: len(before)] == before
    assert after[-1][1] == "hello 4"


@pytest.mark.parametrize("idempotent", [False, True])
def test_a_tool_whose_outcome_is_unknown_is_run_again_only_if_it_may_be(tmp_path, idempotent):
    asked: list[LlmRequest] = []

    def answer(request: LlmRequest) -> Any:
        asked.append(request)
        return "hello there" if request.messages[-1].role is Role.TOOL else [Call("call_1", "book", {"for": 2})]

    async def body(one, other):
        tool = {"name": "book", "idempotent": idempotent}
        async with one.client() as client:
            ready = await client.configure(tools=[tool])
            await client.create_reply()
            await next_of(client, ToolCall)
            die(one)
        async with other.client() as client:
            await client.resume(ready.session_id)
            if idempotent:
                call = await next_of(client, ToolCall)
                assert (call.call_id, call.arguments) == ("call_1", {"for": 2})
                await client.tool_result(call.call_id, "done")
            while (await next_of(client, TranscriptAgent)).text != "hello there":
                pass
        return asked[-1].messages[-1].text

    assert pair(tmp_path, body, llm=answer) == ("done" if idempotent else OUTCOME_UNKNOWN)


def test_who_may_not_have_it_and_who_comes_too_late(tmp_path):
    async def body(one, other):
        ready = await cut_in_greeting(one)
        assert await refused(other.client(api_key=OTHER_KEY), ready.session_id) == "session_forbidden"
        async with other.client() as client:
            await client.resume(ready.session_id)
            await client.end()
            await next_of(client, SessionEnded)
        assert await refused(other.client(), ready.session_id) == "session_not_found"

    pair(tmp_path, body)


def test_a_session_whose_time_is_up(tmp_path):
    async def body(one, other):
        ready = await cut_in_greeting(one)
        die(one)
        later(other)
        assert await refused(other.client(), ready.session_id) == "session_expired"

    pair(tmp_path, body, session_duration=60, resume_window=1000)


def test_sessions_that_nobody_comes_for_are_closed(tmp_path):
    async def body(one, other):
        await cut_in_greeting(one)
        die(one)
        later(other)
        await other.service.takeover.close_abandoned()
        assert (await completed(other))["public_close_reason"] == "participant_disconnected"

    pair(tmp_path, body)
