"""Plain data shared by every layer: audio formats, messages, tools, and a session's configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal


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
    on_success: str = ""  # how the model is to speak of its result, in the one reply that does
    on_error: str = ""  # the same, of its failure
    filler_lines: tuple[str, ...] | None = None  # what is said if it takes long; None: the agent's own lines


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """When the caller's turn ends, and when the caller may interrupt. Milliseconds of received audio."""

    vad_threshold: float = 0.5  # probability of speech, 0 to 1
    min_silence: int = 600  # the pause that ends a turn
    max_silence: int = 3000  # a turn never stays open longer than this after the last sound
    interrupt_response: bool = True  # False: the agent is never interrupted
    fixed: bool = False  # these two hold, whatever is known of a pause; always so where one is not the default
    mode: Literal["min_latency", "balanced", "max_accuracy"] | None = None  # how patient where they do not
    speculation: Literal["off", "llm", "llm+tts"] | None = (
        None  # what is prepared before its end; None: as the agent says
    )

    def __post_init__(self) -> None:
        if (self.min_silence, self.max_silence) != (600, 3000):
            object.__setattr__(self, "fixed", True)


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


@dataclass(frozen=True, slots=True)
class Cost:
    """What was used, and what it costs in US dollars; None where a price is not known. Costs add up."""

    stt_seconds: float = 0.0  # of audio sent to the STT
    input_tokens: int = 0  # that the language model read, cached ones among them
    cached_tokens: int = 0
    output_tokens: int = 0
    tts_characters: int = 0  # sent to the TTS
    tts_seconds: float = 0.0  # of audio it made
    stt_usd: float | None = 0.0
    llm_usd: float | None = 0.0
    tts_usd: float | None = 0.0
    usd: float | None = field(init=False, default=0.0)  # of the three together
    estimated: bool = False  # a request was cut off before its tokens were told: they are counted by rule of thumb

    def __post_init__(self) -> None:
        object.__setattr__(self, "usd", _sum(self.stt_usd, self.llm_usd, self.tts_usd))

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            stt_seconds=self.stt_seconds + other.stt_seconds,
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            tts_characters=self.tts_characters + other.tts_characters,
            tts_seconds=self.tts_seconds + other.tts_seconds,
            stt_usd=_sum(self.stt_usd, other.stt_usd),
            llm_usd=_sum(self.llm_usd, other.llm_usd),
            tts_usd=_sum(self.tts_usd, other.tts_usd),
            estimated=self.estimated or other.estimated,
        )

    def rounded(self) -> Cost:
        """For a reader: seconds to the millisecond, dollars to the millionth of a cent."""
        return Cost(
            stt_seconds=round(self.stt_seconds, 3),
            input_tokens=self.input_tokens,
            cached_tokens=self.cached_tokens,
            output_tokens=self.output_tokens,
            tts_characters=self.tts_characters,
            tts_seconds=round(self.tts_seconds, 3),
            stt_usd=_rounded(self.stt_usd),
            llm_usd=_rounded(self.llm_usd),
            tts_usd=_rounded(self.tts_usd),
            estimated=self.estimated,
        )


def _sum(*amounts: float | None) -> float | None:
    return None if None in amounts else sum(amount for amount in amounts if amount is not None)


def _rounded(amount: float | None) -> float | None:
    return None if amount is None else round(amount, 8)
