"""Whatever a client sends, the answer is a command, silence or a ProtocolError, and the session can be echoed."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from antiphon.errors import ProtocolError
from antiphon.protocols.voice_agent import VoiceAgentProtocol
from antiphon.protocols.voice_agent.config import SESSION_FIELDS

from .wire import make

NAMES = st.sampled_from(
    [
        *SESSION_FIELDS,
        *("type", "session", "audio", "call_id", "tool_call_id", "result", "reply_id", "samples", "role", "content"),
        *(
            "format",
            "encoding",
            "sample_rate",
            "turn_detection",
            "min_silence",
            "max_silence",
            "vad_threshold",
            "voice",
        ),
        *("volume", "name", "parameters", "properties", "timeout_seconds", "url", "events", "keyterms", "session_id"),
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["audio/pcm", "audio/pcmu", "function", "user", "AAAA"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES | st.text(), inner, max_size=6)),
    max_leaves=25,
)
TYPES = st.sampled_from(
    "session.update session.resume session.end input.audio tool.result "
    "reply.create reply.cancel conversation.message playout.position".split()
)
MESSAGES = st.one_of(
    st.builds(lambda kind, fields: {**fields, "type": kind}, TYPES, st.dictionaries(NAMES, VALUES, max_size=6)),
    st.builds(
        lambda session: {"type": "session.update", "session": session},
        st.dictionaries(st.sampled_from(sorted(SESSION_FIELDS)), VALUES, max_size=4),
    ),
    VALUES,
)


def feed(protocol: VoiceAgentProtocol, data: str | bytes) -> None:
    """One message, answered as a connection would: everything sent must be JSON."""
    try:
        protocol.receive(data)
    except ProtocolError as error:
        json.loads(protocol.error(error))
    assert protocol.config is not None
    json.loads(protocol.session_updated())


@given(st.lists(MESSAGES, max_size=6), st.booleans())
def test_any_json(messages: list[Any], strict: bool) -> None:
    protocol = make(strict=strict, extensions={"playout"})
    for message in messages:
        feed(protocol, json.dumps(message))


@given(st.one_of(st.text(), st.binary()))
def test_any_text_or_bytes(data: str | bytes) -> None:
    feed(make(), data)


@given(st.characters(categories=["Cs"]), st.sampled_from(['{"type":"%s"}', '{"type":"tool.result","call_id":"%s"}']))
def test_half_a_surrogate_pair(half: str, template: str) -> None:
    feed(make(), template % half)


@given(st.sampled_from("[{"), st.integers(1, 20_000), TYPES)
def test_any_depth(bracket: str, depth: int, kind: str) -> None:
    opening = "[" if bracket == "[" else '{"tools":'
    for name in ("session", "result", "type"):
        feed(make(), f'{{"type":"{kind}","call_id":"c","{name}":' + opening * depth)
        feed(make(), f'{{"type":"{kind}","call_id":"c","{name}":' + "[" * depth + "]" * depth + "}")
