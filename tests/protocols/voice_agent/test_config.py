"""Every field of the `session` object: its range, its default, its echo, and whether it may change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from antiphon.protocols.voice_agent import Configure
from antiphon.types import ALAW_8K, PCM_24K, ULAW_8K, SessionConfig, ToolSpec, TurnDetection

from .wire import SESSION_ID, make, ready, refused_update, update


def nested(path: str, value: Any) -> dict[str, Any]:
    """The `session` object that has only `path` set: "input.turn_detection.vad_threshold"."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def look_up(session: Any, path: str) -> Any:
    for name in path.split("."):
        session = session[name]
    return session


def echo(protocol: Any) -> dict[str, Any]:
    return json.loads(protocol.session_updated())["config"]


PCM, PCMU, PCMA = ({"encoding": f"audio/{name}"} for name in ("pcm", "pcmu", "pcma"))
TURN = "input.turn_detection"

LEGAL = [
    ("system_prompt", ""),
    ("system_prompt", "Be brief."),
    ("greeting", "Hello."),
    ("input.type", "audio"),
    ("input.keyterms", ["word"] * 100),
    ("input.transcription_mode", "min_latency"),
    ("input.transcription_mode", "balanced"),
    ("input.transcription_mode", "max_accuracy"),
    ("input.transcription_prompt", "x" * 1750),
    ("input.language_codes", ["en", "de"]),
    ("input.voice_focus", "near-field"),
    ("input.voice_focus", "far-field"),
    ("input.voice_focus_threshold", 0.85),
    ("input.continuous_partials", True),
    (f"{TURN}.vad_threshold", 0.0),
    (f"{TURN}.vad_threshold", 1.0),
    (f"{TURN}.min_silence", 50),
    (f"{TURN}.max_silence", 10_000),
    (f"{TURN}.interrupt_response", False),
    (f"{TURN}.interruption_delay", 1000),
    (f"{TURN}.type", "server_vad"),
    (f"{TURN}.type", "semantic_vad"),
    (f"{TURN}.uninterruptible_turns", ["greeting"]),
    ("output.type", "audio"),
    ("output.voice", "vera"),
    ("output.volume", 0.0),
    ("output.volume", 100.0),
    ("input.format", {"encoding": "audio/pcm", "sample_rate": 24_000}),
    ("output.format", {"encoding": "audio/pcmu", "sample_rate": 8_000}),
]


@pytest.mark.parametrize(("path", "value"), LEGAL)
@pytest.mark.parametrize("strict", [True, False])
def test_a_legal_value_is_echoed(path: str, value: Any, strict: bool) -> None:
    protocol = ready(nested(path, value), strict=strict)
    assert look_up(echo(protocol), path) == value


ILLEGAL = [
    ("input.type", "text"),
    ("input.format", {"encoding": "audio/opus"}),
    ("input.format.sample_rate", 16_000),
    ("output.format.sample_rate", 8_000),
    ("input.keyterms", ["word"] * 101),
    ("input.transcription_mode", "fast"),
    ("input.transcription_prompt", "x" * 1751),
    ("input.voice_focus", "mid-field"),
    ("input.voice_focus_threshold", 1.1),
    ("input.language_codes", "en"),
    (TURN, 5),
    (f"{TURN}.vad_threshold", -0.1),
    (f"{TURN}.vad_threshold", 1.1),
    (f"{TURN}.vad_threshold", "high"),
    (f"{TURN}.min_silence", 49),
    (f"{TURN}.min_silence", 10_001),
    (f"{TURN}.max_silence", 49),
    (f"{TURN}.max_silence", 10_001),
    (f"{TURN}.interrupt_response", 1),
    (f"{TURN}.interruption_delay", 1001),
    ("output.type", "text"),
    ("output.voice", ""),
    ("output.volume", -1),
    ("output.volume", 101),
    ("llm", [{"base_url": "https://example.com", "model": "m"}]),
    ("pre_connect_requests", [{}]),
]


@pytest.mark.parametrize(("path", "value"), ILLEGAL)
def test_an_illegal_value_is_refused_by_its_path(path: str, value: Any) -> None:
    error = refused_update(make(), nested(path, value))
    assert (error.code, error.fatal) == ("invalid_value", True)
    assert error.param == (f"{path}.encoding" if "opus" in str(value) else path)


@pytest.mark.parametrize(("path", "value"), [case for case in ILLEGAL if "output.voice" not in case])
def test_an_illegal_value_mid_session_leaves_all_as_it_was(path: str, value: Any) -> None:
    protocol = ready()
    before = protocol.settings
    assert refused_update(protocol, nested(path, value)).fatal is False
    assert protocol.settings == before


@pytest.mark.parametrize(
    "session",
    [
        {"tool_choice": "auto"},
        {"voice": "vera"},
        {"id": "sess_mine"},
        {"system_prompt": 5},
        {"greeting": None},
        {"greeting": 5},
        {"input": "audio"},
        {"output": []},
        {"tools": {}},
        {"agent_id": 5},
        {"webhook": {}},
        {"webhook": {"url": "https://a.example", "events": ["x"], "retries": 3}},
    ],
)
def test_a_session_of_the_wrong_shape_is_refused_and_the_connection_lives(session: dict[str, Any]) -> None:
    protocol = make()
    error = refused_update(protocol, session)
    assert (error.code, str(error)) == ("invalid_format", "Invalid message format for type 'session.update'")
    assert error.fatal is False
    assert isinstance(update(protocol, {}), Configure)


def test_min_silence_must_be_less_than_max_silence() -> None:
    error = refused_update(make(), {"input": {"turn_detection": {"min_silence": 900, "max_silence": 900}}})
    assert (error.code, error.param) == ("invalid_value", "input.turn_detection.min_silence")


@pytest.mark.parametrize(
    ("tools", "param"),
    [
        ([{}], "tools[0]"),
        ([{"name": ""}], "tools[0].name"),
        (["weather"], "tools[0]"),
        ([{"name": "a"}, {"name": "a"}], "tools[1].name"),
        ([{"name": "a", "type": "server"}], "tools[0].type"),
        ([{"name": "a", "parameters": []}], "tools[0].parameters"),
        ([{"name": "a", "parameters": {"properties": []}}], "tools[0].parameters.properties"),
        ([{"name": "a", "execution_mode": "wait"}], "tools[0].execution_mode"),
        ([{"name": "a", "timeout_seconds": 0.5}], "tools[0].timeout_seconds"),
        ([{"name": "a", "timeout_seconds": 301}], "tools[0].timeout_seconds"),
    ],
)
def test_a_wrong_tool_is_refused_by_its_path(tools: list[Any], param: str) -> None:
    error = refused_update(ready(), {"tools": tools})
    assert (error.code, error.param, error.fatal) == ("invalid_value", param, False)


def test_a_tool_schema_too_deep_to_echo_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(70):
        schema = {"properties": schema}
    error = refused_update(ready(), {"tools": [{"name": "a", "parameters": schema}]})
    assert (error.code, error.param) == ("invalid_value", "tools[0].parameters")


@pytest.mark.parametrize(
    ("webhook", "param"),
    [
        ({"url": "ftp://a.example", "events": ["session.completed"]}, "webhook.url"),
        ({"url": "https://" + "a" * 2048, "events": ["session.completed"]}, "webhook.url"),
        ({"url": "https://a.example", "events": []}, "webhook.events"),
        ({"url": "https://a.example", "events": ["x", "x"]}, "webhook.events"),
        ({"url": "https://a.example", "events": ["x"], "secret": "short"}, "webhook.secret"),
    ],
)
def test_a_wrong_webhook_has_an_error_of_its_own(webhook: dict[str, Any], param: str) -> None:
    error = refused_update(make(), {"webhook": webhook})
    assert (error.code, error.param, error.fatal) == ("invalid_webhook", param, False)


def test_a_webhook_is_kept_and_not_echoed() -> None:
    protocol = ready({"webhook": {"url": "https://a.example", "events": ["session.completed"]}})
    assert protocol.settings.webhook is not None
    assert "webhook" not in echo(protocol)


def test_the_echo_of_an_empty_update_has_every_field() -> None:
    pcm = {"encoding": "audio/pcm", "sample_rate": 24_000}
    unset = [
        "turn_detection",
        "keyterms",
        "transcription_mode",
        "transcription_prompt",
        "language_codes",
        "voice_focus",
        "voice_focus_threshold",
        "continuous_partials",
    ]
    assert echo(ready()) == {
        "id": SESSION_ID,
        "system_prompt": "",
        "greeting": None,
        "input": {"type": "audio", "format": pcm, **dict.fromkeys(unset)},
        "output": {"type": "audio", "voice": "anna", "format": pcm, "volume": None},
        "tools": [],
        "llm": [],
        "pre_connect_requests": [],
    }


def test_the_echo_of_a_tool_has_its_defaults() -> None:
    assert echo(ready({"tools": [{"name": "a", "description": None}]}))["tools"] == [
        {
            "name": "a",
            "type": "function",
            "description": "",
            "parameters": None,
            "execution_mode": "interactive",
            "timeout_seconds": 120.0,
            "http": None,
            "response_instructions": None,
        }
    ]


def test_g711_formats_are_echoed_with_their_rate() -> None:
    session = echo(ready({"input": {"format": PCMU}, "output": {"format": PCMA}}))
    assert session["input"]["format"] == {"encoding": "audio/pcmu", "sample_rate": 8_000}
    assert session["output"]["format"] == {"encoding": "audio/pcma", "sample_rate": 8_000}


@pytest.mark.parametrize(
    ("path", "first", "second"),
    [
        ("greeting", "Hello.", "Hi."),
        ("output.voice", "vera", "anna"),
        ("output.format", PCM, PCMU),
    ],
)
def test_an_immutable_field_may_only_be_said_again(path: str, first: Any, second: Any) -> None:
    protocol = ready(nested(path, first))
    assert isinstance(update(protocol, nested(path, first)), Configure)
    error = refused_update(protocol, nested(path, second))
    assert (error.code, error.param, error.fatal) == ("immutable_field", path, False)
    assert str(error) == f"'{path}' cannot be changed after the first session.update"


def test_an_immutable_field_left_out_of_the_first_update_stays_unset() -> None:
    assert refused_update(ready(), {"greeting": "Hi."}).code == "immutable_field"


def test_the_input_format_may_change() -> None:
    protocol = ready()
    command = update(protocol, {"input": {"format": PCMU}})
    assert isinstance(command, Configure)
    assert command.config.input_format == ULAW_8K


def test_tools_are_replaced_whole() -> None:
    protocol = ready({"tools": [{"name": "a"}, {"name": "b"}]})
    update(protocol, {"tools": [{"name": "c"}]})
    assert protocol.config.tools == (ToolSpec(name="c"),)


def test_turn_detection_is_merged_by_field() -> None:
    protocol = ready({"input": {"turn_detection": {"vad_threshold": 0.7, "max_silence": 2000}}})
    update(protocol, {"input": {"turn_detection": {"min_silence": 300, "max_silence": None}}})
    assert protocol.config.turn_detection == TurnDetection(vad_threshold=0.7, min_silence=300)


def test_an_update_changes_only_what_it_names() -> None:
    protocol = ready(
        {"system_prompt": "One.", "input": {"keyterms": ["a"]}, "greeting": "Hi.", "tools": [{"name": "a"}]}
    )
    update(protocol, {"system_prompt": "Two.", "input": {"language_codes": ["fr"]}, "output": None, "tools": None})
    assert protocol.config == SessionConfig(
        system_prompt="Two.", greeting="Hi.", keyterms=("a",), language_codes=("fr",), tools=(ToolSpec(name="a"),)
    )


def test_a_null_unsets_a_field_of_input_or_output() -> None:
    protocol = ready({"input": {"keyterms": ["a"], "turn_detection": {"min_silence": 300}}, "output": {"volume": 5}})
    update(protocol, {"input": {"keyterms": None, "turn_detection": None}, "output": {"volume": None}})
    assert protocol.config == SessionConfig()


def test_nothing_said_means_the_defaults() -> None:
    assert ready().config == SessionConfig()


def test_everything_said_reaches_the_config() -> None:
    tool = {
        "name": "weather",
        "description": "d",
        "parameters": {"type": "object"},
        "execution_mode": "hold",
        "timeout_seconds": 5,
        "idempotent": True,
    }
    protocol = ready(
        {
            "system_prompt": "p",
            "greeting": "g",
            "input": {"format": PCMU, "turn_detection": {"min_silence": 300, "interrupt_response": False}},
            "output": {"format": PCMA, "voice": "zoe", "volume": 50},
            "tools": [tool],
        }
    )
    assert protocol.config == SessionConfig(
        system_prompt="p",
        greeting="g",
        input_format=ULAW_8K,
        output_format=ALAW_8K,
        voice="zoe",
        volume=50.0,
        turn_detection=TurnDetection(min_silence=300, interrupt_response=False),
        tools=(ToolSpec("weather", "d", {"type": "object"}, hold=True, timeout=5.0, idempotent=True),),
    )


@pytest.mark.parametrize(
    ("said", "min_silence", "max_silence"),
    [({}, 600, 3000), ({"min_silence": 5000}, 5000, 5000), ({"max_silence": 200}, 200, 200)],
)
def test_a_default_never_contradicts_what_was_said(said: dict[str, int], min_silence: int, max_silence: int) -> None:
    turn = ready({"input": {"turn_detection": said}}).config.turn_detection
    assert (turn.min_silence, turn.max_silence) == (min_silence, max_silence)


def test_unknown_voices_and_languages_pass_unless_strict() -> None:
    assert ready({"output": {"voice": "ivy"}, "input": {"language_codes": ["xx"]}}).config.voice == "ivy"
    voice = refused_update(make(strict=True), {"output": {"voice": "ivy"}})
    assert (voice.code, voice.param, voice.fatal) == ("invalid_value", "output.voice", True)
    assert "alba, anna" in str(voice)
    language = refused_update(make(strict=True), {"input": {"language_codes": ["en", "xx"]}})
    assert language.param == "input.language_codes[1]"


def test_fields_unknown_below_the_first_level_are_ignored() -> None:
    assert ready({"input": {"future": 1}, "output": {"future": 1}, "tools": [{"name": "a", "future": 1}]})


def test_the_first_generation_of_turn_detection_is_understood_unless_strict() -> None:
    old = {
        "turn_detection": {
            "speech_detection_threshold": 0.4,
            "prefix_padding_ms": 300,
            "min_end_of_turn_silence_ms": 100,
            "max_turn_silence_ms": 1000,
            "interrupt_response": False,
            "min_interrupt_words": 0,
        }
    }
    assert ready(old).config.turn_detection == TurnDetection(0.4, 100, 1000, False)
    assert refused_update(make(strict=True), old).code == "invalid_format"


def test_a_format_without_encoding_is_pcm_unless_strict() -> None:
    old = {"input": {"format": {"sample_rate": 24_000}}}
    assert ready(old).config.input_format == PCM_24K
    assert refused_update(make(strict=True), old).param == "input.format"


def test_a_plain_http_webhook_is_accepted_unless_strict() -> None:
    hook = {"webhook": {"url": "http://localhost:9000", "events": ["session.completed"]}}
    assert ready(hook).settings.webhook is not None
    assert refused_update(make(strict=True), hook).param == "webhook.url"


def test_a_servers_defaults_lie_under_the_first_update() -> None:
    protocol = ready({"greeting": "Hi."}, defaults={"system_prompt": "p", "output": {"voice": "zoe"}})
    assert protocol.config == SessionConfig(system_prompt="p", greeting="Hi.", voice="zoe")
