"""The `session` object of the Realtime API: read as a `session` object of the Voice Agent API, and written from one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from antiphon.protocols.realtime import refusals
from antiphon.protocols.voice_agent.config import PCM, Format, Settings, Silence, Unit
from antiphon.types import TurnDetection

# What a client may set and this server has no use for: it is taken, and changes nothing.
_IGNORED = frozenset(
    "type model object id expires_at include max_output_tokens parallel_tool_calls prompt reasoning tracing "
    "truncation".split()
)
_READ = frozenset({"audio", "instructions", "output_modalities", "tool_choice", "tools"})


class _Turns(Struct, frozen=True):
    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: Unit | None = None
    silence_duration_ms: Silence | None = None
    create_response: bool | None = True
    interrupt_response: bool | None = None


class _Transcription(Struct, frozen=True):
    language: str | None = None
    prompt: Annotated[str, Meta(max_length=1750)] | None = None


class _Format(Struct, frozen=True):
    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"] = "audio/pcm"
    rate: int | None = None


class _Input(Struct, frozen=True):
    format: _Format | None = None
    transcription: _Transcription | None = None
    turn_detection: _Turns | UnsetType | None = UNSET


class _VoiceId(Struct, frozen=True):
    id: str


class _Output(Struct, frozen=True):
    format: _Format | None = None
    voice: str | _VoiceId | None = None


class _Audio(Struct, frozen=True):
    input: _Input | None = None
    output: _Output | None = None


class _Tool(Struct, frozen=True):
    name: str
    type: Literal["function"] = "function"
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Session(Struct, frozen=True):
    instructions: str | None = None
    audio: _Audio | None = None
    tools: tuple[_Tool, ...] | None = None
    tool_choice: str | dict[str, Any] | None = None
    output_modalities: tuple[Literal["text", "audio"], ...] | None = None


def read(update: dict[str, Any], *, voices: tuple[str, ...]) -> dict[str, Any]:
    """A `session` object as the Voice Agent API has it. A voice that is not among `voices`, where these are known, is
    not asked for: clients name the vendor's. Raises ProtocolError."""
    for name in update.keys() - _READ - _IGNORED:
        raise refusals.unknown(f"session.{name}")
    try:
        session = msgspec.convert({name: update[name] for name in update.keys() & _READ}, _Session)
    except msgspec.ValidationError as failure:
        why, _, path = str(failure).rpartition(" - at `$.")
        raise refusals.invalid(f"session.{path.removesuffix('`')}", why) from failure
    if session.output_modalities is not None and "audio" not in session.output_modalities:
        raise refusals.unsupported("session.output_modalities", "A reply in text alone")
    found: dict[str, Any] = {}
    if session.instructions is not None:
        found["system_prompt"] = session.instructions
    if session.tools is not None:
        found["tools"] = [_tool(tool) for tool in session.tools]
    if session.tool_choice not in (None, "auto", "none"):
        raise refusals.unsupported("session.tool_choice", "A choice other than 'auto' and 'none'")
    if session.tool_choice == "none":
        found["tools"] = []
    audio = session.audio or _Audio()
    if audio.input and (given := _input(audio.input)):
        found["input"] = given
    if audio.output and (given := _output(audio.output, voices)):
        found["output"] = given
    return found


def write(settings: Settings, *, model: str) -> dict[str, Any]:
    """The whole resolved session."""
    session = settings.session
    turns, default = session.input.turn_detection, TurnDetection()
    detection = {
        "type": "server_vad",
        "threshold": default.vad_threshold if turns is None or turns.vad_threshold is None else turns.vad_threshold,
        "prefix_padding_ms": 300,
        "silence_duration_ms": default.min_silence if turns is None or turns.min_silence is None else turns.min_silence,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": turns is None or turns.interrupt_response is not False,
    }
    language = (session.input.language_codes or (None,))[0]
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session.id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": session.system_prompt,
        "tools": [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters or {},
            }
            for tool in session.tools
        ],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "include": None,
        "audio": {
            "input": {
                "format": _told(session.input.format),
                "transcription": {"language": language, "prompt": session.input.transcription_prompt},
                "noise_reduction": None,
                "turn_detection": detection,
            },
            "output": {"format": _told(session.output.format), "voice": session.output.voice, "speed": 1.0},
        },
    }


def _input(given: _Input) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if given.format:
        found["format"] = _format(given.format, "session.audio.input.format")
    if given.transcription and given.transcription.language:
        found["language_codes"] = [given.transcription.language]
    if given.transcription and given.transcription.prompt:
        found["transcription_prompt"] = given.transcription.prompt
    turns, where = given.turn_detection, "session.audio.input.turn_detection"
    if turns is None:
        raise refusals.unsupported(where, "A session whose client decides when a turn ends")
    if turns is UNSET:
        return found
    if turns.create_response is False:
        raise refusals.unsupported(f"{where}.create_response", "A turn that is not answered")
    wanted = {
        "vad_threshold": turns.threshold,
        "min_silence": turns.silence_duration_ms,
        "interrupt_response": turns.interrupt_response,
    }
    found["turn_detection"] = {name: value for name, value in wanted.items() if value is not None}
    return found


def _output(given: _Output, voices: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if given.format:
        found["format"] = _format(given.format, "session.audio.output.format")
    voice = given.voice.id if isinstance(given.voice, _VoiceId) else given.voice
    if voice and voice in voices:
        found["voice"] = voice
    return found


def _format(given: _Format, where: str) -> dict[str, Any]:
    rate = 24_000 if given.type == "audio/pcm" else 8_000
    if given.rate not in (None, rate):
        raise refusals.invalid(f"{where}.rate", f"{given.type} is at {rate} Hz")
    return {"encoding": given.type, "sample_rate": rate}


def _told(audio_format: Format) -> dict[str, Any]:
    kind = {"type": str(audio_format.__struct_config__.tag)}
    return {**kind, "rate": audio_format.sample_rate} if isinstance(audio_format, PCM) else kind


def _tool(tool: _Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description or "",
        "parameters": tool.parameters or {"type": "object", "properties": {}},
    }
