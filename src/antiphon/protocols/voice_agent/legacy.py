"""Older generations of the protocol, put into the words of the present one.

Three generations of clients are about. What the older ones say differently and is still understood:

- turn detection directly under `session`, with the names of the first generation
- an audio format without `encoding` (PCM was the only one)
- `tool_call_id` for `call_id`, and results that are objects where a string is due

Every function here returns new values and leaves its argument alone. Strict servers do not call them.
"""

from __future__ import annotations

from typing import Any

import msgspec

_TURN_DETECTION_NAMES = {
    "speech_detection_threshold": "vad_threshold",
    "min_end_of_turn_silence_ms": "min_silence",
    "max_turn_silence_ms": "max_silence",
}


def speaks_old(session: dict[str, Any]) -> bool:
    """Whether this `session` object comes from a client of the first generation."""
    return "turn_detection" in session


def modern_session(session: dict[str, Any]) -> dict[str, Any]:
    """A `session` object of any generation, in the present shape."""
    modern = dict(session)
    if "turn_detection" in modern:
        flat = modern.pop("turn_detection")
        audio_input = modern.get("input") or {}
        if isinstance(audio_input, dict):
            modern["input"] = {"turn_detection": flat, **audio_input}
    for side in ("input", "output"):
        if isinstance(modern.get(side), dict):
            modern[side] = _modern_side(modern[side])
    return modern


def modern_message(message: dict[str, Any]) -> dict[str, Any]:
    """A client message of any generation, in the present shape."""
    if message.get("type") != "tool.result":
        return message
    modern = dict(message)
    if "call_id" not in modern and "tool_call_id" in modern:
        modern["call_id"] = modern.pop("tool_call_id")
    if "result" in modern and not isinstance(modern["result"], str):
        modern["result"] = msgspec.json.encode(modern["result"]).decode()
    return modern


def _modern_side(side: dict[str, Any]) -> dict[str, Any]:
    modern = dict(side)
    if isinstance(modern.get("format"), dict):
        modern["format"] = {"encoding": "audio/pcm", **modern["format"]}
    if isinstance(modern.get("turn_detection"), dict):
        renamed = {_TURN_DETECTION_NAMES.get(name, name): value for name, value in modern["turn_detection"].items()}
        modern["turn_detection"] = renamed
    return modern
