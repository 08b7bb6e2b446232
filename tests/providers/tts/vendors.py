"""Every vendor of voices, with its emulator: what the one contract suite runs over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from antiphon.providers.base import SpeechChunk, Tts, TtsStream
from antiphon.providers.tts.cartesia import Cartesia
from antiphon.providers.tts.elevenlabs import ElevenLabs
from antiphon.providers.tts.google import Google
from antiphon.providers.tts.openai import OpenAI
from antiphon.providers.tts.openai_realtime import OpenAIRealtime
from antiphon.providers.tts.polly import Polly
from tests.emulators.cartesia import CartesiaSpeech
from tests.emulators.elevenlabs import ElevenLabsSpeech
from tests.emulators.faults import AUDIO_FAULTS, Fault
from tests.emulators.google_speech import GoogleSpeech
from tests.emulators.openai_realtime_speech import OpenAIRealtimeSpeech
from tests.emulators.openai_speech import OpenAISpeech
from tests.emulators.polly import KEY_ID, REGION, SECRET, PollySpeech
from tests.emulators.voice import speech
from tests.providers.live import at_the_vendor

KEY = "sk-a-secret"
# A body of bare samples has no way to say that it failed.
SAMPLES_FAULTS = tuple(fault for fault in Fault if fault not in (Fault.ERROR_EVENT, Fault.SESSION_EXPIRED))
PATIENT = {"first_timeout": 4.0, "gap_timeout": 4.0}  # seconds: the machine may be busy
IMPATIENT = {"first_timeout": 0.3, "gap_timeout": 0.3}  # for vendors that would be waited for in vain


@dataclass(frozen=True)
class Vendor:
    """`emulator` is made with `fault` and `pace`, the seconds between two pieces of audio; it knows the `texts` that
    it was asked for, its `connections`, and when a client stopped it. `provider` is given its address."""

    name: str
    emulator: Callable[..., Any]
    provider: Callable[..., Tts]
    faults: tuple[Fault, ...]
    live_key: str  # the variable that holds a real key
    live: Callable[[], Tts]
    real: bool = False  # it is the vendor itself, and no emulator

    @asynccontextmanager
    async def running(
        self, fault: Fault | None = None, *, pace: float = 0.0, **options: float
    ) -> AsyncIterator[tuple[Tts, Any]]:
        if self.real:
            async with at_the_vendor(self.live, self.live_key) as pair:
                yield pair
            return
        options = (IMPATIENT if fault in (Fault.HANG, Fault.SLOW_FIRST_BYTE, Fault.STALL) else PATIENT) | options
        async with self.emulator(fault=fault, pace=pace) as server:
            tts = self.provider(server, **options)
            try:
                yield tts, server
            finally:
                await tts.aclose()

    def spoke(self, pcm: bytes, text: str, rate: int) -> bool:
        """Whether this is that text: to the sample, where an emulator spoke it."""
        return len(pcm) > len(text) * rate // 50 if self.real else pcm == speech(text, rate)

    def __repr__(self) -> str:
        return self.name


VENDORS = [
    Vendor(
        name="openai",
        emulator=OpenAISpeech,
        provider=lambda server, **options: OpenAI("toy", base_url=server.url, api_key=KEY, **options),
        faults=SAMPLES_FAULTS,
        live_key="OPENAI_API_KEY",
        live=lambda: OpenAI("gpt-4o-mini-tts"),
    ),
    Vendor(
        name="elevenlabs",
        emulator=ElevenLabsSpeech,
        provider=lambda server, **options: ElevenLabs(base_url=server.url, api_key=KEY, **options),
        faults=AUDIO_FAULTS,
        live_key="ELEVENLABS_API_KEY",
        live=ElevenLabs,
    ),
    Vendor(
        name="elevenlabs-dialogue",
        emulator=ElevenLabsSpeech,
        provider=lambda server, **options: ElevenLabs("eleven_v4_turbo", base_url=server.url, api_key=KEY, **options),
        faults=AUDIO_FAULTS,
        live_key="ELEVENLABS_API_KEY",
        live=lambda: ElevenLabs("eleven_v4_turbo"),
    ),
    Vendor(
        name="cartesia",
        emulator=CartesiaSpeech,
        provider=lambda server, **options: Cartesia(base_url=server.url, api_key=KEY, **options),
        faults=AUDIO_FAULTS,
        live_key="CARTESIA_API_KEY",
        live=Cartesia,
    ),
    Vendor(
        name="polly",
        emulator=PollySpeech,
        provider=lambda server, **options: Polly(
            endpoint_url=server.url, region=REGION, access_key_id=KEY_ID, secret_access_key=SECRET, **options
        ),
        faults=SAMPLES_FAULTS,
        live_key="AWS_ACCESS_KEY_ID",
        live=Polly,
    ),
    Vendor(
        name="google",
        emulator=GoogleSpeech,
        provider=lambda server, **options: Google(endpoint=server.url, **options),
        faults=AUDIO_FAULTS,
        live_key="GOOGLE_APPLICATION_CREDENTIALS",
        live=Google,
    ),
    Vendor(
        name="openai-realtime",
        emulator=OpenAIRealtimeSpeech,
        provider=lambda server, **options: OpenAIRealtime(base_url=server.url, api_key=KEY, **options),
        faults=AUDIO_FAULTS,
        live_key="OPENAI_API_KEY",
        live=OpenAIRealtime,
    ),
]


def open_stream(tts: Tts, *texts: str, voice: str | None = None) -> TtsStream:
    stream = tts.open(sample_rate=tts.capabilities.sample_rates[0], voice=voice)
    for text in texts:
        stream.send(text)
    stream.end()
    return stream


async def collect(stream: TtsStream, within: float = 5) -> list[SpeechChunk]:
    """All of a stream. Nothing may hang: TimeoutError after so many seconds."""
    async with asyncio.timeout(within):
        return [chunk async for chunk in stream]


def segments(chunks: list[SpeechChunk]) -> list[bytes]:
    """The audio of each segment."""
    found, pcm = [], b""
    for chunk in chunks:
        pcm += chunk.pcm
        if chunk.last:
            found.append(pcm)
            pcm = b""
    assert not pcm, "audio after the last segment"
    return found
