"""Whether a connection is alive that nobody has closed: what is sent into a dead one is heard by nobody."""

from __future__ import annotations

from typing import Protocol

from starlette.requests import HTTPConnection

EXTENSION = "antiphon.pulse"  # where our own WebSocket protocol puts its pulse, among the ASGI scope's extensions
ASK_EVERY = 0.5  # seconds between two questions


class Pulse(Protocol):
    seen: float  # the loop's time when anything came, an answer to a ping included

    def ask(self) -> None:
        """Sends a ping, unless one was sent just now."""


def pulse_of(connection: HTTPConnection) -> Pulse | None:
    """None where another server's protocol serves, which has no way to ask."""
    pulse: Pulse | None = (connection.scope.get("extensions") or {}).get(EXTENSION)
    return pulse
