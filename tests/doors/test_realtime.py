"""OpenAI's own client, unmodified, talks to `/v1/realtime`."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI

from antiphon.conversation import notices as out
from antiphon.lab.scripted import LlmTiming, ScriptedLlm
from antiphon.providers.base import LlmRequest
from antiphon.session.makings import Hooks
from antiphon.types import Role, ToolCall
from tests.doors.serving import KEY, Served, with_server
from tests.server.serving import CODE, agent

RATE = 24_000
ORDER = "i want to book a table please"
LONG = "hello caller your table is booked " * 6
TOOL: Any = {
    "type": "function",
    "name": "book_table",
    "description": "Books a table.",
    "parameters": {"type": "object", "properties": {"people": {"type": "integer"}}},
}


class Talk:
    """A connection of the client's, and every event that came."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.events: list[Any] = []

    async def until(self, kind: str, count: int = 1) -> Any:
        async with asyncio.timeout(15):
            while True:
                event = await self.connection.recv()
                self.events.append(event)
                if event.type == kind and (count := count - 1) == 0:
                    return event

    async def say(self, text: str) -> None:
        pcm = CODE.speak(text, RATE)[0] + bytes(RATE * 2)
        for at in range(0, len(pcm), 960):
            await self.connection.input_audio_buffer.append(audio=base64.b64encode(pcm[at : at + 960]).decode())
            await asyncio.sleep(0.02)

    @property
    def kinds(self) -> list[str]:
        return [event.type for event in self.events]

    def heard(self) -> list[str]:
        audio = [base64.b64decode(e.delta) for e in self.events if e.type == "response.output_audio.delta"]
        return [word.text for word in CODE.decode(b"".join(audio), RATE)]


@contextlib.asynccontextmanager
async def talking(here: Served, *, key: str = KEY, **session: Any) -> AsyncIterator[Talk]:
    client = AsyncOpenAI(api_key=key, websocket_base_url=f"ws://{here.place}/v1")
    async with client, client.realtime.connect(model="antiphon") as connection:
        talk = Talk(connection)
        await talk.until("session.created")
        if session:
            await connection.session.update(session={"type": "realtime", **session})
            await talk.until("session.updated")
        yield talk


def booking(request: LlmRequest) -> Any:
    if any(message.role is Role.TOOL for message in request.messages):
        return "Your table is booked."
    return [ToolCall("call_1", "book_table", {"people": 4})]


def test_a_turn_is_heard_transcribed_and_answered() -> None:
    async def test(here: Served) -> None:
        async with talking(here, instructions="Take bookings.") as talk:
            await asyncio.gather(talk.say(ORDER), talk.until("response.done"))
            assert talk.events[1].session.instructions == "Take bookings."
            said = next(e for e in talk.events if e.type == "conversation.item.input_audio_transcription.completed")
            assert said.transcript == ORDER
            assert talk.heard() == ["your", "table", "is", "booked"]
            done = talk.events[-1].response
            assert done.status == "completed" and done.output[0].content[0].transcript == "Your table is booked."
        wanted = [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "response.created",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_audio.delta",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.done",
        ]
        firsts = [talk.kinds.index(kind) for kind in wanted]
        assert firsts == sorted(firsts)

    with_server(test)


def test_a_function_is_called_and_its_result_is_spoken_of_once() -> None:
    async def test(here: Served) -> None:
        async with talking(here, tools=[TOOL]) as talk:
            await talk.connection.conversation.item.create(
                item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "book it"}]}
            )
            await talk.connection.response.create()
            called = await talk.until("response.function_call_arguments.done")
            assert (called.name, called.arguments) == ("book_table", '{"people":4}')
            await talk.until("response.done")
            await talk.connection.conversation.item.create(
                item={"type": "function_call_output", "call_id": called.call_id, "output": '{"ok": true}'}
            )
            await talk.connection.response.create()
            done = await talk.until("response.done")
            assert done.response.output[0].content[0].transcript == "Your table is booked."
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(talk.until("response.created"), 0.5)

    with_server(test, agent(llm=ScriptedLlm(booking, timing=LlmTiming.instant())))


def test_a_barge_in_cancels_the_response_and_truncate_says_what_was_played() -> None:
    notices: list[out.Notice] = []

    async def test(here: Served) -> None:
        async with talking(here, instructions="Talk.") as talk:
            await talk.connection.response.create(response={"instructions": "Talk at length."})
            first = await talk.until("response.output_audio.delta", count=30)
            speaking = asyncio.create_task(talk.say(ORDER))
            await talk.until("input_audio_buffer.speech_started")
            await talk.connection.conversation.item.truncate(item_id=first.item_id, content_index=0, audio_end_ms=1150)
            await talk.until("conversation.item.truncated")
            done = await talk.until("response.done")
            assert done.response.status == "cancelled" and done.response.status_details.reason == "turn_detected"
            await talk.connection.conversation.item.retrieve(item_id=first.item_id)
            kept = await talk.until("conversation.item.retrieved")
            told = next(notice for notice in notices if isinstance(notice, out.AgentTranscript))
            assert kept.item.content[0].transcript == told.text and told.interrupted
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    llm = ScriptedLlm(LONG, timing=LlmTiming.instant())
    with_server(test, agent(llm=llm, hooks=Hooks(on_notice=notices.append)))


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({"type": "session.destroy", "event_id": "e1"}, "invalid_value", "type"),
        ({"event_id": "e1"}, "missing_required_parameter", "type"),
        ({"type": "session.update", "event_id": "e1", "session": {"colour": 1}}, "unknown_parameter", "session.colour"),
        (
            {"type": "session.update", "event_id": "e1", "session": {"audio": {"input": {"turn_detection": None}}}},
            "unsupported_value",
            "session.audio.input.turn_detection",
        ),
        ({"type": "input_audio_buffer.append", "event_id": "e1", "audio": "AAA="}, None, None),
        ({"type": "conversation.item.retrieve", "event_id": "e1", "item_id": "x"}, "item_not_found", "item_id"),
        ({"type": "response.cancel", "event_id": "e1"}, "response_cancel_not_active", None),
        (
            {"type": "response.create", "event_id": "e1", "response": {"conversation": "none"}},
            "unsupported_value",
            None,
        ),
    ],
)
def test_what_cannot_be_done_is_told_as_an_error_of_that_event(event: Any, code: str | None, param: str | None) -> None:
    async def test(here: Served) -> None:
        async with talking(here) as talk:
            await talk.connection.send(event)
            if code is None:
                event["audio"] = "AA=="  # half a sample
                await talk.connection.send(event)
            error = (await talk.until("error")).error
            assert error.event_id == "e1" and error.type == "invalid_request_error"
            assert error.code == (code or "invalid_value") and (param is None or error.param == param)
            await talk.connection.session.update(session={"type": "realtime", "instructions": "Go on."})
            await talk.until("session.updated")

    with_server(test)


def test_a_wrong_key_is_told_and_the_connection_closed() -> None:
    async def test(here: Served) -> None:
        client = AsyncOpenAI(api_key="not-a-key-of-this-server", websocket_base_url=f"ws://{here.place}/v1")
        async with client, client.realtime.connect(model="antiphon") as connection:
            event = await connection.recv()
            assert event.type == "error" and event.error.code == "invalid_api_key"
            with pytest.raises(Exception, match="3000"):
                await asyncio.wait_for(connection.recv(), 5)

    with_server(test)
