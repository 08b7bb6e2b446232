"""A TTS that speaks in tones, in bursts, as a vendor's socket delivers them."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.errors import BadRequest, Disconnected, ProviderError
from antiphon.lab.outbox import Outbox
from antiphon.providers.base import SpeechChunk, TtsCapabilities, WordTime


@dataclass(frozen=True, slots=True)
class TtsTiming:
    """Seconds. The first delay is drawn anew for each segment, up to the fraction `jitter` shorter or longer; bursts
    and speed are drawn from their ranges."""

    first_audio: float = 0.15  # from `send` to the first burst
    burst: tuple[float, float] = (0.2, 0.4)  # of audio
    speed: tuple[float, float] = (2.0, 5.0)  # times real time
    jitter: float = 0.2
    lead: float = 0.0  # of silence before each segment

    @classmethod
    def instant(cls) -> TtsTiming:
        return cls(first_audio=0, speed=(math.inf, math.inf), jitter=0)

    def draw_first_audio(self, rng: random.Random) -> float:
        return self.first_audio * rng.uniform(1 - self.jitter, 1 + self.jitter)

    def draw_speed(self, rng: random.Random) -> float:
        slowest, fastest = self.speed
        return slowest if slowest == fastest else rng.uniform(slowest, fastest)


@dataclass(frozen=True, slots=True)
class TtsFaults:
    """What happens to a stream after so many seconds of its audio; 0: before any."""

    stall_after: float | None = None  # nothing more comes, nor the end
    fail_after: float | None = None  # `error` is raised
    error: ProviderError | None = None  # None: Disconnected


class Voice(Protocol):
    """Whatever can speak a text: a tone code, or a voice."""

    def speak(self, text: str, rate: int, *, lead: float = 0.0) -> tuple[bytes, list[WordTime]]: ...


class ScriptedTts:
    """Speaks `code`. `faults` may be replaced at any time: it holds for the streams opened after."""

    def __init__(
        self,
        code: Voice,
        *,
        timing: TtsTiming | None = None,
        faults: TtsFaults | None = None,
        word_times: bool = True,
        segments: bool = True,
        sample_rates: Sequence[int] = (24_000, 8_000),
        seed: int = 0,
        name: str = "scripted/tts",
    ) -> None:
        self.name = name
        self.capabilities = TtsCapabilities(sample_rates=tuple(sample_rates), word_times=word_times, segments=segments)
        self.timing = timing or TtsTiming()
        self.faults = faults or TtsFaults()
        self.code = code
        self._seed = seed
        self.texts: list[str] = []  # every segment sent
        self.opened = 0
        self.finished = 0  # streams heard to their end, or to an error
        self.cancelled = 0  # streams closed before it

    async def warm(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    def open(self, *, sample_rate: int, voice: str | None = None) -> ScriptedTtsStream:
        self.opened += 1
        return ScriptedTtsStream(self, sample_rate, random.Random(f"{self._seed} {self.opened}"))


class ScriptedTtsStream:
    def __init__(self, tts: ScriptedTts, rate: int, rng: random.Random) -> None:
        self._tts = tts
        self._rate = rate
        self._rng = rng
        self._faults = tts.faults
        self._speed = tts.timing.draw_speed(rng)
        self._outbox: Outbox[SpeechChunk] = Outbox()
        self._made = 0  # samples of the stream so far
        self._sent = ""  # the text of the stream so far
        self._free_at = 0.0  # when the segment sent last will have been synthesised
        self._over = False  # nothing will be synthesised any more
        self._closed = False

    def send(self, text: str) -> None:
        if self._over:
            return
        self._tts.texts.append(text)
        if self._rate not in self._tts.capabilities.sample_rates:
            self._fail(BadRequest(f"{self._rate} Hz is none of {self._tts.capabilities.sample_rates}"), after=0)
            return
        timing, now = self._tts.timing, asyncio.get_running_loop().time()
        pcm, words = self._tts.code.speak(text, self._rate, lead=timing.lead)
        if not self._tts.capabilities.word_times:
            words = []
        begins = max(now + timing.draw_first_audio(self._rng), self._free_at)
        self._free_at = begins + len(pcm) / SAMPLE_BYTES / self._rate / self._speed
        self._deliver(pcm, words, after=begins - now)
        self._sent += text

    def end(self) -> None:
        if self._over:
            return
        self._over = True
        after = self._free_at - asyncio.get_running_loop().time()
        if self._sent and not self._tts.capabilities.segments:
            self._outbox.put(SpeechChunk(b"", last=True), after=after)
        self._outbox.finish(after=after)

    def __aiter__(self) -> Outbox[SpeechChunk]:
        return self._outbox

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = self._over = True
        if self._outbox.exhausted:
            self._tts.finished += 1
        else:
            self._tts.cancelled += 1
        self._outbox.close()

    def _deliver(self, pcm: bytes, words: Sequence[WordTime], *, after: float) -> None:
        """Puts a segment into the outbox, burst by burst, the first of them in `after` seconds."""
        total, start = len(pcm) // SAMPLE_BYTES, 0
        apart = self._tts.capabilities.segments
        if not apart:
            words = [WordTime(len(self._sent) + word.char, word.start) for word in words]
        origin = 0 if apart else self._made  # what word times count from begins so many samples before this segment
        while not self._over:
            end = min(start + self._draw_burst(), start + self._samples_until_fault(), total)
            due, last = after + start / self._rate / self._speed, end == total
            if end > start or last:
                times = tuple(WordTime(word.char, origin + word.start) for word in words if start <= word.start < end)
                piece = pcm[SAMPLE_BYTES * start : SAMPLE_BYTES * end]
                self._outbox.put(SpeechChunk(piece, times, last and apart), after=due)
            self._made += end - start
            start = end
            if self._samples_until_fault() == 0:
                self._break(after=due)
            elif last:
                return

    def _draw_burst(self) -> int:
        return max(round(self._rng.uniform(*self._tts.timing.burst) * self._rate), 1)

    def _samples_until_fault(self) -> int:
        faults = (self._faults.stall_after, self._faults.fail_after)
        first = min((seconds for seconds in faults if seconds is not None), default=math.inf)
        return 10**9 if first == math.inf else max(round(first * self._rate) - self._made, 0)

    def _break(self, *, after: float) -> None:
        self._over = True
        if self._faults.fail_after is not None and self._made >= round(self._faults.fail_after * self._rate):
            self._fail(self._faults.error or Disconnected("the connection broke"), after=after)

    def _fail(self, error: ProviderError, *, after: float) -> None:
        self._over = True
        error.stage, error.provider = error.stage or "tts", error.provider or self._tts.name
        self._outbox.fail(error, after=max(after, 0))
