"""A store in one SQLite file: the default of `serve`. Any number of processes on one machine may share it.

Write-ahead logging: readers and the writer do not wait for each other. Each process writes from one thread and reads
from another, so the event loop never waits for a disk. `synchronous=NORMAL`: a commit survives the process being
killed; the last ones may be lost when the machine loses power.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from antiphon.errors import ConfigError
from antiphon.server.stores.base import (
    Changes,
    Cursor,
    Document,
    Kind,
    SessionMissing,
    SessionRecord,
    StaleEpoch,
    StoreUnavailable,
)

T = TypeVar("T")

BUSY_TIMEOUT = 5.0  # seconds a write waits for another process's
BUSY_PAUSE = 0.02  # seconds between attempts where SQLite itself does not wait
FIELDS = SessionRecord.__struct_fields__
SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT, id TEXT, account TEXT, created_at REAL, body BLOB, PRIMARY KEY (kind, id));
CREATE INDEX IF NOT EXISTS documents_newest ON documents (kind, account, created_at, id);
CREATE TABLE IF NOT EXISTS tokens (id TEXT PRIMARY KEY, expires_at REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, account TEXT, key_name TEXT, created_at REAL, expires_at REAL, seen_at REAL, epoch INTEGER,
    agent_id TEXT, ended_at REAL, close_reason TEXT, settings BLOB, state BLOB, heard_reply TEXT,
    heard_samples INTEGER);
CREATE INDEX IF NOT EXISTS sessions_newest ON sessions (account, created_at, id);
CREATE INDEX IF NOT EXISTS sessions_live ON sessions (key_name, seen_at) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS sessions_open ON sessions (seen_at) WHERE ended_at IS NULL;
CREATE TABLE IF NOT EXISTS journal (session TEXT, entry BLOB);
CREATE INDEX IF NOT EXISTS journal_of ON journal (session);
"""


class SqliteStore:
    lasting = True

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._writer = _Thread("store-writer", begin="BEGIN IMMEDIATE")
        self._reader = _Thread("store-reader", begin="BEGIN")

    @property
    def name(self) -> str:
        return f"sqlite {self._path}"

    async def open(self) -> None:
        """Raises ConfigError where the file cannot be made or is no database."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)  # what callers say is in it
            await self._writer.open(self._path, schema=SCHEMA)
            await self._reader.open(self._path)
        except (OSError, StoreUnavailable) as error:
            await self.aclose()
            raise ConfigError(f"cannot keep sessions in {self._path}: {error}") from error

    async def aclose(self) -> None:
        await self._reader.close()
        await self._writer.close()

    # --- documents ------------------------------------------------------------------------------------------------

    async def put(self, document: Document) -> None:
        values = msgspec.structs.astuple(document)
        await self._writer.run(
            lambda db: db.execute(
                "INSERT OR REPLACE INTO documents (kind, id, account, created_at, body) VALUES (?, ?, ?, ?, ?)", values
            )
        )

    async def document(self, kind: Kind, id: str) -> Document | None:
        rows = await self._read(
            "SELECT kind, id, account, created_at, body FROM documents WHERE kind = ? AND id = ?", (kind, id)
        )
        return Document(**rows[0]) if rows else None

    async def documents(self, kind: Kind, *, account: str, limit: int, after: Cursor | None = None) -> list[Document]:
        rows = await self._read(
            "SELECT kind, id, account, created_at, body FROM documents WHERE kind = ? AND account = ? "
            "AND (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?",
            (kind, account, *_bound(after), limit),
        )
        return [Document(**row) for row in rows]

    async def delete(self, kind: Kind, id: str) -> bool:
        return await self._count("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, id)) > 0

    # --- tokens ---------------------------------------------------------------------------------------------------

    async def use_token(self, id: str, *, expires_at: float) -> bool:
        return await self._count("INSERT OR IGNORE INTO tokens (id, expires_at) VALUES (?, ?)", (id, expires_at)) > 0

    # --- sessions -------------------------------------------------------------------------------------------------

    async def create(self, record: SessionRecord) -> None:
        places = ", ".join("?" * len(FIELDS))
        await self._count(
            f"INSERT INTO sessions ({', '.join(FIELDS)}) VALUES ({places})", msgspec.structs.astuple(record)
        )

    async def session(self, id: str) -> SessionRecord | None:
        rows = await self._read("SELECT * FROM sessions WHERE id = ?", (id,))
        return SessionRecord(**rows[0]) if rows else None

    async def claim(self, id: str, epoch: int, *, seen_at: float) -> SessionRecord:
        def run(db: sqlite3.Connection) -> SessionRecord:
            _own(db, id, epoch, {"epoch": epoch + 1, "seen_at": seen_at})
            return SessionRecord(**dict(db.execute("SELECT * FROM sessions WHERE id = ?", (id,)).fetchone()))

        return await self._writer.run(run)

    async def write(self, id: str, epoch: int, changes: Changes) -> None:
        def run(db: sqlite3.Connection) -> None:
            _own(db, id, epoch, changes.fields())
            rows = ((id, entry) for entry in changes.entries)
            db.executemany("INSERT INTO journal (session, entry) VALUES (?, ?)", rows)

        await self._writer.run(run)

    async def journal(self, id: str) -> list[bytes]:
        rows = await self._read("SELECT entry FROM journal WHERE session = ? ORDER BY rowid", (id,))
        return [row["entry"] for row in rows]

    async def sessions(
        self,
        *,
        account: str,
        limit: int,
        after: Cursor | None = None,
        ended: bool | None = None,
        agent_id: str | None = None,
    ) -> list[SessionRecord]:
        query = "SELECT * FROM sessions WHERE account = ? AND (created_at, id) < (?, ?)"
        values: list[Any] = [account, *_bound(after)]
        if ended is not None:
            query += " AND ended_at IS NOT NULL" if ended else " AND ended_at IS NULL"
        if agent_id is not None:
            query += " AND agent_id = ?"
            values.append(agent_id)
        rows = await self._read(f"{query} ORDER BY created_at DESC, id DESC LIMIT ?", (*values, limit))
        return [SessionRecord(**row) for row in rows]

    async def live(self, key_name: str, *, seen_after: float) -> int:
        query = "SELECT count(*) AS n FROM sessions WHERE key_name = ? AND ended_at IS NULL AND seen_at > ?"
        count: int = (await self._read(query, (key_name, seen_after)))[0]["n"]
        return count

    async def abandoned(self, *, seen_before: float, limit: int) -> list[SessionRecord]:
        query = "SELECT * FROM sessions WHERE ended_at IS NULL AND seen_at < ? ORDER BY seen_at LIMIT ?"
        return [SessionRecord(**row) for row in await self._read(query, (seen_before, limit))]

    async def forget(self, id: str) -> bool:
        def run(db: sqlite3.Connection) -> bool:
            db.execute("DELETE FROM journal WHERE session = ?", (id,))
            return db.execute("DELETE FROM sessions WHERE id = ?", (id,)).rowcount > 0

        found = await self._writer.run(run)
        await self._writer.wipe()
        return found

    async def purge(self, *, before: float) -> int:
        def run(db: sqlite3.Connection) -> int:
            db.execute("DELETE FROM tokens WHERE expires_at < ?", (before,))
            db.execute("DELETE FROM journal WHERE session IN (SELECT id FROM sessions WHERE seen_at < ?)", (before,))
            return db.execute("DELETE FROM sessions WHERE seen_at < ?", (before,)).rowcount

        if purged := await self._writer.run(run):
            await self._writer.wipe()
        return purged

    async def _read(self, query: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        return await self._reader.run(lambda db: [dict(row) for row in db.execute(query, values)])

    async def _count(self, query: str, values: tuple[Any, ...]) -> int:
        """Rows that a write changed."""
        return await self._writer.run(lambda db: db.execute(query, values).rowcount)


class _Thread:
    """One connection and the one thread that uses it. What is asked of it is done in order, each in a transaction."""

    def __init__(self, name: str, *, begin: str) -> None:
        self._begin = begin
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._db: sqlite3.Connection | None = None

    async def open(self, path: Path, *, schema: str = "") -> None:
        await self._submit(lambda: self._connect(path, schema))

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._submit(lambda: self._transact(work))

    async def wipe(self) -> None:
        """What was deleted is gone from the write-ahead log too; unless somebody reads from it at this moment, then
        with the next."""
        if db := self._db:
            await self._submit(lambda: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())

    async def close(self) -> None:
        if self._db is not None:
            await self._submit(self._db.close)
            self._db = None
        self._executor.shutdown(wait=False)

    def _connect(self, path: Path, schema: str) -> None:
        db = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
        self._db = db
        db.row_factory = sqlite3.Row
        _write_ahead(db)
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, not merely left out
        db.executescript(schema)

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        db = self._db
        if db is None:
            raise StoreUnavailable("the store is not open")
        db.execute(self._begin)
        try:
            done = work(db)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
        return done

    async def _submit(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except (sqlite3.Error, RuntimeError) as error:  # RuntimeError: the executor has been shut down
            raise StoreUnavailable(f"the database failed: {error}") from error


def _write_ahead(db: sqlite3.Connection) -> None:
    """Switches to write-ahead logging. Two processes that open a new file at the same moment both want it for
    themselves, and SQLite refuses one of them at once, whatever the connection's timeout: so this one waits."""
    until = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(BUSY_PAUSE)


def _own(db: sqlite3.Connection, id: str, epoch: int, fields: dict[str, Any]) -> None:
    """Sets fields of a session, if `epoch` is its present one."""
    assignments = ", ".join(f"{name} = ?" for name in fields)
    changed = db.execute(
        f"UPDATE sessions SET {assignments} WHERE id = ? AND epoch = ?", (*fields.values(), id, epoch)
    ).rowcount
    if changed:
        return
    row = db.execute("SELECT epoch FROM sessions WHERE id = ?", (id,)).fetchone()
    if row is None:
        raise SessionMissing(f"there is no session {id}")
    raise StaleEpoch(f"session {id} is at epoch {row['epoch']}, not {epoch}")


def _bound(after: Cursor | None) -> Cursor:
    return after or (float("inf"), "")
