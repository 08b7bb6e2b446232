"""What a crash may not undo is stored before the client sees it: turns, replies as they were heard, and tool calls.

Until that is done everything the client would be told waits, in order. It takes milliseconds, and audio pauses for them
as it does for a slow socket.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

from antiphon.conversation.notices import AgentTranscript, Notice, ToolCalled, UserTranscript
from antiphon.session.peer import Peer
from antiphon.session.tasks import Tasks

_TURNS = ""  # no call has this id


class Gate:
    """A peer that can be made to wait: what is sent meanwhile follows in order when it opens."""

    def __init__(
        self,
        peer: Peer,
        *,
        stored: Callable[[], Awaitable[None]] | None,
        tasks: Tasks,
        on_open: Callable[[], None],
    ) -> None:
        """`stored` returns once all that the hooks were told so far is stored, or cannot be."""
        self._peer = peer
        self._stored = stored
        self._tasks = tasks
        self._on_open = on_open
        self._away = False  # nobody is told anything, so nothing waits
        self._unstored: set[str] = set()  # calls of the client's whose intent is being stored, and _TURNS
        self._waiting: deque[Notice] = deque()

    @property
    def congested(self) -> bool:
        return bool(self._unstored) or self._peer.congested

    def is_there(self, since: float) -> bool:
        return self._peer.is_there(since)

    def send(self, notice: Notice) -> None:
        waits = not self._away and isinstance(notice, UserTranscript | AgentTranscript)
        if self._stored and waits and _TURNS not in self._unstored:
            self.shut(_TURNS)
            self._tasks.spawn(self._store(self._stored), "store")
        if self._unstored:
            self._waiting.append(notice)
        else:
            self._peer.send(notice)

    def shut(self, call_id: str) -> None:
        if not self._away:
            self._unstored.add(call_id)

    def open(self, call_id: str, *, stored: bool) -> None:
        """The call's intent is stored, or will not be: then the client never hears of it."""
        if not stored:
            self._waiting = deque(n for n in self._waiting if not (isinstance(n, ToolCalled) and n.call_id == call_id))
        self._unstored.discard(call_id)
        if self._unstored:
            return
        while self._waiting:
            self._peer.send(self._waiting.popleft())
        self._on_open()

    def settle(self) -> None:
        """The session ends: nothing is waited for any more."""
        for call_id in tuple(self._unstored):
            self.open(call_id, stored=False)

    def leave(self) -> None:
        """The peer is gone. Whoever comes next is not told late what was meant for it."""
        self._away = True
        self._unstored.clear()
        while self._waiting:
            self._peer.send(self._waiting.popleft())

    def come_back(self) -> None:
        """The peer is there again, and all that happened meanwhile is stored."""
        self._away = False

    async def _store(self, stored: Callable[[], Awaitable[None]]) -> None:
        await stored()
        self.open(_TURNS, stored=True)
