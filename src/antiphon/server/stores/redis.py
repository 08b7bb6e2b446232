"""A store in Redis or Valkey, for many machines behind any load balancer. Needs the `redis` extra.

A session is a hash and a list, whose keys share a hash tag, so that a script may change both at once in a cluster too.
What compares epochs are scripts: the server runs each by itself. How much survives a crash of the server is the
server's own configuration (`appendonly yes`).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

import msgspec

from antiphon.errors import ConfigError, MissingDependency
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

P = ParamSpec("P")
T = TypeVar("T")

TIMEOUT = 5.0  # seconds for one command
BATCH = 100  # records read at a time where a list is filtered
LIVE_KEPT = 600  # seconds after its owner's last word a session may still be counted

# KEYS: the session, its journal. ARGV: the epoch, how many values name fields, those, and the journal's new entries.
WRITE = """
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then return -1 end
if epoch ~= ARGV[1] then return 0 end
local fields = tonumber(ARGV[2])
redis.call('HSET', KEYS[1], unpack(ARGV, 3, 2 + fields))
for i = 3 + fields, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[i]) end
return 1
"""
_TYPES: dict[str, type] = {"created_at": float, "expires_at": float, "seen_at": float, "ended_at": float}
_TYPES |= {"epoch": int, "heard_samples": int, "settings": bytes, "state": bytes}


def _told(method: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """The client library's failures, in the store's words."""

    @functools.wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        from redis.exceptions import RedisError

        try:
            return await method(*args, **kwargs)
        except (RedisError, OSError) as error:
            raise StoreUnavailable(f"Redis failed: {error}") from error

    return call


class RedisStore:
    lasting = True

    def __init__(self, url: str, *, prefix: str = "antiphon:") -> None:
        """`url` as redis://host:6379/0, rediss:// or unix://; `prefix` begins every key. Raises MissingDependency, and
        ConfigError for another kind of URL."""
        try:
            from redis.asyncio import Redis
        except ImportError as error:
            raise MissingDependency("a store in Redis needs its client: pip install 'antiphon[redis]'") from error
        try:
            self._redis: Any = Redis.from_url(
                url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, health_check_interval=30
            )
        except ValueError as error:
            raise ConfigError(f"not the URL of a Redis server: {error}") from error
        self._prefix = prefix
        self._place = urlsplit(url).netloc.rpartition("@")[2]
        self._write_script = self._redis.register_script(WRITE)

    @property
    def name(self) -> str:
        return f"redis {self._place}"

    async def open(self) -> None:
        """Raises ConfigError where nobody answers."""
        try:
            await _told(self._redis.ping)()
        except StoreUnavailable as error:
            await self.aclose()
            raise ConfigError(f"cannot keep sessions in {self.name}: {error}") from error

    async def aclose(self) -> None:
        await self._redis.aclose()

    # --- documents ------------------------------------------------------------------------------------------------

    @_told
    async def put(self, document: Document) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(self._key(document.kind), document.id, msgspec.msgpack.encode(document))
            pipe.zadd(self._key(document.kind, document.account), {document.id: document.created_at})
            await pipe.execute()

    @_told
    async def document(self, kind: Kind, id: str) -> Document | None:
        found = await self._redis.hget(self._key(kind), id)
        return msgspec.msgpack.decode(found, type=Document) if found else None

    @_told
    async def documents(self, kind: Kind, *, account: str, limit: int, after: Cursor | None = None) -> list[Document]:
        ids = await self._newest(self._key(kind, account), limit, after)
        if not ids:
            return []
        found = await self._redis.hmget(self._key(kind), ids)
        return [msgspec.msgpack.decode(body, type=Document) for body in found if body]

    @_told
    async def delete(self, kind: Kind, id: str) -> bool:
        document = await self.document(kind, id)
        if document is None:
            return False
        await self._redis.zrem(self._key(kind, document.account), id)
        removed: int = await self._redis.hdel(self._key(kind), id)
        return removed > 0

    # --- tokens ---------------------------------------------------------------------------------------------------

    @_told
    async def use_token(self, id: str, *, expires_at: float) -> bool:
        keep = max(1, int(expires_at - time.time()) + 1)
        return bool(await self._redis.set(self._key("token", id), b"", nx=True, ex=keep))

    # --- sessions -------------------------------------------------------------------------------------------------

    @_told
    async def create(self, record: SessionRecord) -> None:
        await self._redis.hset(self._session(record.id), mapping=_encoded(record))
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.zadd(self._key("sessions", record.account), {record.id: record.created_at})
            pipe.sadd(self._key("accounts"), record.account)
            pipe.zadd(self._key("live", record.key_name), {record.id: record.seen_at})
            pipe.zadd(self._key("open"), {record.id: record.seen_at})
            await pipe.execute()

    @_told
    async def session(self, id: str) -> SessionRecord | None:
        return _decoded(await self._redis.hgetall(self._session(id)))

    async def claim(self, id: str, epoch: int, *, seen_at: float) -> SessionRecord:
        await self._own(id, epoch, {"epoch": epoch + 1, "seen_at": seen_at})
        record = await self.session(id)
        if record is None:
            raise SessionMissing(f"there is no session {id}")
        # Had someone claimed it since, this owner would be told by its first write.
        return msgspec.structs.replace(record, epoch=epoch + 1)

    async def write(self, id: str, epoch: int, changes: Changes) -> None:
        await self._own(id, epoch, changes.fields(), changes.entries)
        await self._mark_seen(id, changes)

    @_told
    async def journal(self, id: str) -> list[bytes]:
        entries: list[bytes] = await self._redis.lrange(self._journal(id), 0, -1)
        return entries

    @_told
    async def sessions(
        self,
        *,
        account: str,
        limit: int,
        after: Cursor | None = None,
        ended: bool | None = None,
        agent_id: str | None = None,
    ) -> list[SessionRecord]:
        wanted: list[SessionRecord] = []
        while len(wanted) < limit:
            ids = await self._newest(self._key("sessions", account), BATCH, after)
            for record in await self._records(ids):
                after = record.cursor
                if ended in (None, record.ended_at is not None) and agent_id in (None, record.agent_id):
                    wanted.append(record)
            if len(ids) < BATCH:
                break
        return wanted[:limit]

    @_told
    async def live(self, key_name: str, *, seen_after: float) -> int:
        key = self._key("live", key_name)
        await self._redis.zremrangebyscore(key, "-inf", seen_after - LIVE_KEPT)
        return int(await self._redis.zcount(key, f"({seen_after}", "+inf"))

    @_told
    async def abandoned(self, *, seen_before: float, limit: int) -> list[SessionRecord]:
        ids = await self._redis.zrange(self._key("open"), "-inf", f"({seen_before}", byscore=True, offset=0, num=limit)
        found = await self._records([id.decode() for id in ids])
        if lost := {id.decode() for id in ids} - {record.id for record in found}:
            await self._redis.zrem(self._key("open"), *lost)
        return [record for record in found if record.ended_at is None and record.seen_at < seen_before]

    @_told
    async def forget(self, id: str) -> bool:
        record = await self.session(id)
        if record is None:
            return False
        await self._redis.zrem(self._key("sessions", record.account), id)
        await self._redis.zrem(self._key("live", record.key_name), id)
        await self._redis.zrem(self._key("open"), id)
        removed: int = await self._redis.delete(self._session(id), self._journal(id))
        return removed > 0

    @_told
    async def purge(self, *, before: float) -> int:
        """Tokens expire by themselves."""
        purged = 0
        for account in await self._redis.smembers(self._key("accounts")):
            ids = await self._redis.zrangebyscore(self._key("sessions", account.decode()), "-inf", before)
            for start in range(0, len(ids), BATCH):
                for record in await self._records([id.decode() for id in ids[start : start + BATCH]]):
                    purged += record.seen_at < before and await self.forget(record.id)
        return purged

    # --- the parts ------------------------------------------------------------------------------------------------

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)

    def _session(self, id: str) -> str:
        return self._key(f"session:{{{id}}}")

    def _journal(self, id: str) -> str:
        return self._key(f"journal:{{{id}}}")

    @_told
    async def _own(self, id: str, epoch: int, fields: dict[str, Any], entries: tuple[bytes, ...] = ()) -> None:
        """Writes to a session, if `epoch` is its present one."""
        flat = [part for name, value in fields.items() for part in (name, _plain(value))]
        keys = [self._session(id), self._journal(id)]
        done = await self._write_script(keys=keys, args=[epoch, len(flat), *flat, *entries])
        if done == -1:
            raise SessionMissing(f"there is no session {id}")
        if done == 0:
            raise StaleEpoch(f"session {id} is not at epoch {epoch} any more")

    @_told
    async def _mark_seen(self, id: str, changes: Changes) -> None:
        """For `live` and `abandoned`, which may lag a little behind."""
        name = await self._redis.hget(self._session(id), "key_name")
        if name is None:
            return
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in (self._key("live", name.decode()), self._key("open")):
                if changes.ended_at is not None:
                    pipe.zrem(key, id)
                else:
                    pipe.zadd(key, {id: changes.seen_at})
            await pipe.execute()

    async def _newest(self, key: str, limit: int, after: Cursor | None) -> list[str]:
        """Ids of a sorted set, newest first, from `after` on. Equal scores are in the order of their ids."""
        bound = "+inf" if after is None else repr(after[0])
        found: list[tuple[bytes, float]] = []
        skip = 0
        while len(found) < limit:
            page = await self._redis.zrange(
                key,
                bound,
                "-inf",
                desc=True,
                byscore=True,
                offset=skip,
                num=limit,
                withscores=True,
            )
            found += [(id, score) for id, score in page if after is None or (score, id.decode()) < after]
            skip += limit
            if len(page) < limit:
                break
        return [id.decode() for id, _ in found[:limit]]

    async def _records(self, ids: list[str]) -> list[SessionRecord]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for id in ids:
                pipe.hgetall(self._session(id))
            found = await pipe.execute() if ids else []
        return [record for fields in found if (record := _decoded(fields))]


def _encoded(record: SessionRecord) -> dict[str, Any]:
    return {name: _plain(value) for name, value in msgspec.structs.asdict(record).items() if value is not None}


def _plain(value: Any) -> Any:
    return repr(value) if isinstance(value, float) else value


def _decoded(fields: dict[bytes, bytes]) -> SessionRecord | None:
    if not fields:
        return None
    values: dict[str, Any] = {}
    for raw_name, raw in fields.items():
        name = raw_name.decode()
        kind = _TYPES.get(name, str)
        values[name] = raw if kind is bytes else kind(raw.decode())
    return SessionRecord(**values)
