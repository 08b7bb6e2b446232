"""What happened in a session, as the store keeps it: entries that are only ever added to.

`Journal` writes behind the session's back, in order, one write at a time; what must be durable before it becomes
visible waits for `durable()`. It also tells the store, every few seconds, that the session still has an owner.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from antiphon.server.stores.base import (
    Changes,
    SessionMissing,
    SessionRecord,
    StaleEpoch,
    Store,
    StoreError,
    StoreUnavailable,
)
from antiphon.text.redaction import Redactor, redacted
from antiphon.types import Cost, Role

log = logging.getLogger("antiphon.server")

HEARTBEAT = 5.0  # seconds between two signs of life
# Seconds that how things stand, and what was heard, may be behind. A client tells every 100 ms what it has played; both
# together have to be less than 250 ms.
HEARD_EVERY = 0.12
SETTLE_TIMEOUT = 0.5  # seconds that what must be durable before it is visible waits, at most
RETRY = 1.0  # seconds between attempts while the store cannot be reached
MOST_WAITING = 10_000  # entries kept for a store that cannot be reached; then the oldest are lost


class _Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    at: int  # milliseconds since the session was made


class SpeechStarted(_Entry, frozen=True, kw_only=True, tag="speech.started"):
    pass


class SpeechStopped(_Entry, frozen=True, kw_only=True, tag="speech.stopped"):
    pass


class UserSaid(_Entry, frozen=True, kw_only=True, tag="user"):
    item_id: str
    text: str


class MessageAdded(_Entry, frozen=True, kw_only=True, tag="message"):
    """Context for the model, from the client or the program."""

    role: Role
    text: str


class Summarised(_Entry, frozen=True, kw_only=True, tag="summary"):
    """A summary of what no longer fitted the model's window."""

    text: str


class ReplyStarted(_Entry, frozen=True, kw_only=True, tag="reply.started"):
    reply_id: str
    item_id: str
    trigger: str
    instructions: str | None = None


class ReplyAudible(_Entry, frozen=True, kw_only=True, tag="reply.audible"):
    reply_id: str


class AgentSaid(_Entry, frozen=True, kw_only=True, tag="agent"):
    reply_id: str
    text: str
    interrupted: bool


class ReplyDone(_Entry, frozen=True, kw_only=True, tag="reply.done"):
    reply_id: str
    status: str


class ReplyCost(_Entry, frozen=True, kw_only=True, tag="reply.cost"):
    reply_id: str
    cost: Cost
    session: Cost  # the sum so far


class ToolCalled(_Entry, frozen=True, kw_only=True, tag="tool.call"):
    """The intent: written before the call is dispatched."""

    call_id: str
    reply_id: str
    name: str
    arguments: dict[str, Any]


class ToolReturned(_Entry, frozen=True, kw_only=True, tag="tool.result"):
    """An intent without one of these has an unknown outcome."""

    call_id: str
    result: str
    is_error: bool = False
    timed_out: bool = False


class Configured(_Entry, frozen=True, kw_only=True, tag="config"):
    config: Any  # the whole resolved `session` object


class Consented(_Entry, frozen=True, kw_only=True, tag="consent"):
    """The line that says that the call is recorded was heard to its end."""


class Recorded(_Entry, frozen=True, kw_only=True, tag="recorded"):
    """The recording is whole: how many seconds of it were written, and lost."""

    chunks: int
    dropped: int


class Ended(_Entry, frozen=True, kw_only=True, tag="ended"):
    reason: str
    cost: Cost | None = None  # of the whole session


Entry = (
    SpeechStarted
    | SpeechStopped
    | UserSaid
    | MessageAdded
    | Summarised
    | ReplyStarted
    | ReplyAudible
    | AgentSaid
    | ReplyDone
    | ReplyCost
    | ToolCalled
    | ToolReturned
    | Configured
    | Consented
    | Recorded
    | Ended
)
SAID = ("text", "instructions", "arguments", "result")  # fields that hold what was said, asked or answered
_DECODER: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def read(entry: bytes) -> Entry:
    return _DECODER.decode(entry)


def without_secrets(entry: Entry, redact: Redactor) -> Entry:
    """The entry as it may be kept. The configuration is what the program or its client wrote, and stays."""
    given = msgspec.structs.asdict(entry)
    said = {name: redacted(given[name], redact) for name in SAID if given.get(name) is not None}
    return msgspec.structs.replace(entry, **said)


def cost_of(entries: Iterable[Entry]) -> Cost | None:
    """What the session has cost so far; None where it was never told."""
    cost = None
    for entry in entries:
        if isinstance(entry, ReplyCost):
            cost = entry.session
        elif isinstance(entry, Ended):
            cost = entry.cost or cost
    return cost


class Journal:
    """The owner's pen for one session. Made inside a running loop; `close` it. `on_lost` is called once, when another
    owner has claimed the session or it was deleted: nothing that is put afterwards is written."""

    def __init__(
        self,
        store: Store,
        record: SessionRecord,
        *,
        on_lost: Callable[[StoreError], None] = lambda _: None,
        standing: Callable[[], dict[str, Any]] = dict,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`standing` tells how things stand, as fields of the record (see Changes): asked at every write."""
        self.redact: Redactor | None = None  # of the session, once it is known
        self._store = store
        self._id, self._epoch, self._began = record.id, record.epoch, record.created_at
        self._on_lost = on_lost
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._entries: list[bytes] = []
        self._fields: dict[str, Any] = {}  # of the record, to be written with them
        self._writing: asyncio.Task[None] | None = None  # only while there is something to write
        self._later: asyncio.TimerHandle | None = None
        self._standing = standing
        self._stood: dict[str, Any] = {}  # as it was written last
        self._moving = False  # how things stand changes all the time
        self._lost = False
        self._failing = False  # the store did not take the last write
        self._rest()

    @property
    def ms(self) -> int:
        """Since the session was made."""
        return int((self._now() - self._began) * 1000)

    @property
    def lost(self) -> bool:
        """Nothing that is put is written any more."""
        return self._lost

    def put(self, *entries: Entry, **fields: Any) -> None:
        """Adds entries, and sets fields of the session's record (see Changes). Never blocks."""
        if self._lost:
            return
        if redact := self.redact:
            entries = tuple(without_secrets(entry, redact) for entry in entries)
        self._entries.extend(msgspec.json.encode(entry, enc_hook=str) for entry in entries)
        self._fields.update(fields)
        if self._writing is None:
            self._writing = self._loop.create_task(self._write(), name="journal")

    def moves(self, moving: bool) -> None:
        """While things move, the way a reply does that is being heard, how they stand is written every HEARD_EVERY."""
        self._moving = moving
        self.changed()

    def changed(self) -> None:
        """Things stand otherwise now: it is written within HEARD_EVERY, however often this is told."""
        if self._lost or self._writing:
            return
        if self._later is None or self._later.when() > self._loop.time() + HEARD_EVERY:
            self._rest(HEARD_EVERY)

    async def durable(self) -> None:
        """Returns once all that was put before is in the store, or the session is lost."""
        while self._writing is not None:
            await asyncio.shield(self._writing)

    async def settled(self) -> None:
        """As `durable`, but a store that cannot be reached, or is slow, keeps nobody waiting for long."""
        if not self._failing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SETTLE_TIMEOUT):
                    await self.durable()

    async def close(self, *, timeout: float = 5.0) -> None:
        """Writes what is left, if the store takes it in time."""
        try:
            async with asyncio.timeout(timeout):
                await self.durable()
        except TimeoutError:
            log.error("%s: the store did not take the end of its journal", self._id)
        self._lose()
        if self._writing:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    def _rest(self, seconds: float = HEARTBEAT) -> None:
        if self._later:
            self._later.cancel()
        self._later = self._loop.call_later(seconds, self.put)

    def _lose(self) -> None:
        self._lost = True
        self._entries.clear()
        if self._later:
            self._later.cancel()

    async def _write(self) -> None:
        try:
            await self._write_once()
            while (self._entries or self._fields) and not self._lost:
                await self._write_once()
        finally:
            self._writing = None
        if not self._lost:
            self._rest(HEARD_EVERY if self._moving else HEARTBEAT)

    def _news(self) -> dict[str, Any]:
        """How things stand, where that is not written yet."""
        stands = self._standing()
        news = {name: value for name, value in stands.items() if self._stood.get(name) != value}
        self._stood = stands
        return news

    async def _write_once(self) -> None:
        entries, fields = tuple(self._entries), {**self._fields, **self._news()}
        self._entries, self._fields = [], {}
        try:
            changes = Changes(seen_at=self._now(), entries=entries, **fields)
            await self._store.write(self._id, self._epoch, changes)
            self._failing = False
        except (StaleEpoch, SessionMissing) as error:
            log.warning("%s", error)
            self._lose()
            self._on_lost(error)
        except StoreUnavailable as error:
            log.error("%s: %s", self._id, error)
            self._failing = True
            self._entries = [*entries, *self._entries][-MOST_WAITING:]
            self._fields = {**fields, **self._fields}
            await asyncio.sleep(RETRY)
