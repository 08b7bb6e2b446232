"""Every vendor of speech-to-text, with its emulator: what the one contract suite runs over."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from antiphon.audio.resample import resample
from antiphon.lab.scripted import EnergyVad
from antiphon.providers.base import Stt, SttStream, Transcript
from antiphon.providers.stt.assemblyai import AssemblyAI
from antiphon.providers.stt.deepgram import Deepgram
from antiphon.providers.stt.google import Google
from antiphon.providers.stt.openai import OpenAI
from antiphon.providers.stt.openai_realtime import OpenAIRealtime
from tests.emulators.assemblyai import AssemblyAIServer
from tests.emulators.deepgram import DeepgramServer
from tests.emulators.faults import HTTP_FAULTS, SOCKET_FAULTS, Fault
from tests.emulators.google_transcription import GoogleTranscription
from tests.emulators.hearing import say
from tests.emulators.openai_transcription import OpenAIRealtimeTranscription, OpenAITranscriptions
from tests.providers.conftest import read_aloud
from tests.providers.live import at_the_vendor

KEY = "a-secret-key"
IMPATIENT = {"connect_timeout": 0.3, "final_timeout": 0.4}  # seconds: for vendors that are silent in vain


@dataclass(frozen=True)
class Vendor:
    """`emulator` is made with `fault` and `key`; it knows its `connections` and when a client `left`. `provider` is
    given its address."""

    name: str
    emulator: Callable[..., Any]
    provider: Callable[..., Stt]
    faults: tuple[Fault, ...]
    live_key: str  # the variable that holds a real key
    live: Callable[[], Stt]
    socket: bool = True  # a connection per stream, and not one per utterance
    real: bool = False  # it is the vendor itself, and no emulator

    @asynccontextmanager
    async def running(self, fault: Fault | None = None, **options: float) -> AsyncIterator[tuple[Any, Any]]:
        if self.real:
            async with at_the_vendor(self.live, self.live_key) as pair:
                yield pair
            return
        if fault in (Fault.HANG, Fault.SLOW_FIRST_BYTE, Fault.STALL):
            options = IMPATIENT | options
        async with self.emulator(fault, key=KEY) as server:
            stt = self.provider(server, **options)
            try:
                yield stt, server
            finally:
                await stt.aclose()

    def audio(self, rate: int, text: str, **pauses: float) -> bytes:
        """The text, as it is said to an emulator; for the vendor itself, a man who reads how a novel begins."""
        return resample(read_aloud(), 16_000, rate) if self.real else say(text, rate=rate, **pauses)

    def heard(self, transcript: Transcript, text: str) -> bool:
        """Whether that text was understood."""
        return "best of times" in words(transcript) if self.real else words(transcript) == text

    def __repr__(self) -> str:
        return self.name


VENDORS = [
    Vendor(
        name="assemblyai",
        emulator=AssemblyAIServer,
        provider=lambda server, **options: AssemblyAI("u3-rt-pro", base_url=server.url, api_key=KEY, **options),
        faults=SOCKET_FAULTS,
        live_key="ASSEMBLYAI_API_KEY",
        live=AssemblyAI,
    ),
    Vendor(
        name="assemblyai-universal",
        emulator=AssemblyAIServer,
        provider=lambda server, **options: AssemblyAI(
            "universal-streaming-english", base_url=server.url, api_key=KEY, **options
        ),
        faults=SOCKET_FAULTS,
        live_key="ASSEMBLYAI_API_KEY",
        live=lambda: AssemblyAI("universal-streaming-english"),
    ),
    Vendor(
        name="deepgram-flux",
        emulator=DeepgramServer,
        provider=lambda server, **options: Deepgram(base_url=server.url, api_key=KEY, **options),
        faults=SOCKET_FAULTS,
        live_key="DEEPGRAM_API_KEY",
        live=Deepgram,
    ),
    Vendor(
        name="deepgram-nova",
        emulator=DeepgramServer,
        provider=lambda server, **options: Deepgram("nova-3", base_url=server.url, api_key=KEY, **options),
        faults=SOCKET_FAULTS,
        live_key="DEEPGRAM_API_KEY",
        live=lambda: Deepgram("nova-3"),
    ),
    Vendor(
        name="openai",
        emulator=OpenAITranscriptions,
        provider=lambda server, **options: OpenAI("toy", base_url=server.url, api_key=KEY, vad=EnergyVad(), **options),
        # A body that is one object cannot say that it failed, and is no session.
        faults=tuple(fault for fault in HTTP_FAULTS if fault is not Fault.ERROR_EVENT),
        live_key="OPENAI_API_KEY",
        live=OpenAI,
        socket=False,
    ),
    Vendor(
        name="google",
        emulator=GoogleTranscription,
        provider=lambda server, **options: Google(project="roma", endpoint=server.url, **options),
        faults=SOCKET_FAULTS,
        live_key="GOOGLE_APPLICATION_CREDENTIALS",
        live=lambda: Google(project=os.environ.get("GOOGLE_CLOUD_PROJECT") or "none"),
    ),
    Vendor(
        name="openai-realtime",
        emulator=OpenAIRealtimeTranscription,
        provider=lambda server, **options: OpenAIRealtime(base_url=server.url, api_key=KEY, vad=EnergyVad(), **options),
        faults=SOCKET_FAULTS,
        live_key="OPENAI_API_KEY",
        live=OpenAIRealtime,
    ),
]


async def final(stream: SttStream, pcm: bytes = b"") -> Transcript:
    """The final for the audio. Nothing may hang: TimeoutError after five seconds."""
    return (await until_final(stream, pcm))[-1]


async def until_final(stream: SttStream, pcm: bytes = b"") -> list[Transcript]:
    stream.send(pcm)
    stream.finalize()
    got = []
    async with asyncio.timeout(5):
        async for transcript in stream:
            got.append(transcript)
            if transcript.final:
                return got
    raise AssertionError(f"the stream ended without a final, after {got}")


def words(transcript: Transcript) -> str:
    """Its text without what vendors dress it up with."""
    return transcript.text.lower().replace(".", "").replace(",", "")
