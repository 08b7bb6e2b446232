"""What a client's message asks for, once it has been checked. `VoiceAgentProtocol.receive` returns one of these."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.types import Role, SessionConfig


@dataclass(frozen=True, slots=True)
class Configure:
    """The session is to be as `config` says. Answer with `session_updated()`, the first also with `session_ready()`."""

    config: SessionConfig  # the whole resolved configuration, not only what changed
    first: bool  # True: open the session with it


@dataclass(frozen=True, slots=True)
class BindAgent:
    """The session is to be a stored agent. Answer by calling `bind_agent()` with the agent's settings, or None."""

    agent_id: str


@dataclass(frozen=True, slots=True)
class Resume:
    """The client returns to a session it lost. Answer by calling `resume()` with what was kept, or None.

    `last_seq` is the number of the last event it has, where it asked for the extension "seq"."""

    session_id: str
    last_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Audio:
    """What the caller's microphone heard: whole samples in the session's input format, never empty."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A tool has run. `result` is a string for the model, JSON by convention. It may come at any time."""

    call_id: str
    result: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class CreateReply:
    """Speak now. `instructions` hold for this one reply and leave the system prompt alone."""

    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class CancelReply:
    reply_id: str


@dataclass(frozen=True, slots=True)
class AddMessage:
    """Add to the history without a reply."""

    role: Role  # USER or SYSTEM
    content: str


@dataclass(frozen=True, slots=True)
class PlayoutPosition:
    """How much of a reply the caller has heard, counted in samples of the output format. Extension "playout"."""

    reply_id: str
    samples: int


@dataclass(frozen=True, slots=True)
class End:
    """End the session: send `session.ended`, close the connection with 1000, keep nothing to resume."""


Command = (
    Audio | Configure | BindAgent | Resume | ToolResult | CreateReply | CancelReply | AddMessage | PlayoutPosition | End
)
