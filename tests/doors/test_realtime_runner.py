"""The realtime runner of `openai-agents`, unmodified, against `/v1/realtime`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from antiphon.conversation import notices as out
from antiphon.lab.scripted import LlmTiming, ScriptedLlm
from antiphon.session.makings import Hooks
from tests.doors.serving import KEY, Served, with_server
from tests.doors.test_realtime import LONG, ORDER, RATE, booking
from tests.server.serving import CODE, agent

agents = pytest.importorskip("agents", reason="needs openai-agents")
realtime = pytest.importorskip("agents.realtime")

WORDS = ["your", "table", "is", "booked"]


class Run:
    """A session of the runner's, and every event it told."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.events: list[Any] = []

    async def until(self, kind: str, count: int = 1) -> Any:
        async with asyncio.timeout(15):
            async for event in self.session:
                self.events.append(event)
                assert event.type != "error", event
                if event.type == kind and (count := count - 1) == 0:
                    return event

    async def say(self, text: str) -> None:
        pcm = CODE.speak(text, RATE)[0] + bytes(RATE * 2)
        for at in range(0, len(pcm), 960):
            await self.session.send_audio(pcm[at : at + 960])
            await asyncio.sleep(0.02)

    def heard(self) -> list[str]:
        audio = b"".join(event.audio.data for event in self.events if event.type == "audio")
        return [word.text for word in CODE.decode(audio, RATE)]


@contextlib.asynccontextmanager
async def running(here: Served, **options: Any) -> AsyncIterator[Run]:
    runner = realtime.RealtimeRunner(
        realtime.RealtimeAgent(name="Rosa", instructions="Take bookings.", **options),
        config={"tracing_disabled": True},
    )
    url = f"ws://{here.place}/v1/realtime?model=antiphon"
    async with await runner.run(model_config={"url": url, "api_key": KEY}) as session:
        yield Run(session)


def test_a_turn_that_is_spoken_is_answered_and_in_the_history_of_the_runner() -> None:
    async def test(here: Served) -> None:
        async with running(here) as run:
            speaking = asyncio.create_task(run.say(ORDER))
            await run.until("agent_end")
            await speaking
            assert run.heard() == WORDS
            said = [item.content[0].transcript for item in run.session._history if item.role != "system"]
            assert said == [ORDER, "Your table is booked."]

    with_server(test)


def test_a_function_of_the_runner_is_run_and_its_result_spoken_of_once() -> None:
    booked: list[int] = []

    def book_table(people: int) -> str:
        """Books a table."""
        booked.append(people)
        return "done"

    async def test(here: Served) -> None:
        async with running(here, tools=[agents.function_tool(book_table)]) as run:
            await run.session.send_message("Book it.")
            await run.until("tool_end")
            await run.until("audio_end")
            assert booked == [4] and run.heard() == WORDS
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(run.until("agent_start"), 0.5)

    with_server(test, agent(llm=ScriptedLlm(booking, timing=LlmTiming.instant())))


def test_a_barge_in_stops_the_playback_and_the_truncate_is_what_the_history_holds() -> None:
    notices: list[out.Notice] = []

    async def test(here: Served) -> None:
        async with running(here) as run:
            await run.session.send_message("Talk at length.")
            first = await run.until("audio", count=30)
            speaking = asyncio.create_task(run.say(ORDER))
            await run.until("audio_interrupted")
            await run.until("agent_end")
            cut = next(notice for notice in notices if isinstance(notice, out.AgentTranscript))
            assert cut.interrupted and 0 < len(cut.text) < len(LONG)
            raw = [e.data.data for e in run.events if e.type == "raw_model_event" and e.data.type == "raw_server_event"]
            played = next(e["audio_end_ms"] for e in raw if e["type"] == "conversation.item.truncated")
            audio = b"".join(e.audio.data for e in run.events if e.type == "audio" and e.item_id == first.item_id)
            words = CODE.decode(audio[: played * RATE // 1000 * 2], RATE)
            assert abs(len(cut.text.split()) - len(words)) <= 1
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    llm = ScriptedLlm(LONG, timing=LlmTiming.instant())
    with_server(test, agent(llm=llm, hooks=Hooks(on_notice=notices.append)))
