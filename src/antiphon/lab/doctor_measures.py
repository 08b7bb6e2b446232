"""What is measured of a provider from here, in ms."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from antiphon.audio.pcm import SAMPLE_BYTES, first_audible
from antiphon.audio.resample import resample
from antiphon.errors import ProviderError
from antiphon.providers.base import Llm, LlmRequest, Stt, TextDelta, Tts
from antiphon.types import Message, Role

CONNECT_TIMEOUT = 3.0  # seconds
CONNECTS = 3  # the quickest of so many counts: the first one asks the name servers too
CLOSE_TIMEOUT = 3.0  # seconds
FRAME = 0.02  # seconds
TRAIL = 0.3  # seconds of silence after the speech
SAY = LlmRequest((Message(Role.USER, "Say good morning, and nothing else."),), max_tokens=16)
GREETING = "Good morning."


@dataclass(frozen=True, slots=True)
class Speech:
    """What transcribers are given: 16-bit mono."""

    pcm: bytes
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.pcm) / SAMPLE_BYTES / self.rate


async def spoken(tts: Tts, text: str) -> Speech:
    """The text, said by a voice, which is closed after it."""
    rate = tts.capabilities.sample_rates[0]
    try:
        await tts.warm()
        stream = tts.open(sample_rate=rate)
        stream.send(text)
        stream.end()
        return Speech(b"".join([chunk.pcm async for chunk in stream]), rate)
    finally:
        await tts.aclose()


async def time_to_connect(address: str) -> float | None:
    """ms to a connection to a host, or a URL's host, TLS included unless it is plain; None: none comes about."""
    url = urlsplit(address if "//" in address else f"//{address}")
    plain = url.scheme in ("http", "ws")
    context = None if plain else ssl.create_default_context()
    loop, best = asyncio.get_running_loop(), None
    for _ in range(CONNECTS):
        began = loop.time()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _, writer = await asyncio.open_connection(url.hostname, url.port or (80 if plain else 443), ssl=context)
        except (OSError, TimeoutError, ValueError):
            return best
        took = (loop.time() - began) * 1000
        best = took if best is None else min(best, took)
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await writer.wait_closed()
    return best


async def first_token(llm: Llm) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with contextlib.aclosing(llm.stream(SAY)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                return (loop.time() - began) * 1000
    raise ProviderError("the answer was empty")


async def first_sound(tts: Tts) -> float:
    """To the first audible sample."""
    loop = asyncio.get_running_loop()
    stream = tts.open(sample_rate=tts.capabilities.sample_rates[0])
    began = loop.time()
    try:
        stream.send(GREETING)
        stream.end()
        async for chunk in stream:
            if first_audible(chunk.pcm) is not None:
                return (loop.time() - began) * 1000
    finally:
        await stream.aclose()
    raise ProviderError("no sound came")


async def final_transcript(stt: Stt, speech: Speech) -> float:
    """From the end of the speech, which is sent at its own pace, to the transcript of it."""
    rate = stt.capabilities.sample_rate
    pcm = resample(speech.pcm, speech.rate, rate) + bytes(2 * int(TRAIL * rate))
    loop, size = asyncio.get_running_loop(), 2 * int(FRAME * rate)
    stream = await stt.open()
    try:
        began = loop.time()
        for i, at in enumerate(range(0, len(pcm), size)):
            await asyncio.sleep(began + i * FRAME - loop.time())
            stream.send(pcm[at : at + size])
        stream.finalize()
        asked = loop.time()
        async for transcript in stream:
            if transcript.final:
                return max(loop.time() - asked, 0.0) * 1000
    finally:
        await stream.aclose()
    raise ProviderError("no transcript came")
