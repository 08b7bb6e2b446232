"""Every client message: what it becomes, and what it is told when it is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from antiphon.protocols.voice_agent import (
    AddMessage,
    Audio,
    CancelReply,
    CreateReply,
    End,
    PlayoutPosition,
    ToolResult,
)
from antiphon.types import Role

from .wire import audio, ready, refused, say

GOOD = [
    ({"type": "session.end"}, End()),
    ({"type": "tool.result", "call_id": "c", "result": "{}"}, ToolResult("c", "{}", False)),
    ({"type": "tool.result", "call_id": "c", "result": "x", "is_error": True}, ToolResult("c", "x", True)),
    ({"type": "tool.result", "call_id": "c", "result": "x", "is_error": None}, ToolResult("c", "x", False)),
    ({"type": "reply.create"}, CreateReply(None)),
    ({"type": "reply.create", "instructions": "Say hi"}, CreateReply("Say hi")),
    ({"type": "reply.cancel", "reply_id": "r"}, CancelReply("r")),
    ({"type": "conversation.message", "role": "user", "content": "hi"}, AddMessage(Role.USER, "hi")),
    ({"type": "conversation.message", "role": "system", "content": "hi"}, AddMessage(Role.SYSTEM, "hi")),
    ({"type": "reply.create", "a_field": "of the future"}, CreateReply(None)),
    ({"instructions": "the type may come last", "type": "reply.create"}, CreateReply("the type may come last")),
]


@pytest.mark.parametrize(("message", "command"), GOOD)
@pytest.mark.parametrize("strict", [True, False])
def test_a_good_message_becomes_its_command(message: dict[str, Any], command: object, strict: bool) -> None:
    assert ready(strict=strict).receive(json.dumps(message)) == command


BAD_SHAPE = [
    {"type": "session.update", "session": []},
    {"type": "session.resume"},
    {"type": "session.resume", "session_id": 5},
    {"type": "input.audio"},
    {"type": "input.audio", "audio": 5},
    {"type": "input.audio", "data": "AAAA"},
    {"type": "tool.result", "result": "x"},
    {"type": "tool.result", "call_id": "c"},
    {"type": "tool.result", "call_id": 5, "result": "x"},
    {"type": "reply.create", "instructions": 5},
    {"type": "reply.cancel"},
    {"type": "conversation.message", "role": "assistant", "content": "hi"},
    {"type": "conversation.message", "role": "user"},
    {"type": "playout.position", "reply_id": "r", "samples": -1},
]


@pytest.mark.parametrize("message", BAD_SHAPE)
@pytest.mark.parametrize("strict", [True, False])
def test_a_message_of_the_wrong_shape_is_refused_by_its_type(message: dict[str, Any], strict: bool) -> None:
    error = refused(ready(strict=strict, extensions={"playout"}), json.dumps(message))
    assert (error.code, error.fatal) == ("invalid_format", False)
    assert str(error) == f"Invalid message format for type '{message['type']}'"


@pytest.mark.parametrize("text", ["", "{", "nonsense", "[]", "5", "null", '"text"', "[" * 5000, "\ud800", "NaN"])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    error = refused(ready(), text)
    assert (error.code, str(error), error.fatal) == ("invalid_format", "Invalid JSON format.", False)


@pytest.mark.parametrize(
    ("text", "name"),
    [('{"type":"audio.append"}', "audio.append"), ("{}", "None"), ('{"type":5}', "5"), ('{"type":null}', "None")],
)
def test_an_unknown_type_is_named_in_the_refusal(text: str, name: str) -> None:
    error = refused(ready(), text)
    assert (error.code, str(error), error.fatal) == ("invalid_format", f"Unknown message type: {name}", False)


def test_audio_arrives_as_raw_bytes() -> None:
    assert audio(ready(), b"\x01\x02\x03\x04") == Audio(b"\x01\x02\x03\x04")


def test_empty_audio_is_nothing() -> None:
    assert audio(ready(), b"") is None


@pytest.mark.parametrize("text", ["A", "AAA", "A A=", "AA-_", "é===", "AA=A"])
def test_broken_base64_is_invalid_audio(text: str) -> None:
    error = refused(ready(), json.dumps({"type": "input.audio", "audio": text}))
    assert (error.code, str(error), error.fatal) == ("invalid_audio", "Invalid audio data", False)


def test_half_a_pcm_sample_is_invalid_audio() -> None:
    error = refused(ready(), '{"type":"input.audio","audio":"AAAA"}')
    assert (error.code, error.fatal) == ("invalid_audio", False)
    assert "even number of bytes, not 3" in str(error)


@pytest.mark.parametrize("encoding", ["audio/pcmu", "audio/pcma"])
def test_g711_audio_may_have_an_odd_size(encoding: str) -> None:
    protocol = ready({"input": {"format": {"encoding": encoding}}})
    assert audio(protocol, b"\xff\xff\xff") == Audio(b"\xff\xff\xff")


def test_a_wav_header_is_invalid_audio() -> None:
    error = refused(ready(), '{"type":"input.audio","audio":"UklGRiQAAABXQVZF"}')
    assert error.code == "invalid_audio"
    assert "WAV" in str(error)


def test_a_binary_frame_is_invalid_audio() -> None:
    error = refused(ready(), b"\x00\x00")
    assert (error.code, error.fatal) == ("invalid_audio", False)


def test_playout_position_needs_its_extension() -> None:
    position = {"reply_id": "r", "samples": 480}
    assert say(ready(extensions={"playout"}), "playout.position", **position) == PlayoutPosition("r", 480)
    error = refused(ready(), json.dumps({"type": "playout.position", **position}))
    assert str(error) == "Unknown message type: playout.position"


OLD = [
    ({"type": "tool.result", "tool_call_id": "c", "result": "x"}, ToolResult("c", "x")),
    ({"type": "tool.result", "call_id": "c", "result": {"a": [1]}}, ToolResult("c", '{"a":[1]}')),
    ({"type": "tool.result", "call_id": "c", "result": None}, ToolResult("c", "null")),
]


@pytest.mark.parametrize(("message", "command"), OLD)
def test_an_older_tool_result_is_understood_unless_strict(message: dict[str, Any], command: ToolResult) -> None:
    assert ready().receive(json.dumps(message)) == command
    assert refused(ready(strict=True), json.dumps(message)).code == "invalid_format"
