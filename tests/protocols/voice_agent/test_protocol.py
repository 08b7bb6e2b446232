"""The order of things on one connection, and everything the server says."""

from __future__ import annotations

import base64
import json
import random
from typing import Any
from unittest.mock import ANY

import msgspec
import pytest

from antiphon.conversation import notices
from antiphon.errors import ProtocolError
from antiphon.protocols.voice_agent import (
    BindAgent,
    Configure,
    End,
    Phase,
    Resume,
    Settings,
    close_code,
    new_id,
    refusals,
)
from antiphon.types import Cost, SessionConfig

from .wire import SESSION_ID, audio, make, ready, refused, refused_update, say, update

AGENT_ID = "agent_" + "1" * 32


def sent(text: str | None) -> dict[str, Any]:
    assert text is not None
    message: dict[str, Any] = json.loads(text)
    assert message.pop("timestamp") == 1234.5
    return message


# The first message


def test_the_first_update_opens_the_session() -> None:
    protocol = make()
    assert update(protocol, {"system_prompt": "p"}) == Configure(SessionConfig(system_prompt="p"), first=True)
    assert protocol.phase is Phase.CONFIGURED


@pytest.mark.parametrize("fields", [{}, {"session": None}, {"agent_id": AGENT_ID}])
def test_an_update_without_a_session_takes_the_defaults(fields: dict[str, Any]) -> None:
    assert say(make(), "session.update", **fields) == Configure(SessionConfig(), first=True)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("tool.result", {"call_id": "c", "result": "x"}),
        ("reply.create", {}),
        ("reply.cancel", {"reply_id": "r"}),
        ("conversation.message", {"role": "user", "content": "hi"}),
        ("playout.position", {"reply_id": "r", "samples": 1}),
    ],
)
def test_no_other_message_may_come_first(kind: str, fields: dict[str, Any]) -> None:
    protocol = make(extensions={"playout"})
    error = refused(protocol, json.dumps({"type": kind, **fields}))
    assert (error.code, error.fatal) == ("invalid_format", False)
    assert update(protocol, {}) is not None


def test_audio_before_ready_is_dropped_in_silence() -> None:
    protocol = make()
    assert audio(protocol, b"\0\0") is None
    update(protocol, {})
    assert audio(protocol, b"\0\0") is None
    protocol.session_ready(expires_at=99)
    assert audio(protocol, b"\0\0") is not None


def test_an_end_is_an_end_at_any_time() -> None:
    assert say(make(), "session.end") == End()


def test_nothing_counts_after_the_end() -> None:
    protocol = ready()
    say(protocol, "session.end")
    assert audio(protocol, b"\0\0") is None
    assert say(protocol, "reply.create") is None
    assert update(protocol, {"greeting": "x"}) is None


def test_a_later_update_is_not_the_first() -> None:
    command = update(ready(), {"system_prompt": "p"})
    assert command == Configure(SessionConfig(system_prompt="p"), first=False)


# Stored agents


def test_an_agent_is_asked_for_and_bound() -> None:
    protocol = make()
    assert update(protocol, {"agent_id": AGENT_ID}) == BindAgent(AGENT_ID)
    bound = protocol.bind_agent({"system_prompt": "p", "greeting": "g", "output": {"voice": "zoe"}})
    assert bound == Configure(SessionConfig(system_prompt="p", greeting="g", voice="zoe"), first=True)
    protocol.session_ready(expires_at=99)
    assert isinstance(update(protocol, {"system_prompt": "q", "tools": []}), Configure)


def test_an_agent_that_is_not_there_is_fatal() -> None:
    protocol = make()
    update(protocol, {"agent_id": AGENT_ID})
    with pytest.raises(ProtocolError) as caught:
        protocol.bind_agent(None)
    error = caught.value
    assert (error.code, str(error), error.param, error.fatal) == (
        "agent_not_found",
        "Agent not found",
        "agent_id",
        True,
    )


def test_an_agent_comes_alone() -> None:
    error = refused_update(make(), {"agent_id": AGENT_ID, "system_prompt": "p"})
    assert (error.code, error.param, error.fatal) == ("invalid_value", "agent_id", True)
    assert str(error) == "agent_id is mutually exclusive with other session fields"


def test_an_agent_comes_first() -> None:
    error = refused_update(ready(), {"agent_id": AGENT_ID})
    assert (error.code, error.param, error.fatal) == ("agent_id_not_first", "agent_id", False)


def test_an_update_waits_while_an_agent_is_looked_up() -> None:
    protocol = make()
    update(protocol, {"agent_id": AGENT_ID})
    assert refused_update(protocol, {}).code == "invalid_format"


# Resume


def test_a_session_is_resumed_as_it_was() -> None:
    lost = ready({"system_prompt": "p", "input": {"format": {"encoding": "audio/pcmu"}}})
    kept = msgspec.json.decode(msgspec.json.encode(lost.settings), type=Settings)
    protocol = make()
    assert say(protocol, "session.resume", session_id=SESSION_ID) == Resume(SESSION_ID)
    protocol.resume(kept)
    assert sent(protocol.session_ready(expires_at=99))["session_id"] == SESSION_ID
    assert protocol.config == lost.config
    assert audio(protocol, b"\0") is not None
    assert update(protocol, {}) == Configure(lost.config, first=False)


def test_a_session_that_is_gone_is_fatal() -> None:
    protocol = make()
    say(protocol, "session.resume", session_id="sess_x")
    with pytest.raises(ProtocolError) as caught:
        protocol.resume(None)
    assert (caught.value.code, caught.value.fatal) == ("session_not_found", True)
    assert str(caught.value) == "Session not found or grace window has expired"


def test_a_resume_comes_first() -> None:
    error = refused(ready(), json.dumps({"type": "session.resume", "session_id": "sess_x"}))
    assert (error.code, error.fatal) == ("invalid_format", False)


# What the server says

NOTICES = [
    (notices.SpeechStarted(), {"type": "input.speech.started"}),
    (notices.SpeechStopped(), {"type": "input.speech.stopped"}),
    (notices.UserTranscriptDelta("i", "hel"), {"type": "transcript.user.delta", "item_id": "i", "text": "hel"}),
    (notices.UserTranscript("i", "hello"), {"type": "transcript.user", "item_id": "i", "text": "hello"}),
    (notices.ReplyStarted("r", "i"), {"type": "reply.started", "reply_id": "r", "item_id": "i"}),
    (notices.ReplyAudio("r", b"\0\1"), {"type": "reply.audio", "reply_id": "r", "data": "AAE="}),
    (
        notices.AgentTranscriptDelta("r", "i", "hi ", 0, None),
        {
            "type": "transcript.agent.delta",
            "reply_id": "r",
            "item_id": "i",
            "delta": "hi ",
            "start_ms": 0,
            "end_ms": None,
        },
    ),
    (
        notices.AgentTranscript("r", "i", "hi", True),
        {"type": "transcript.agent", "reply_id": "r", "item_id": "i", "text": "hi", "interrupted": True},
    ),
    (
        notices.ReplyDone("r", notices.ReplyStatus.INTERRUPTED),
        {"type": "reply.done", "reply_id": "r", "status": "interrupted"},
    ),
    (
        notices.ToolCalled("c", "weather", {"city": "Ulm"}),
        {"type": "tool.call", "call_id": "c", "name": "weather", "arguments": {"city": "Ulm"}},
    ),
    (
        notices.TurnMetrics("r", 600.0, (notices.Span("stt", 600.0, estimated=True),)),
        {
            "type": "turn.metrics",
            "reply_id": "r",
            "total_ms": 600.0,
            "spans": [{"name": "stt", "ms": 600.0, "estimated": True, "over_budget": False}],
        },
    ),
    (
        notices.SessionEnded("client_end", 2.5),
        {"type": "session.ended", "session_duration_seconds": 2.5, "audio_duration_seconds": None, "cost": ANY},
    ),
    (
        notices.ReplyFault("r", "provider_error", "llm: no room", retryable=True, status=529),
        {
            "type": "reply.error",
            "reply_id": "r",
            "code": "provider_error",
            "message": "llm: no room",
            "retryable": True,
            "status_code": 529,
        },
    ),
    (
        notices.SessionFault("audio_rate_violation", "Too fast"),
        {"type": "session.error", "code": "audio_rate_violation", "message": "Too fast"},
    ),
    (
        notices.SessionFault("stt_failed", "No transcript"),
        {
            "type": "session.error",
            "code": "internal_error",
            "message": "stt_failed: No transcript",
            "param": None,
            "session_id": SESSION_ID,
        },
    ),
]


@pytest.mark.parametrize(("notice", "message"), NOTICES)
def test_every_notice_has_its_message(notice: notices.Notice, message: dict[str, Any]) -> None:
    assert sent(ready(extensions={"metrics"}).send(notice)) == message


def test_metrics_need_their_extension() -> None:
    cost = Cost(input_tokens=9)
    assert ready().send(notices.TurnMetrics("r", 600.0, ())) is None
    assert ready().send(notices.ReplyCost("r", cost, cost)) is None
    assert "cost" not in sent(ready().send(notices.SessionEnded("client_end", 2.5, cost)))


def test_with_their_extension_costs_are_told() -> None:
    wire, cost = ready(extensions={"metrics"}), Cost(stt_seconds=1.00049, stt_usd=0.1, llm_usd=None)
    told = sent(wire.send(notices.ReplyCost("r", cost, cost + cost)))
    assert (told["type"], told["reply_id"], told["session"]["stt_usd"]) == ("reply.cost", "r", 0.2)
    assert told["cost"]["stt_seconds"] == 1.0 and told["cost"]["usd"] is None
    assert sent(wire.send(notices.TurnMetrics("r", 600.0, (), cost)))["cost"] == told["cost"]
    assert sent(wire.send(notices.SessionEnded("client_end", 2.5, cost)))["cost"] == told["cost"]


def test_a_first_generation_client_finds_the_arguments_under_args_too() -> None:
    message = sent(ready({"turn_detection": {}}).send(notices.ToolCalled("c", "n", {"a": 1})))
    assert message["args"] == message["arguments"] == {"a": 1}


def test_arguments_may_hold_any_number() -> None:
    message = sent(ready().send(notices.ToolCalled("c", "n", {"card": 10**30})))
    assert message["arguments"] == {"card": 10**30}


def test_updated_comes_with_the_config_and_ready_with_the_terms() -> None:
    protocol = make()
    update(protocol, {"system_prompt": "p"})
    updated = sent(protocol.session_updated())
    told = sent(protocol.session_ready(expires_at=99, resume_token="t"))
    assert updated["type"] == "session.updated"
    assert told == {
        "type": "session.ready",
        "session_id": SESSION_ID,
        "config": updated["config"],
        "expires_at": 99,
        "resume_token": "t",
    }


def test_audio_survives_the_way_out() -> None:
    data = random.Random(1).randbytes(960)
    assert base64.b64decode(sent(ready().send(notices.ReplyAudio("r", data)))["data"]) == data


# Errors


@pytest.mark.parametrize(
    ("error", "named", "close"),
    [
        (refusals.unauthorized(), {"param": None, "session_id": None}, 1008),
        (refusals.at_capacity(), {"param": None, "session_id": None}, 1008),
        (refusals.session_not_found(), {"param": None, "session_id": None}, 1008),
        (refusals.session_forbidden(), {"param": None, "session_id": None}, 1008),
        (refusals.session_expired(), {"param": None, "session_id": SESSION_ID}, 1008),
        (refusals.agent_not_found(), {"param": "agent_id", "session_id": SESSION_ID}, 1008),
        (refusals.internal_error(), {"param": None, "session_id": SESSION_ID}, 1011),
        (refusals.immutable_field("greeting"), {"param": "greeting", "session_id": SESSION_ID}, None),
        (refusals.invalid_json(), {}, None),
        (refusals.invalid_audio(), {}, None),
    ],
)
def test_an_error_names_what_it_is_about(error: ProtocolError, named: dict[str, Any], close: int | None) -> None:
    assert sent(make().error(error)) == {"type": "session.error", "code": error.code, "message": str(error), **named}
    assert close_code(error) == close


def test_nothing_counts_after_a_fatal_error() -> None:
    protocol = make()
    protocol.error(refused_update(protocol, {"output": {"volume": 101}}))
    assert update(protocol, {}) is None


def test_ids_can_be_had_again() -> None:
    first = new_id("resp", random_bytes=random.Random(7).randbytes)
    assert first == new_id("resp", random_bytes=random.Random(7).randbytes)
    assert first.startswith("resp_")
    assert len(first) == 5 + 32
