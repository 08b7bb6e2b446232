"""A store that lasts as long as the process: for tests, for libraries, for one worker that may forget."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from antiphon.server.stores.base import (
    Changes,
    Cursor,
    Document,
    Kind,
    SessionMissing,
    SessionRecord,
    StaleEpoch,
)

Item = TypeVar("Item", Document, SessionRecord)


class MemoryStore:
    """Atomic because nothing here awaits."""

    name = "memory"
    lasting = False

    def __init__(self) -> None:
        self._documents: dict[tuple[str, str], Document] = {}
        self._tokens: dict[str, float] = {}  # id -> when it expires
        self._sessions: dict[str, SessionRecord] = {}
        self._journals: dict[str, list[bytes]] = {}

    async def open(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    async def put(self, document: Document) -> None:
        self._documents[document.kind, document.id] = document

    async def document(self, kind: Kind, id: str) -> Document | None:
        return self._documents.get((kind, id))

    async def documents(self, kind: Kind, *, account: str, limit: int, after: Cursor | None = None) -> list[Document]:
        of_kind = (item for item in self._documents.values() if item.kind == kind and item.account == account)
        return _page(of_kind, limit, after)

    async def delete(self, kind: Kind, id: str) -> bool:
        return self._documents.pop((kind, id), None) is not None

    async def use_token(self, id: str, *, expires_at: float) -> bool:
        first = id not in self._tokens
        self._tokens.setdefault(id, expires_at)
        return first

    async def create(self, record: SessionRecord) -> None:
        self._sessions[record.id] = record
        self._journals[record.id] = []

    async def session(self, id: str) -> SessionRecord | None:
        return self._sessions.get(id)

    async def claim(self, id: str, epoch: int, *, seen_at: float) -> SessionRecord:
        record = self._owned(id, epoch)
        self._sessions[id] = msgspec.structs.replace(record, epoch=epoch + 1, seen_at=seen_at)
        return self._sessions[id]

    async def write(self, id: str, epoch: int, changes: Changes) -> None:
        record = self._owned(id, epoch)
        self._sessions[id] = msgspec.structs.replace(record, **changes.fields())
        self._journals[id].extend(changes.entries)

    async def journal(self, id: str) -> list[bytes]:
        return [*self._journals.get(id, ())]

    async def sessions(
        self,
        *,
        account: str,
        limit: int,
        after: Cursor | None = None,
        ended: bool | None = None,
        agent_id: str | None = None,
    ) -> list[SessionRecord]:
        wanted = (
            record
            for record in self._sessions.values()
            if record.account == account
            and (ended is None or ended == (record.ended_at is not None))
            and (agent_id is None or record.agent_id == agent_id)
        )
        return _page(wanted, limit, after)

    async def live(self, key_name: str, *, seen_after: float) -> int:
        return sum(
            record.key_name == key_name and record.ended_at is None and record.seen_at > seen_after
            for record in self._sessions.values()
        )

    async def abandoned(self, *, seen_before: float, limit: int) -> list[SessionRecord]:
        records = self._sessions.values()
        return [record for record in records if record.ended_at is None and record.seen_at < seen_before][:limit]

    async def forget(self, id: str) -> bool:
        self._journals.pop(id, None)
        return self._sessions.pop(id, None) is not None

    async def purge(self, *, before: float) -> int:
        self._tokens = {id: expires_at for id, expires_at in self._tokens.items() if expires_at >= before}
        old = [record.id for record in self._sessions.values() if record.seen_at < before]
        for id in old:
            await self.forget(id)
        return len(old)

    def _owned(self, id: str, epoch: int) -> SessionRecord:
        record = self._sessions.get(id)
        if record is None:
            raise SessionMissing(f"there is no session {id}")
        if record.epoch != epoch:
            raise StaleEpoch(f"session {id} is at epoch {record.epoch}, not {epoch}")
        return record


def _page(items: Iterable[Item], limit: int, after: Cursor | None) -> list[Item]:
    def cursor(item: Item) -> Cursor:
        return (item.created_at, item.id)

    newest_first = sorted(items, key=cursor, reverse=True)
    return [item for item in newest_first if after is None or cursor(item) < after][:limit]
