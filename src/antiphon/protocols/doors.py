"""What all doors but the Voice Agent API's own have in common.

A door lets in callers who speak another protocol. It is a plain class in a file of its own, fed what a connection
receives and asked what to send, as `voice_agent/protocol.py` is: messages become commands, notices become messages. It
knows nothing of sockets, of the session, or of other doors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from antiphon.conversation.notices import Notice
from antiphon.errors import ProtocolError
from antiphon.protocols.voice_agent import commands
from antiphon.protocols.voice_agent.config import Settings

Message = str | bytes  # a text or a binary message of a WebSocket

CLOSE_MALFORMED = 1007  # what came in is not what the protocol says (RFC 6455, section 7.4.1)


@dataclass(frozen=True, slots=True)
class Begin:
    """A session is wanted. `session` is laid over the agent's own `session` object."""

    session: dict[str, Any]
    ticket: str | None = None  # the credential; None: it was shown when the connection was opened
    agent_id: str | None = None  # of a stored agent; None: the server's own
    call_id: str = ""  # the carrier's name for the call
    facts: dict[str, str] = field(default_factory=dict)  # what is known of the call, by name


@dataclass(frozen=True, slots=True)
class Digit:
    """The caller pressed a key of the telephone."""

    key: str


@dataclass(frozen=True, slots=True)
class Answer:
    """To be sent as it is: the protocol wants it, and the session need not know."""

    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Change:
    """The session is to be changed: `session` is laid over what it is."""

    session: dict[str, Any]


Command = commands.Command | Begin | Digit | Answer | Change


class Door(Protocol):
    """One connection of a door, without the connection."""

    def receive(self, data: Message) -> Sequence[Command]:
        """What one message asks for. Raises ProtocolError, and nothing else, for what may not be sent."""

    def opened(self, settings: Settings) -> Sequence[Message]:
        """The session has been begun, or changed, to be as `settings` say."""

    def send(self, notice: Notice) -> Sequence[Message]:
        """The messages for a notice, in order."""

    def error(self, error: ProtocolError) -> Sequence[Message]:
        """The messages that tell of an error; none where the protocol has no such message."""

    def close_code(self, error: ProtocolError) -> int | None:
        """The WebSocket close code that follows `error`, or None when the connection stays open."""
