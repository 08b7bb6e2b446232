"""The `session` object of a session.update, from Python values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

from antiphon.types import AudioFormat, Encoding, ToolSpec


class SessionFields(TypedDict, total=False):
    """What a client can ask of a session. Leave out what the server is to decide."""

    agent_id: str  # a stored agent: comes alone, and only first
    system_prompt: str
    greeting: str  # first only
    voice: str  # first only
    tools: Sequence[ToolSpec | dict[str, Any]]  # replaces the whole list
    input_format: AudioFormat
    output_format: AudioFormat  # first only
    volume: float  # percent
    turn_detection: dict[str, Any]  # the wire's names: min_silence, max_silence, vad_threshold, interrupt_response…
    keyterms: Sequence[str]
    language_codes: Sequence[str]
    input: dict[str, Any]  # anything else under session.input, by the wire's names
    output: dict[str, Any]  # anything else under session.output


def session_object(fields: SessionFields) -> dict[str, Any]:
    """`fields` as the wire has them."""
    given: dict[str, Any] = {**fields}
    session = _pick(given, "agent_id", "system_prompt", "greeting")
    if "tools" in given:
        session["tools"] = [_tool(tool) for tool in given["tools"]]
    sides = {
        "input": _pick(given, "turn_detection", "keyterms", "language_codes"),
        "output": _pick(given, "voice", "volume"),
    }
    for name, side in sides.items():
        if f"{name}_format" in given:
            side["format"] = _format(given[f"{name}_format"])
        side.update(given.get(name, {}))
        if side:
            session[name] = {"type": "audio", **side}
    return session


def _pick(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: fields[name] for name in names if name in fields}


def _format(audio_format: AudioFormat) -> dict[str, Any]:
    """The rate of G.711 is fixed, and its format has no field for one."""
    if audio_format.encoding is Encoding.PCM:
        return {"encoding": audio_format.encoding.value, "sample_rate": audio_format.sample_rate}
    return {"encoding": audio_format.encoding.value}


def _tool(tool: ToolSpec | dict[str, Any]) -> dict[str, Any]:
    if isinstance(tool, dict):
        return {"type": "function", **tool}
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "execution_mode": "hold" if tool.hold else "interactive",
        "timeout_seconds": tool.timeout,
    }
