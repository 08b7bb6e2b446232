"""What is kept of a call, from when on, and until when."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from antiphon.client import Client
from antiphon.client.events import ReplyAudio, ReplyDone, TranscriptAgent
from antiphon.conversation.settings import Settings
from antiphon.server.journal import Consented, read
from antiphon.server.stores.sqlite import SqliteStore
from antiphon.session.makings import SessionOptions
from tests.server_api.serving import Served, serving
from tests.server_api.test_connections import call, completed

soundfile = pytest.importorskip("soundfile")

CANARY = "canary under the eaves"
DAY = 86_400.0


def kept(folder: Path) -> list[str]:
    """The files that hold something of a call: its recording, or a word that was said in it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if path.suffix == ".ogg" or CANARY.encode() in path.read_bytes()]


async def told(served: Served) -> str:
    """A call in which the canary is said; returns its id."""
    async with served.client() as client:
        await client.configure(greeting="hello there")
        await client.add_message("user", CANARY)
        await client.create_reply(instructions=CANARY)
        await ended_after(client, 2)
    found: str = (await completed(served))["id"]
    return found


async def ended_after(client: Client, replies: int) -> list[str]:
    """What the agent was heard to say until then."""
    said, done = [], 0
    async for event in client:
        if isinstance(event, TranscriptAgent):
            said.append(event.text)
        elif isinstance(event, ReplyDone):
            done += 1
            if done == replies:
                await client.end()
    return said


def stored(folder: Path, **options: Any) -> Any:
    return serving(store=SqliteStore(folder / "sessions.db"), recordings=folder / "calls", **options)


def test_after_the_days_it_is_kept_nothing_is_left_of_a_call(tmp_path):
    async def main() -> None:
        async with asyncio.timeout(30), stored(tmp_path, keep_sessions=3 * DAY) as served:
            session_id = await told(served)
            began = time.time()
            served.service.now = lambda: began + 2.9 * DAY
            await served.service.purge()
            assert len(kept(tmp_path)) >= 2 and await served.service.store.session(session_id)
            served.service.now = lambda: began + 3.1 * DAY
            await served.service.purge()
            assert kept(tmp_path) == [] and await served.service.store.session(session_id) is None
            assert await served.service.store.journal(session_id) == []

    asyncio.run(main())


def test_a_call_that_is_deleted_leaves_nothing(tmp_path):
    async def main() -> None:
        async with asyncio.timeout(30), stored(tmp_path) as served:
            session_id = await told(served)
            other = tmp_path / "calls" / f"{session_id}.2.ogg"  # of a second owner
            other.write_bytes(b"OggS")
            assert len(kept(tmp_path)) >= 3
            assert (await served.rest.delete(f"/sessions/{session_id}")).status_code == 204
            assert kept(tmp_path) == []
            for path in ("", "/artifacts/audio", "/artifacts/timeline"):
                assert (await served.rest.get(f"/sessions/{session_id}{path}")).status_code == 404

    asyncio.run(main())


def test_a_call_that_is_deleted_while_it_lasts_leaves_nothing_either(tmp_path):
    async def main() -> None:
        async with asyncio.timeout(30), stored(tmp_path) as served:
            async with served.client() as client:
                ready = await client.configure(greeting="hello there")
                await client.add_message("user", CANARY)
                async for event in client:
                    if isinstance(event, ReplyDone):
                        await served.rest.delete(f"/sessions/{ready.session_id}")
            while served.service.sessions or served.service.park.has_clients:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert kept(tmp_path) == []

    asyncio.run(main())


# --- consent ------------------------------------------------------------------------------------------------------

CONSENT = SessionOptions(settings=Settings(consent_line="yes there yes there", idle_after=None))


def test_the_line_comes_first_and_nothing_is_recorded_before_it_was_heard(tmp_path):
    async def main() -> None:
        async with asyncio.timeout(30), serving(recordings=tmp_path, session=CONSENT) as served:
            async with served.client() as client:
                ready = await client.configure(greeting="hello there")
                said = await ended_after(client, 2)
            assert said == ["yes there yes there", "hello there"]
            await completed(served)
            entries = map(read, await served.service.store.journal(ready.session_id))
            (consented,) = [entry.at for entry in entries if isinstance(entry, Consented)]
            audio, rate = soundfile.read(tmp_path / f"{ready.session_id}.ogg")
            loud = np.flatnonzero(np.abs(audio[:, 1]) > 0.05) / rate
            assert consented / 1000 - 0.2 < loud[0] < consented / 1000 + 1.0  # of the greeting
            assert len(loud) > 0.2 * rate * 0.1

    asyncio.run(main())


def test_where_nothing_is_recorded_nobody_is_asked():
    async def main() -> list[str]:
        async with asyncio.timeout(30), serving(session=CONSENT) as served:
            await call(served.client())
            timeline = f"/sessions/{(await completed(served))['id']}/artifacts/timeline"
            turns = (await served.rest.get(timeline)).json()["turns"]
            return [turn["agent_text"] for turn in turns]

    assert asyncio.run(main()) == ["hello there"]


def test_a_client_that_stops_the_line_is_not_recorded(tmp_path):
    async def main() -> None:
        async with asyncio.timeout(30), serving(recordings=tmp_path, session=CONSENT) as served:
            async with served.client() as client:
                await client.configure(greeting="hello there")
                async for event in client:
                    if isinstance(event, ReplyAudio):
                        await client.cancel_reply(event.reply_id)
                        break
                await ended_after(client, 2)
            await completed(served)
            assert list(tmp_path.iterdir()) == []

    asyncio.run(main())
