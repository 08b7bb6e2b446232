"""Plain data shared by every layer: audio formats, messages, tools, and a session's configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Encoding(StrEnum):
    """How samples are written on the wire. The names are those of the Voice Agent API."""

    PCM = "audio/pcm"  # signed 16-bit little-endian
    PCMU = "audio/pcmu"  # G.711 µ-law, one byte a sample
    PCMA = "audio/pcma"  # G.711 A-law, one byte a sample


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Mono audio on the wire."""

    encoding: Encoding = Encoding.PCM
    sample_rate: int = 24_000  # Hz

    @property
    def sample_bytes(self) -> int:
        return 2 if self.encoding is Encoding.PCM else 1

    def samples(self, size: int) -> int:
        """How many samples `size` bytes hold."""
        return size // self.sample_bytes


PCM_24K = AudioFormat()
ULAW_8K = AudioFormat(Encoding.PCMU, 8_000)
ALAW_8K = AudioFormat(Encoding.PCMA, 8_000)


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model's wish to run a tool. `call_id` is also the idempotency key the tool is given."""

    call_id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the history. A TOOL message answers the call named by `call_id`."""

    role: Role
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None
    interrupted: bool = False  # an assistant message cut off: `text` holds only what was heard


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model sees it. `parameters` is a JSON Schema object."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    hold: bool = False  # execution_mode "hold": while it runs nobody speaks
    timeout: float = 120.0  # seconds
    idempotent: bool = False  # may be run again when its outcome is unknown
    filler_lines: tuple[str, ...] | None = None  # what is said if it takes long; None: the agent's own lines


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """When the caller's turn ends, and when the caller may interrupt. Milliseconds of received audio."""

    vad_threshold: float = 0.5  # probability of speech, 0 to 1
    min_silence: int = 600  # the pause that ends a turn
    max_silence: int = 3000  # a turn never stays open longer than this after the last sound
    interrupt_response: bool = True  # False: the agent is never interrupted


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """What one session was asked to be: the resolved `session` object of the wire, or the Agent's own settings."""

    system_prompt: str = ""
    greeting: str | None = None
    input_format: AudioFormat = PCM_24K
    output_format: AudioFormat = PCM_24K
    voice: str | None = None  # passed to the TTS as given; None: the provider's default
    volume: float = 100.0  # percent
    turn_detection: TurnDetection = TurnDetection()
    keyterms: tuple[str, ...] = ()
    language_codes: tuple[str, ...] = ()
    tools: tuple[ToolSpec, ...] = ()
