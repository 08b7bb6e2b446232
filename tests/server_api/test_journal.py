"""The journal of a session: written behind its back, in order, by its owner alone; and the timeline made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.lab import virtual
from antiphon.server import journal as to
from antiphon.server.journal_hooks import JournalHooks
from antiphon.server.stores.base import Changes, SessionRecord, StaleEpoch, StoreUnavailable
from antiphon.server.stores.memory import MemoryStore
from antiphon.server.timeline import timeline
from antiphon.types import Cost

RECORD = SessionRecord(id="s", account="a", key_name="k", created_at=0.0, expires_at=1e9, seen_at=0.0)


class Failing(MemoryStore):
    """Cannot be written to at first."""

    failures = 2

    async def write(self, id: str, epoch: int, changes: Changes) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("out of order")
        await super().write(id, epoch, changes)


def writing(body: Callable[[to.Journal], Awaitable[Any]], store: MemoryStore | None = None) -> MemoryStore:
    """Runs `body` with a journal, in virtual time; returns the store."""
    store = store or MemoryStore()

    async def main() -> None:
        await store.create(RECORD)
        journal = to.Journal(store, RECORD, now=asyncio.get_running_loop().time)
        await body(journal)
        await journal.close()

    virtual.run(main())
    return store


def entries(store: MemoryStore) -> list[to.Entry]:
    return [to.read(entry) for entry in asyncio.run(store.journal("s"))]


def record(store: MemoryStore) -> SessionRecord:
    found = asyncio.run(store.session("s"))
    assert found
    return found


def said(text: str) -> to.UserSaid:
    return to.UserSaid(at=1, item_id="i", text=text)


def test_what_was_put_is_in_the_store_once_it_is_durable():
    async def body(journal):
        journal.put(said("one"), said("two"), state=b"x")
        journal.put(said("three"))
        await journal.durable()
        assert len(await journal._store.journal("s")) == 3

    store = writing(body)
    assert entries(store) == [said("one"), said("two"), said("three")]
    assert record(store).state == b"x"


def test_a_session_gives_signs_of_life():
    async def body(journal):
        await asyncio.sleep(17)

    assert record(writing(body)).seen_at == 15.0


def test_the_heard_position_is_soon_in_the_store():
    async def main() -> None:
        store, loop = MemoryStore(), asyncio.get_running_loop()
        await store.create(RECORD)
        standing = lambda: {"heard_reply": "r", "heard_samples": int(loop.time() * 24_000)}  # noqa: E731
        journal = to.Journal(store, RECORD, standing=standing, now=loop.time)
        journal.moves(True)
        for _ in range(50):
            await asyncio.sleep(0.07)
            behind = loop.time() - (await store.session("s")).heard_samples / 24_000
            assert behind <= 0.25 or loop.time() < 0.25
        await journal.close()

    virtual.run(main())


def test_a_store_that_fails_for_a_while_loses_nothing():
    async def body(journal):
        journal.put(said("one"), state=b"1")
        await asyncio.sleep(0.5)
        journal.put(said("two"), state=b"2")
        await journal.durable()

    store = writing(body, Failing())
    assert entries(store) == [said("one"), said("two")]
    assert record(store).state == b"2"


def test_an_owner_who_lost_the_session_is_told_and_writes_no_more():
    lost = []

    async def main() -> MemoryStore:
        store = MemoryStore()
        await store.create(RECORD)
        journal = to.Journal(store, RECORD, on_lost=lost.append)
        await store.claim("s", 1, seen_at=1.0)
        for text in ("one", "two"):
            journal.put(said(text))
            await journal.durable()
        await journal.close()
        return store

    assert entries(virtual.run(main())) == []
    assert [type(error) for error in lost] == [StaleEpoch]


def test_a_store_that_is_gone_does_not_keep_a_session_from_closing():
    async def body(journal):
        journal.put(said("one"))

    class Gone(Failing):
        failures = 10**9

    assert entries(writing(body, Gone())) == []


def test_a_store_that_fails_keeps_nobody_waiting_for_long():
    async def body(journal):
        loop, waits = asyncio.get_running_loop(), []
        for _ in range(3):
            began = loop.time()
            journal.put(said("one"))
            await journal.settled()
            waits.append(loop.time() - began)
        assert waits == pytest.approx([0.5, 0.0, 0.0])
        await asyncio.sleep(5)
        journal.put(said("two"))
        await journal.settled()
        assert len(await journal._store.journal("s")) == 4

    writing(body, Failing())


# --- what is noted, and the timeline of it


def noted(*steps: Any) -> dict[str, Any]:
    """The timeline of these notices and events, a tenth of a second apart."""

    async def body(journal: to.Journal) -> None:
        hooks = JournalHooks(journal)
        for step in steps:
            if type(step).__module__ == ev.__name__:
                hooks.step(0.0, step, [])
            else:
                hooks.notice(step)
            await asyncio.sleep(0.1)

    store = writing(body)
    return timeline(record(store), entries(store))


REPLY = [
    out.ReplyStarted("r", "m"),
    ev.ReplyText("r", "fine"),
    ev.PlayoutStarted("r"),
    ev.PlayoutStarved("r"),
]
TURN = [out.SpeechStarted(), out.SpeechStopped(), out.UserTranscript("i", "yes")]
COMPLETED = [out.AgentTranscript("r", "m", "fine", False), out.ReplyDone("r", out.ReplyStatus.COMPLETED)]
INTERRUPTED = [out.AgentTranscript("r", "m", "fi", True), out.ReplyDone("r", out.ReplyStatus.INTERRUPTED)]


def test_a_turn_and_its_reply_are_one_turn_of_the_timeline():
    (turn,) = noted(*TURN, *REPLY, *COMPLETED)["turns"]
    assert (turn["trigger"], turn["status"], turn["item_id"]) == ("user_speech", "completed", "i")
    assert (turn["user_transcript"], turn["agent_text"]) == ("yes", "fine")
    times = [turn[f"user_speech_{edge}_at_ms"] for edge in ("started", "ended")]
    times += [turn[f"agent_reply_{edge}_at_ms"] for edge in ("started", "ended")]
    assert times == pytest.approx([0, 100, 300, 800], abs=1)
    assert turn["time_to_first_audio_ms"] == pytest.approx(400, abs=1)


def test_an_interrupted_reply():
    (turn,) = noted(*REPLY, *INTERRUPTED)["turns"]
    assert (turn["trigger"], turn["status"], turn["agent_text"]) == ("greeting", "interrupted", "fi")
    assert turn["interrupted_at_ms"] == turn["agent_reply_ended_at_ms"]


def test_a_turn_that_nobody_answered():
    first, second = noted(*TURN, out.SpeechStarted(), out.SpeechStopped(), out.UserTranscript("j", "hello?"))["turns"]
    assert [turn["status"] for turn in (first, second)] == ["unanswered"] * 2
    assert [turn["user_transcript"] for turn in (first, second)] == ["yes", "hello?"]


def test_speech_without_words_is_no_turn():
    assert noted(out.SpeechStarted(), out.SpeechStopped())["turns"] == []


def test_a_tool_call_and_its_result():
    call = out.ToolCalled("c", "order", {"size": 2})
    after = [out.ReplyStarted("s", "n"), out.ReplyDone("s", out.ReplyStatus.COMPLETED)]
    first, second = noted(*REPLY, call, *COMPLETED, ev.ToolReturned("c", "done"), *after)["turns"]
    (tool,) = first["tool_calls"]
    assert (tool["name"], tool["arguments"], tool["result"]) == ("order", {"size": 2}, "done")
    assert tool["duration_ms"] == pytest.approx(300, abs=1)
    assert (second["trigger"], second["tool_calls"]) == ("tool_result", [])


def test_a_tool_that_never_answered():
    call = out.ToolCalled("c", "order", {})
    late = ev.ToolReturned("c", "too late")
    (turn,) = noted(*REPLY, call, ev.TimerFired("tool:c"), late, ev.ToolReturned("else", "x"))["turns"]
    (tool,) = turn["tool_calls"]
    assert (tool["timed_out"], tool["is_error"], tool["result"]) == (True, True, None)


def test_a_reply_that_was_asked_for():
    (turn,) = noted(ev.ReplyRequested("be kind"), *REPLY, *COMPLETED)["turns"]
    assert (turn["trigger"], turn["requested_instructions"]) == ("reply_create", "be kind")


def test_a_session_that_still_lasts_has_no_end():
    assert noted(*REPLY)["ended"] is None


def test_what_replies_and_the_session_cost_is_kept():
    cost = Cost(input_tokens=7, llm_usd=0.25, tts_usd=None)
    told = noted(*REPLY, out.ReplyCost("r", cost, cost), *COMPLETED)
    assert told["turns"][0]["cost"]["input_tokens"] == 7
    assert (told["cost"]["llm_usd"], told["cost"]["usd"]) == (0.25, None)
    assert noted(*REPLY, out.SessionEnded("client_end", 1.0, cost + cost))["cost"]["llm_usd"] == 0.5
    assert noted(*REPLY)["cost"] is None
