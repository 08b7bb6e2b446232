"""What a session needs from whoever connects it to the outside."""

from __future__ import annotations

from typing import Protocol

from antiphon.conversation.notices import Notice


class Peer(Protocol):
    """The other end of a session: a socket, a test, another program."""

    def send(self, notice: Notice) -> None:
        """Passes a notice on, in order. Never blocks, never raises: a peer that is gone drops it."""

    async def drain(self) -> None:
        """Returns once so little is buffered that more audio may be sent. Bytes parked in a socket are not heard, so
        the playout waits here. Returns at once when the peer is gone."""
