"""What can go wrong with a vendor, in one vocabulary for all emulators.

An emulator that is given a fault shows it to every request until it is taken away again. How it looks on the wire is
the vendor's own; when it comes, and for how long, is said here.
"""

from __future__ import annotations

from enum import Enum

STALL = 38.0  # seconds: the longest silence between two pieces of an answer that users of voice agents have reported
SLOW = 4.0  # seconds to the first byte: longer than anybody waits for an answer on the phone
RETRY_AFTER = 7.0  # seconds, said with a 429
PIECES_BEFORE = 2  # pieces of an answer that come before a fault in the middle of it


class Fault(Enum):
    REFUSE = "nobody listens at the address"
    HANG = "the connection is accepted, and nothing ever comes"
    SLOW_FIRST_BYTE = "the answer begins after SLOW seconds"
    STALL = "the answer pauses for STALL seconds after some pieces"
    AUTH = "the key is refused: 401"
    QUOTA = "the account is empty: 402"
    RATE_LIMITED = "too many requests: 429, with retry-after"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    OVERLOADED = "529"
    ERROR_EVENT = "the answer begins well, then says that it failed"
    RESET = "the answer begins well, then the connection is reset"
    GARBAGE = "what comes is not the protocol"
    ODD_BYTES = "audio comes in pieces that cut samples in two"
    SESSION_EXPIRED = "the session has reached its age limit, and is closed in the middle"

    @property
    def status(self) -> int | None:
        """The HTTP status it is, where it is one."""
        return _STATUSES.get(self)

    @property
    def harmless(self) -> bool:
        """A client that is written well gives a whole answer all the same."""
        return self is Fault.ODD_BYTES

    @property
    def in_the_middle(self) -> bool:
        """Some of the answer comes before it."""
        return self in (Fault.STALL, Fault.ERROR_EVENT, Fault.RESET, Fault.SESSION_EXPIRED)


_STATUSES = {
    Fault.AUTH: 401,
    Fault.QUOTA: 402,
    Fault.RATE_LIMITED: 429,
    Fault.SERVER_ERROR: 500,
    Fault.UNAVAILABLE: 503,
    Fault.OVERLOADED: 529,
}

# What a vendor of each kind can show.
AUDIO_FAULTS = tuple(Fault)
HTTP_FAULTS = tuple(fault for fault in Fault if fault not in (Fault.ODD_BYTES, Fault.SESSION_EXPIRED))
SOCKET_FAULTS = tuple(fault for fault in Fault if fault is not Fault.ODD_BYTES)
