"""Scripted providers to which everything happens that happens to real ones, at random, and again and again."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from antiphon.errors import AuthError, Disconnected, Overloaded, ProviderError, QuotaError, RateLimited
from antiphon.lab.scripted.llm import LlmFaults, LlmTiming, Reply, ScriptedLlm
from antiphon.lab.scripted.stt import ScriptedStt, ScriptedSttStream, SttFaults, SttTiming
from antiphon.lab.scripted.tts import ScriptedTts, ScriptedTtsStream, TtsFaults, TtsTiming
from antiphon.lab.tones import ToneCode
from antiphon.providers.base import LlmRequest

RATE = 0.25  # share of the streams that something happens to
AT_ONCE: Sequence[type[ProviderError]] = (AuthError, QuotaError, RateLimited, Overloaded, Disconnected)


class Mishaps:
    """What happens, drawn from a seed, and how often it did."""

    def __init__(self, seed: object, *, rate: float = RATE) -> None:
        self.rng = random.Random(f"mishaps {seed}")
        self.count: Counter[str] = Counter()
        self._rate = rate

    def draw(self, *kinds: str) -> str:
        """One of them, or "" for nothing."""
        if self.rng.random() >= self._rate:
            return ""
        kind = self.rng.choice(kinds)
        self.count[kind] += 1
        return kind

    def error(self) -> ProviderError:
        return self.rng.choice(AT_ONCE)("no")


class FaultyStt(ScriptedStt):
    def __init__(self, code: ToneCode, mishaps: Mishaps, *, name: str = "scripted/stt") -> None:
        super().__init__(code, sample_rate=8_000, seed=mishaps.rng.randrange(2**32), name=name)
        self._mishaps = mishaps

    async def open(self, **options: Any) -> ScriptedSttStream:
        mishaps = self._mishaps
        kind = mishaps.draw("stt refuses", "stt dies", "stt finals late", "stt finals missing", "stt out of order")
        self.timing = SttTiming(final_delay=mishaps.rng.uniform(0.8, 2.2) if kind == "stt finals late" else 0.15)
        self.faults = SttFaults(
            open_error=mishaps.error() if kind == "stt refuses" else None,
            disconnect_after=mishaps.rng.uniform(0.1, 15.0) if kind == "stt dies" else None,
            no_finals=kind == "stt finals missing",
            disorder=kind == "stt out of order",
        )
        return await super().open(**options)


class FaultyLlm(ScriptedLlm):
    def __init__(self, answer: Callable[[LlmRequest], Reply], mishaps: Mishaps, *, name: str = "scripted/llm") -> None:
        super().__init__(self._script_of, seed=mishaps.rng.randrange(2**32), name=name)
        self._answer, self._mishaps = answer, mishaps

    def _script_of(self, request: LlmRequest) -> Reply:
        mishaps, rng = self._mishaps, self._mishaps.rng
        kind = mishaps.draw("llm refuses", "llm hangs", "llm stalls", "llm breaks off", "llm says nothing", "llm slow")
        self.timing = LlmTiming(first_token=rng.uniform(2.0, 5.0) if kind == "llm slow" else 0.3)  # of the next one
        self.faults = LlmFaults(
            stall_after={"llm hangs": 0, "llm stalls": rng.randint(1, 12)}.get(kind),
            fail_after=rng.randint(0, 12) if kind == "llm breaks off" else None,
        )
        if kind == "llm refuses":
            return mishaps.error()
        return "" if kind == "llm says nothing" else self._answer(request)


class FaultyTts(ScriptedTts):
    def __init__(self, code: ToneCode, mishaps: Mishaps, *, name: str = "scripted/tts") -> None:
        rng = mishaps.rng
        super().__init__(code, word_times=rng.random() < 0.5, seed=rng.randrange(2**32), name=name)
        self._mishaps = mishaps

    def open(self, *, sample_rate: int, voice: str | None = None) -> ScriptedTtsStream:
        mishaps, rng = self._mishaps, self._mishaps.rng
        kind = mishaps.draw("tts refuses", "tts hangs", "tts stalls", "tts breaks off", "tts slow")
        self.timing = TtsTiming(first_audio=rng.uniform(1.0, 4.0) if kind == "tts slow" else 0.15)
        self.faults = TtsFaults(
            stall_after={"tts hangs": 0.0, "tts stalls": rng.uniform(0.1, 3.0)}.get(kind),
            fail_after={"tts refuses": 0.0, "tts breaks off": rng.uniform(0.1, 3.0)}.get(kind),
            error=mishaps.error() if kind == "tts refuses" else None,
        )
        return super().open(sample_rate=sample_rate, voice=voice)
