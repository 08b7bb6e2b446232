"""What every store does, for each of them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from antiphon.errors import ConfigError
from antiphon.server.stores.base import (
    Changes,
    Document,
    SessionMissing,
    SessionRecord,
    StaleEpoch,
    Store,
    StoreUnavailable,
)
from antiphon.server.stores.memory import MemoryStore
from antiphon.server.stores.redis import RedisStore
from antiphon.server.stores.sqlite import SqliteStore
from tests.stores.redis_server import missing, redis_server

Run = Callable[[Callable[[Store], Awaitable[None]]], None]


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    if why := missing():
        pytest.skip(why)
    with redis_server() as url:
        yield url


@pytest.fixture(params=["memory", "sqlite", "redis"])
def make(request: pytest.FixtureRequest, tmp_path) -> Callable[[], Store]:
    """Makes a store over the same data, as another process would; memory has no other process."""
    match request.param:
        case "memory":
            store = MemoryStore()
            return lambda: store
        case "sqlite":
            return lambda: SqliteStore(tmp_path / "new" / "sessions.db")
        case _:
            url = request.getfixturevalue("redis_url")
            return lambda: RedisStore(url, prefix=f"{request.node.name}:")


@pytest.fixture
def run(make) -> Run:
    """Runs a test's body with an open store."""

    async def main(body: Callable[[Store], Awaitable[None]]) -> None:
        async with opened(make) as store:
            await body(store)

    return lambda body: asyncio.run(main(body))


@asynccontextmanager
async def opened(make: Callable[[], Store]) -> AsyncIterator[Store]:
    store = make()
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


def document(id: str, *, created_at: float = 1.0, account: str = "a", body: bytes = b"{}") -> Document:
    return Document(kind="agent", id=id, account=account, created_at=created_at, body=body)


def session(id: str = "s", *, created_at: float = 1.0, **fields) -> SessionRecord:
    fields = {"account": "a", "key_name": "k", "expires_at": 9e9, "seen_at": created_at, **fields}
    return SessionRecord(id=id, created_at=created_at, **fields)


# --- documents


def test_a_document_is_what_was_put_last(run):
    async def body(store):
        await store.put(document("x", body=b"old"))
        await store.put(document("x", body=b"new"))
        assert await store.document("agent", "x") == document("x", body=b"new")
        assert await store.document("webhook", "x") is None
        assert len(await store.documents("agent", account="a", limit=9)) == 1

    run(body)


def test_a_deleted_document_is_gone(run):
    async def body(store):
        await store.put(document("x"))
        assert await store.delete("agent", "x")
        assert not await store.delete("agent", "x")
        assert await store.document("agent", "x") is None
        assert await store.documents("agent", account="a", limit=9) == []

    run(body)


def test_documents_are_paged_newest_first_and_an_account_sees_its_own(run):
    async def body(store):
        for n in range(7):
            await store.put(document(f"d{n}", created_at=float(n // 2)))  # pairs of one time
        await store.put(document("other", account="b", created_at=3.0))
        seen, after = [], None
        while page := await store.documents("agent", account="a", limit=2, after=after):
            seen += [item.id for item in page]
            after = (page[-1].created_at, page[-1].id)
        assert seen == ["d6", "d5", "d4", "d3", "d2", "d1", "d0"]

    run(body)


# --- tokens


def test_a_token_is_used_once_however_many_try(run, make):
    async def body(store):
        async with opened(make) as other:
            expires_at = time.time() + 60
            uses = (it.use_token("t", expires_at=expires_at) for it in [store, other] * 10)
            assert sum(await asyncio.gather(*uses)) == 1

    run(body)


# --- sessions


def test_a_session_is_kept_whole(run):
    record = session(agent_id="agent_1", settings=b"\x00\xff", state=b"{}", heard_reply="r", heard_samples=7)

    async def body(store):
        assert await store.session("s") is None
        await store.create(record)
        assert await store.session("s") == record

    run(body)


def test_a_write_changes_what_it_names_and_adds_to_the_journal(run):
    async def body(store):
        await store.create(session(settings=b"s"))
        await store.write("s", 1, Changes(seen_at=2.0, state=b"x", entries=(b"1", b"2")))
        await store.write("s", 1, Changes(seen_at=3.5, heard_reply="r", heard_samples=240, entries=(b"3",)))
        assert await store.session("s") == session(
            settings=b"s", state=b"x", seen_at=3.5, heard_reply="r", heard_samples=240
        )
        assert await store.journal("s") == [b"1", b"2", b"3"]

    run(body)


def test_whoever_claims_a_session_is_its_only_writer(run, make):
    async def body(store):
        await store.create(session(state=b"kept"))
        async with opened(make) as other:
            claimed = await other.claim("s", 1, seen_at=5.0)
            assert (claimed.epoch, claimed.state, claimed.seen_at) == (2, b"kept", 5.0)
            with pytest.raises(StaleEpoch):
                await store.write("s", 1, Changes(seen_at=6.0, state=b"lost", entries=(b"lost",)))
            await other.write("s", 2, Changes(seen_at=7.0, entries=(b"new",)))
        assert (await store.session("s")).state == b"kept"
        assert await store.journal("s") == [b"new"]

    run(body)


def test_of_many_who_claim_at_once_one_gets_it(run, make):
    async def body(store):
        await store.create(session())
        async with opened(make) as other:
            claims = (it.claim("s", 1, seen_at=2.0) for it in [store, other] * 5)
            done = await asyncio.gather(*claims, return_exceptions=True)
        assert sorted(type(item).__name__ for item in done) == ["SessionRecord"] + ["StaleEpoch"] * 9
        assert (await store.session("s")).epoch == 2

    run(body)


def test_two_writers_leave_every_entry_of_each_in_its_order(run, make):
    async def body(store):
        await store.create(session())

        async def write(writer: Store, name: str) -> None:
            for n in range(20):
                await writer.write("s", 1, Changes(seen_at=float(n), entries=(f"{name}{n}".encode(),)))

        async with opened(make) as other:
            await asyncio.gather(write(store, "a"), write(other, "b"))
        entries = await store.journal("s")
        for name in (b"a", b"b"):
            assert [e for e in entries if e.startswith(name)] == [name + str(n).encode() for n in range(20)]

    run(body)


def test_a_session_that_is_not_there(run):
    async def body(store):
        with pytest.raises(SessionMissing):
            await store.write("s", 1, Changes(seen_at=1.0))
        with pytest.raises(SessionMissing):
            await store.claim("s", 1, seen_at=1.0)
        assert await store.journal("s") == []
        assert not await store.forget("s")

    run(body)


def test_a_forgotten_session_leaves_nothing(run):
    async def body(store):
        await store.create(session())
        await store.write("s", 1, Changes(seen_at=1.0, entries=(b"1",)))
        assert await store.forget("s")
        assert await store.session("s") is None
        assert await store.journal("s") == []
        assert await store.sessions(account="a", limit=9) == []
        assert await store.live("k", seen_after=0.0) == 0

    run(body)


def test_sessions_are_paged_and_filtered(run):
    async def body(store):
        for n in range(230):
            record = session(f"s{n:03}", created_at=float(n), agent_id="odd" if n % 2 else None)
            await store.create(record)
        await store.write("s001", 1, Changes(seen_at=1.0, ended_at=2.0, close_reason="client_end"))
        assert [r.id for r in await store.sessions(account="a", limit=2)] == ["s229", "s228"]
        assert [r.id for r in await store.sessions(account="a", limit=2, after=(228.0, "s228"))] == ["s227", "s226"]
        (ended,) = await store.sessions(account="a", limit=9, ended=True)
        assert (ended.id, ended.close_reason) == ("s001", "client_end")
        assert len(await store.sessions(account="a", limit=500, ended=False)) == 229
        assert len(await store.sessions(account="a", limit=500, agent_id="odd")) == 115
        assert await store.sessions(account="b", limit=9) == []

    run(body)


def test_live_sessions_of_a_key_are_those_with_an_owner(run):
    async def body(store):
        for id, seen_at, key in [("lost", 10.0, "k"), ("on", 99.0, "k"), ("over", 99.0, "k"), ("else", 99.0, "j")]:
            await store.create(session(id, seen_at=seen_at, key_name=key))
        await store.write("over", 1, Changes(seen_at=99.0, ended_at=99.0))
        assert await store.live("k", seen_after=50.0) == 1
        await store.write("lost", 1, Changes(seen_at=100.0))
        assert await store.live("k", seen_after=50.0) == 2

    run(body)


def test_old_sessions_are_purged(run):
    async def body(store):
        await store.create(session("old", created_at=1.0))
        await store.create(session("long", created_at=1.0, seen_at=100.0))
        assert await store.purge(before=50.0) == 1
        assert [r.id for r in await store.sessions(account="a", limit=9)] == ["long"]

    run(body)


# --- what goes wrong


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("this is not a database, it is a text\n" * 20)
    with pytest.raises(ConfigError, match=r"notes\.txt"):
        asyncio.run(SqliteStore(path).open())


def test_a_closed_database_says_so(tmp_path):
    async def main() -> None:
        async with opened(lambda: SqliteStore(tmp_path / "s.db")) as store:
            pass
        await store.create(session())

    with pytest.raises(StoreUnavailable):
        asyncio.run(main())


def test_a_redis_that_does_not_answer():
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1:1"):
        asyncio.run(RedisStore("redis://:secret@127.0.0.1:1/0").open())


def test_a_redis_that_dies_says_so():
    if why := missing():
        pytest.skip(why)

    async def main() -> None:
        with redis_server() as url:
            store = RedisStore(url)
            await store.open()
        with pytest.raises(StoreUnavailable):
            await store.session("s")
        await store.aclose()

    asyncio.run(main())


def test_the_event_loop_does_not_wait_for_the_database(tmp_path):
    """Another process holds the write lock; meanwhile the loop turns."""
    import sqlite3

    async def main() -> int:
        async with opened(lambda: SqliteStore(tmp_path / "s.db")) as store:
            blocker = sqlite3.connect(tmp_path / "s.db")
            blocker.execute("BEGIN IMMEDIATE")
            writing = asyncio.create_task(store.create(session()))
            turns = itertools.count()
            for _ in range(50):
                await asyncio.sleep(0)
                next(turns)
            assert not writing.done()
            assert await store.session("s") is None  # readers do not wait either
            blocker.rollback()
            blocker.close()
            await writing
            return next(turns)

    assert asyncio.run(main()) == 50


def test_abandoned_sessions_are_those_whose_owner_fell_silent(run):
    async def body(store):
        for number, seen_at in enumerate([10.0, 50.0, 20.0, 5.0]):
            await store.create(session(f"s{number}", seen_at=seen_at))
        await store.write("s3", 1, Changes(seen_at=5.0, ended_at=5.0))
        await store.write("s2", 1, Changes(seen_at=60.0))
        assert [one.id for one in await store.abandoned(seen_before=40.0, limit=10)] == ["s0"]
        assert len(await store.abandoned(seen_before=99.0, limit=2)) == 2
        await store.forget("s0")
        assert await store.abandoned(seen_before=40.0, limit=10) == []

    run(body)
