"""What a session needs from whoever connects it to the outside."""

from __future__ import annotations

from typing import Protocol

from antiphon.conversation.notices import Notice


class Peer(Protocol):
    """The other end of a session: a socket, a test, another program."""

    @property
    def congested(self) -> bool:
        """So much is buffered that no more audio should be sent: bytes parked in a socket are not heard. Once it is
        over, `Session.drained` must be called. A peer that is gone is not congested."""

    def is_there(self, since: float) -> bool:
        """Whether it has given a sign of life since then, in the loop's time; True where that cannot be known. If not
        it is asked for one."""

    def send(self, notice: Notice) -> None:
        """Passes a notice on, in order. Never blocks, never raises: a peer that is gone drops it."""
