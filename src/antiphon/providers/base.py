"""The provider contracts: what an STT, an LLM, a TTS and a VAD must do. The same for a vendor and for a test double.

Three rules hold for all of them:

- **Failures are `ProviderError`s.** A provider maps whatever its SDK or wire raises to the tree in `antiphon.errors`;
  nothing else leaves it, except `asyncio.CancelledError`.
- **Cancelling is the strongest stop the wire has.** Closing an iterator or a stream must reach the vendor, not merely
  stop listening to it. Closing twice is harmless.
- **Nothing blocks the event loop** for more than about 10 ms: heavier work runs in a thread or a process of its own,
  through `loop.run_in_executor`, so that a loop in virtual time can run it in place.

A provider object is made once a process and shared by its sessions; what belongs to one call is the stream it opens.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from antiphon.types import Message, ToolCall, ToolSpec


@runtime_checkable
class Rewarming(Protocol):
    """A provider whose connections end at times, as when an answer was cut off."""

    async def rewarm(self) -> None:
        """Sees to it that the next request finds a connection open; costs nothing where it does. Never raises."""


async def rewarm(provider: object) -> None:
    if isinstance(provider, Rewarming):
        await provider.rewarm()


# --- speech to text -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SttCapabilities:
    sample_rate: int = 16_000  # Hz, what `SttStream.send` takes: 16-bit little-endian mono
    partials: bool = True  # transcripts arrive while the caller speaks
    end_of_turn: bool = False  # the provider decides turn ends itself and says so
    keyterms: bool = False


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was understood of one utterance so far. `text` is cumulative: it replaces what came before it.

    `utterance` counts the calls of `SttStream.reset` made before the audio it is about, from 0, so that a late result
    of an utterance already closed can be told apart. A `final` answers one `finalize()`; more may follow if the caller
    goes on and `finalize()` is called again: then it covers the whole utterance again.
    """

    text: str
    utterance: int
    final: bool = False
    end_of_turn: bool = False  # the provider holds that the turn is over


class SttStream(Protocol):
    """One call's stream of audio. `send`, `finalize` and `reset` never block and never raise: a failure comes out of
    the iterator as a `ProviderError`."""

    def send(self, pcm: bytes) -> None:
        """Adds audio: 16-bit little-endian mono at `capabilities.sample_rate`, any whole number of samples."""

    def finalize(self) -> None:
        """Asks for the final transcript of the open utterance, as soon as it can be had."""

    def reset(self) -> None:
        """The open utterance is over, or is dropped: the next audio begins another one."""

    def __aiter__(self) -> AsyncIterator[Transcript]: ...

    async def aclose(self) -> None: ...


class Stt(Protocol):
    name: str  # "moonshine/tiny"
    capabilities: SttCapabilities

    async def warm(self) -> None:
        """Loads and probes the model, or proves the key; raises what is wrong. Idempotent."""

    async def open(self, *, keyterms: tuple[str, ...] = (), language: str | None = None) -> SttStream: ...

    async def aclose(self) -> None: ...


# --- language model -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LlmCapabilities:
    tools: bool = True
    context_window: int = 128_000  # tokens
    primes: bool = False  # it is a PrimingLlm
    own_machine: bool = False  # it runs here, or on a server of one's own, and may take longer than a vendor does


@dataclass(frozen=True, slots=True)
class LlmRequest:
    """`messages` begin with the system prompt where there is one, and are a valid input: every tool call answered."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int = 150
    temperature: float | None = None  # dropped by providers that no longer take it


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request; `cached` is the part of `input` that was read from the provider's prompt cache,
    `cache_written` the part that was put there.

    It may come more than once, and then counts from the beginning: the last one holds, also for an answer cut off;
    where several models had a part in it, the last one of each.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_written: int = 0
    by: str = ""  # who it was, as named in the table of prices (see `cost.billed_as`); "": the provider itself
    estimated: bool = False  # not as told, or not all of it: a request was cut off


@dataclass(frozen=True, slots=True)
class Working:
    """A sign of life: the model writes what is not text for the caller, a thought or the arguments of a call."""


LlmEvent = TextDelta | ToolCall | Usage | Working


class Llm(Protocol):
    name: str  # "openai/gpt-6-luna"
    capabilities: LlmCapabilities

    async def warm(self) -> None: ...

    def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        """Yields deltas and whole tool calls as they come; ends after the last. An async generator: `aclose()` of it,
        or cancelling the task that is inside it, stops the model at once."""

    async def aclose(self) -> None: ...


class PrimingLlm(Llm, Protocol):
    """A model that gains from reading a prompt before it is asked to answer it."""

    async def prime(self, request: LlmRequest) -> None:
        """Gets ready for requests that begin as this one does, while nobody waits for it. Never raises; a cancelled
        one stops as `stream` does."""


# --- text to speech -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TtsCapabilities:
    sample_rates: tuple[int, ...] = (24_000,)  # Hz it can produce natively, its best first
    word_times: bool = False
    segments: bool = True  # False: cannot tell where the audio of one `send` ends, so a stream is one segment
    voices: tuple[str, ...] = ()  # () where the provider has too many to list


@dataclass(frozen=True, slots=True)
class WordTime:
    """When a word begins, in samples of the segment's own audio at the stream's rate, from the segment's first sample.
    `char` is the offset of its first character in the segment's text."""

    char: int
    start: int


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A piece of audio of one segment (one `send`). Segments come in the order they were sent and do not mix.

    `pcm` is 16-bit little-endian mono at the stream's rate, any number of whole samples, possibly none. `words` may
    come with any chunk of the segment at or before the one that holds their audio. `last` ends the segment; where the
    provider cannot tell segments apart, all of a stream is one segment and the text is that of all sends joined.
    `cut`, with `last`: the text of the segment was not spoken to its end, nor will be.
    """

    pcm: bytes
    words: tuple[WordTime, ...] = ()
    last: bool = False
    cut: bool = False


class TtsStream(Protocol):
    """The speech of one reply. `send` and `end` never block and never raise."""

    def send(self, text: str) -> None:
        """Adds a segment: a clause or a sentence, spoken in the order sent."""

    def end(self) -> None:
        """No more text will come."""

    def __aiter__(self) -> AsyncIterator[SpeechChunk]: ...

    async def aclose(self) -> None:
        """Stops at once; text not yet spoken is dropped."""


class Tts(Protocol):
    name: str  # "espeak/en-us"
    capabilities: TtsCapabilities

    async def warm(self) -> None: ...

    def open(self, *, sample_rate: int, voice: str | None = None) -> TtsStream:
        """`sample_rate` is one of `capabilities.sample_rates`. Connects lazily: never blocks, never raises."""

    async def aclose(self) -> None: ...


# --- voice activity -----------------------------------------------------------------------------------------------


class VadStream(Protocol):
    """One call's voice activity detector: 16 kHz in, one probability a window out."""

    def feed(self, pcm: bytes) -> list[float]:
        """Takes 16-bit mono at 16 kHz, any whole number of samples; returns the probability of speech of each
        512-sample window (32 ms) completed by it, oldest first."""

    def reset(self) -> None: ...


@runtime_checkable
class BatchingVadStream(VadStream, Protocol):
    """One that is cheaper together with others, and therefore may answer a little later."""

    def submit(self, pcm: bytes, done: Callable[[list[float]], None]) -> None:
        """Like `feed`; `done` is called with the probabilities, before this returns or some milliseconds later. What
        is submitted meanwhile is answered together with it, by the newest `done` alone."""


class Vad(Protocol):
    name: str

    async def warm(self) -> None: ...

    def open(self) -> VadStream: ...


# --- end of turn --------------------------------------------------------------------------------------------------


class TurnDetector(Protocol):
    """Tells from the sound of what was said whether more is to come."""

    name: str  # "smart-turn"

    async def warm(self) -> None: ...

    async def probability(self, pcm: bytes) -> float:
        """That the caller has finished, from 0 to 1. `pcm` is the turn so far with the silence that follows it, 16-bit
        mono at 16 kHz; the last seconds are enough. Raises ProviderError."""


@runtime_checkable
class EndingReader(Protocol):
    """Tells from the words alone whether a sentence ends with them. A language model may be one."""

    name: str  # "smollm2/135m"

    async def ends_sentence(self, text: str) -> float:
        """The probability, 0 to 1, that it does, whatever punctuation `text` ends with. Raises ProviderError."""
