"""Frames that no client should send: valid messages of the Voice Agent API, spoilt at random, and worse.

Everything is drawn from one seeded generator, so a seed names its frames. A frame comes as the bytes of a WebSocket
frame with a mask of zeros, like those of `load.py`.
"""

from __future__ import annotations

import base64
import copy
import json
import random
from typing import Any

TOOL = {"type": "function", "name": "book", "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}}}
SESSION: dict[str, Any] = {
    "system_prompt": "You take bookings.",
    "input": {
        "type": "audio",
        "format": {"encoding": "audio/pcm", "sample_rate": 24_000},
        "turn_detection": {"min_silence": 600, "max_silence": 3000, "vad_threshold": 0.5, "interrupt_response": True},
        "keyterms": ["Ada"],
        "transcription_mode": "balanced",
        "language_codes": ["en"],
    },
    "output": {"type": "audio", "format": {"encoding": "audio/pcm"}, "volume": 80},
    "tools": [TOOL],
}
VALID: list[dict[str, Any]] = [
    {"type": "session.update", "session": SESSION},
    {"type": "session.update", "session": {"tools": [TOOL], "webhook": {"url": "https://a.example", "events": ["e"]}}},
    {"type": "session.update", "session": {"turn_detection": {"speech_detection_threshold": 0.5}}},
    {"type": "input.audio", "audio": base64.b64encode(bytes(960)).decode()},
    {"type": "input.audio", "audio": base64.b64encode(random.Random(0).randbytes(960)).decode()},
    {"type": "tool.result", "call_id": "call_0", "result": "four", "is_error": False},
    {"type": "tool.result", "tool_call_id": "call_0", "result": {"table": 4}},
    {"type": "reply.create", "instructions": "Say hello."},
    {"type": "reply.cancel", "reply_id": "resp_00000000000000000000000000000000"},
    {"type": "conversation.message", "role": "user", "content": "I am in a hurry."},
    {"type": "session.resume", "session_id": "sess_00000000000000000000000000000000"},
    {"type": "playout.position", "reply_id": "resp_0", "samples": 480},
]
SCALARS: list[Any] = [
    *(None, True, False, 0, -1, 2**31, 2**63, 2**64, -(2**63), 10**400, 1e308, 1e-320, -0.0, 0.5),
    *(float("nan"), float("inf"), float("-inf")),
    *("", "x", "\0", "\ud800", "\udfff\ud800", "é" * 40, "\U0001f600", "x" * 5_000, "audio/pcm", "function", "user"),
    *([], {}, [[]], [None], {"": None}, {"type": "session.update"}),
]
OPENING = {"type": "session.update", "session": {"tools": [TOOL]}}

_BROKEN_FRAMES = 0.001  # share of frames that are no WebSocket frames, and end their connection
_FAREWELLS = 0.001  # share of frames that end the session
_TEXT, _BINARY = 0x1, 0x2


class Frames:
    """An endless supply."""

    def __init__(self, seed: object) -> None:
        self._rng = random.Random(f"{seed}")

    def opening(self) -> list[bytes]:
        """How a connection begins: mostly as it should, so that there is a session to spoil."""
        return [] if self._rng.random() < 0.2 else [frame(json.dumps(OPENING).encode())]

    def draw(self) -> bytes:
        rng = self._rng
        chance = rng.random()
        if chance < _BROKEN_FRAMES:
            return self._broken_frame()
        if chance < _BROKEN_FRAMES + _FAREWELLS:
            return frame(b'{"type":"session.end"}')
        if chance < 0.05:
            return frame(rng.randbytes(rng.randrange(2_000)), _BINARY)
        if chance < 0.08:
            return frame(self._nested())
        if chance < 0.10:
            return self._control_frame()
        message = copy.deepcopy(rng.choice(VALID))
        for n in range(rng.choice((0, 1, 1, 1, 2, 3))):
            self._spoil(message, most=300 if n == 0 else 2)
        text = json.dumps(message).encode()
        return frame(self._garble(text) if chance > 0.8 else text)

    # --- messages -------------------------------------------------------------------------------------------------

    def _spoil(self, message: dict[str, Any], *, most: int) -> None:
        """One field somewhere in it is replaced, left out, added, misnamed, or multiplied by `most`."""
        rng = self._rng
        inside: Any = message
        while True:
            keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
            if not keys:
                return
            key = rng.choice(keys)
            if not isinstance(inside[key], dict | list) or not inside[key] or rng.random() < 0.2:
                break
            inside = inside[key]
        match rng.randrange(8):
            case 0:
                del inside[key]
            case 1 if isinstance(inside, dict):
                inside[str(rng.choice(SCALARS))[:40]] = inside.pop(key)
            case 2 if isinstance(inside, dict):
                inside[rng.choice(("stray", "session", "agent_id", "llm", "type", "id"))] = self._scalar()
            case 3:
                inside[key] = [inside[key]] * rng.choice((1, 2, most))
            case 4:
                inside[key] = {"": inside[key]}
            case _:
                inside[key] = self._scalar()

    def _scalar(self) -> Any:
        return copy.deepcopy(self._rng.choice(SCALARS))

    def _garble(self, text: bytes) -> bytes:
        """JSON as it comes over a bad line: cut, doubled, with bytes changed. Half of it stays valid UTF-8."""
        rng = self._rng
        at = rng.randrange(len(text) + 1)
        match rng.randrange(6):
            case 0:
                return text[:at]
            case 1:
                return text[at:]
            case 2:
                return text[:at] + text
            case 3:
                return text[:at] + bytes([rng.randrange(128)]) + text[at + 1 :]
            case 4:
                return (
                    text[:at] + rng.choice((b"\\u0000", b"\\ud800", b"\\x", b"\n", b"\0", b"1e999", b"//")) + text[at:]
                )
            case _:
                return text + b" " * rng.randrange(1_000) + rng.choice((b"", b"{}", b"]", b"null"))

    def _nested(self) -> bytes:
        rng = self._rng
        depth = rng.choice((2, 60, 70, 900, 1_100, 20_000))
        opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'{"session":', b"}")))
        inner = opening * depth + b"0" + closing * depth if rng.random() < 0.5 else opening * depth
        where = rng.choice((b"session", b"result", b"type", b"audio", b"arguments"))
        kind = rng.choice((b"session.update", b"tool.result", b"input.audio", b"reply.create"))
        return b'{"type":"%s","call_id":"c","%s":%s}' % (kind, where, inner)

    # --- frames ---------------------------------------------------------------------------------------------------

    def _control_frame(self) -> bytes:
        """What RFC 6455 allows and few send: pings with a load, pongs nobody asked for, a message in pieces."""
        rng = self._rng
        match rng.randrange(3):
            case 0:
                return frame(rng.randbytes(rng.randrange(126)), 0x9)
            case 1:
                return frame(rng.randbytes(rng.randrange(126)), 0xA)
            case _:
                text = json.dumps(rng.choice(VALID)).encode()
                at = rng.randrange(len(text))
                return frame(text[:at], _TEXT, last=False) + frame(b"", 0x9) + frame(text[at:], 0x0)

    def _broken_frame(self) -> bytes:
        """What RFC 6455 does not allow: the connection ends."""
        rng = self._rng
        match rng.randrange(7):
            case 0:
                return frame(b'{"type":"' + rng.choice((b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80")) + b'"}')  # UTF-8
            case 1:
                return b"\x81\x05hello"  # without a mask
            case 2:
                return frame(b"x", rng.choice((0x3, 0x7, 0xB, 0xF)))  # an opcode that is none
            case 3:
                return b"\xf1" + frame(b"{}")[1:]  # reserved bits
            case 4:
                return b"\x81\xff" + (2**62).to_bytes(8, "big") + b"\0\0\0\0"  # four exabytes
            case 5:
                return frame(rng.choice((b"", b"\x03", b"\x03\xe8", b"\x00\x00", b"\xff\xffbye\xff")), 0x8)
            case _:
                return frame(b"x" * 126, 0x9)  # a ping that is too long


def frame(payload: bytes, opcode: int = _TEXT, *, last: bool = True) -> bytes:
    """A client's WebSocket frame with a mask of zeros."""
    size, head = len(payload), opcode | (0x80 if last else 0)
    if size < 126:
        start = bytes((head, 0x80 | size))
    elif size < 1 << 16:
        start = bytes((head, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        start = bytes((head, 0x80 | 127)) + size.to_bytes(8, "big")
    return start + b"\0\0\0\0" + payload
