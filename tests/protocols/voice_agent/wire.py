"""Short ways to speak the wire in tests."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from antiphon.errors import ProtocolError
from antiphon.protocols.voice_agent import Command, VoiceAgentProtocol

SESSION_ID = "sess_" + "0" * 32


def make(**options: Any) -> VoiceAgentProtocol:
    return VoiceAgentProtocol(session_id=SESSION_ID, now=lambda: 1234.5, **options)


def ready(session: dict[str, Any] | None = None, **options: Any) -> VoiceAgentProtocol:
    """A protocol whose session is up, set to `session`."""
    protocol = make(**options)
    update(protocol, session or {})
    protocol.session_ready(expires_at=99)
    return protocol


def say(protocol: VoiceAgentProtocol, kind: str, **fields: Any) -> Command | None:
    return protocol.receive(json.dumps({"type": kind, **fields}))


def update(protocol: VoiceAgentProtocol, session: dict[str, Any]) -> Command | None:
    return say(protocol, "session.update", session=session)


def audio(protocol: VoiceAgentProtocol, data: bytes) -> Command | None:
    return say(protocol, "input.audio", audio=base64.b64encode(data).decode())


def refused(protocol: VoiceAgentProtocol, text: str | bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        protocol.receive(text)
    return caught.value


def refused_update(protocol: VoiceAgentProtocol, session: Any) -> ProtocolError:
    return refused(protocol, json.dumps({"type": "session.update", "session": session}))
