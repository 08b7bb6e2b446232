"""What outlives a socket and a process, behind one small contract.

A store keeps three things: *documents* (stored agents, webhook subscriptions: small, named, seldom written), *used
tokens*, and *sessions* with their journals. Times are seconds of the epoch and are given by the caller.

A session has one owner at a time, and each owner has an epoch. `claim` makes the next owner; from then on everything
an earlier one writes is refused with StaleEpoch, atomically in every store, so a process that was thought dead can do
no harm when it was only slow. Whoever gets StaleEpoch must stop serving the session.

A store's methods are awaited on the event loop and do their work off it. They raise StoreUnavailable where the store
cannot be reached; what was awaited without an error survives a crash of this process.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

from antiphon.errors import AntiphonError

Kind = Literal["agent", "webhook"]
Cursor = tuple[float, str]  # (created_at, id) of the last item of a page


class StoreError(AntiphonError):
    """The store could not do what was asked."""


class StaleEpoch(StoreError):
    """Someone else owns the session by now."""


class SessionMissing(StoreError):
    """There is no such session: it was never made, or has been deleted."""


class StoreUnavailable(StoreError):
    """The store cannot be reached, or cannot write."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A small thing with a name of its own. The last writer wins."""

    kind: Kind
    id: str
    account: str  # who may see it
    created_at: float
    body: bytes  # JSON, of whoever wrote it


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All that another process needs to take a session up, but for the journal."""

    id: str
    account: str
    key_name: str  # of the API key that opened it
    created_at: float
    expires_at: float  # when it must end, whoever serves it
    seen_at: float  # when its owner last wrote: long ago means that the owner is gone
    epoch: int = 1
    agent_id: str | None = None
    ended_at: float | None = None
    close_reason: str | None = None
    settings: bytes = b""  # the protocol's: what the client configured
    state: bytes = b""  # the core's, as of its last write
    heard_reply: str = ""  # the reply that was being played, and the samples of it known to be heard
    heard_samples: int = 0

    @property
    def cursor(self) -> Cursor:
        return (self.created_at, self.id)


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """One write to a session: what is None stays as it is, `entries` go to the end of its journal. All or nothing."""

    seen_at: float
    settings: bytes | None = None
    state: bytes | None = None
    heard_reply: str | None = None
    heard_samples: int | None = None
    ended_at: float | None = None
    close_reason: str | None = None
    entries: tuple[bytes, ...] = ()

    def fields(self) -> dict[str, Any]:
        """What the record gets new, by field name."""
        given = msgspec.structs.asdict(self)
        del given["entries"]
        return {name: value for name, value in given.items() if value is not None}


class Store(Protocol):
    """Opened once, before its first use; used from one event loop."""

    lasting: bool  # what it keeps outlives the process

    @property
    def name(self) -> str:
        """What it is, for logs; no password in it."""

    async def open(self) -> None: ...

    async def aclose(self) -> None: ...

    # --- documents ------------------------------------------------------------------------------------------------

    async def put(self, document: Document) -> None:
        """Makes the document, or replaces the one of its kind and id."""

    async def document(self, kind: Kind, id: str) -> Document | None: ...

    async def documents(self, kind: Kind, *, account: str, limit: int, after: Cursor | None = None) -> list[Document]:
        """The newest `limit` documents made before the one at `after`, newest first."""

    async def delete(self, kind: Kind, id: str) -> bool:
        """False where there was none."""

    # --- tokens ---------------------------------------------------------------------------------------------------

    async def use_token(self, id: str, *, expires_at: float) -> bool:
        """True for the first caller who uses this token, on any process, and for no other."""

    # --- sessions -------------------------------------------------------------------------------------------------

    async def create(self, record: SessionRecord) -> None:
        """Makes a session, owned by the caller under `record.epoch`."""

    async def session(self, id: str) -> SessionRecord | None: ...

    async def claim(self, id: str, epoch: int, *, seen_at: float) -> SessionRecord:
        """Makes the caller the owner and returns the record under the next epoch.

        `epoch` is the one the caller saw when it decided to claim. Raises StaleEpoch where it is not the present one:
        read again, and decide again; SessionMissing.
        """

    async def write(self, id: str, epoch: int, changes: Changes) -> None:
        """Raises StaleEpoch where `epoch` is not the present one, and SessionMissing; nothing is written then."""

    async def journal(self, id: str) -> list[bytes]:
        """Every entry of the session, oldest first."""

    async def sessions(
        self,
        *,
        account: str,
        limit: int,
        after: Cursor | None = None,
        ended: bool | None = None,
        agent_id: str | None = None,
    ) -> list[SessionRecord]:
        """The newest `limit` sessions made before the one at `after`, newest first. `settings` and `state` may be
        left out of them."""

    async def live(self, key_name: str, *, seen_after: float) -> int:
        """How many sessions of a key are not ended and had an owner since."""

    async def abandoned(self, *, seen_before: float, limit: int) -> list[SessionRecord]:
        """Some sessions that are not ended and whose owners have not written since. `settings` and `state` as in
        `sessions`."""

    async def forget(self, id: str) -> bool:
        """Deletes a session and its journal. False where there was none."""

    async def purge(self, *, before: float) -> int:
        """Deletes the sessions that were last written before, and the tokens that expired before. Returns how many
        sessions."""
