"""An STT that understands tones, or takes any voice for the texts it was given."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from antiphon.errors import BadRequest, Disconnected, ProviderError
from antiphon.lab.outbox import Outbox
from antiphon.lab.scripted.ears import Ears, SegmentEars, ToneEars
from antiphon.lab.tones import ToneCode
from antiphon.providers.base import SttCapabilities, Transcript


@dataclass(frozen=True, slots=True)
class SttTiming:
    """Seconds; each time it is drawn anew, up to the fraction `jitter` shorter or longer."""

    lag: float = 0.25  # from the end of a word to the partial that has it
    final_delay: float = 0.15  # from `finalize` to the final
    jitter: float = 0.2

    @classmethod
    def instant(cls) -> SttTiming:
        return cls(lag=0, final_delay=0, jitter=0)

    def draw(self, rng: random.Random, seconds: float) -> float:
        return seconds * rng.uniform(1 - self.jitter, 1 + self.jitter)


@dataclass(frozen=True, slots=True)
class SttFaults:
    open_error: ProviderError | None = None  # raised by `open`
    disconnect_after: float | None = None  # seconds after it was opened, a stream dies
    no_finals: bool = False  # `finalize` is never answered
    hallucination: str = ""  # what noise is taken for, with a tone code
    disorder: bool = False  # every second partial comes after the next one, and one more after each final


class ScriptedStt:
    """Understands `code` in the audio it is sent; without one, takes each voiced segment for the next of `utterances`.

    `faults` may be replaced at any time; a death and hallucinations are those of when a stream was opened.
    """

    def __init__(
        self,
        code: ToneCode | None = None,
        *,
        utterances: Sequence[str] = (),
        timing: SttTiming | None = None,
        faults: SttFaults | None = None,
        partials: bool = True,
        sample_rate: int = 16_000,
        seed: int = 0,
        name: str = "scripted/stt",
    ) -> None:
        self.name = name
        self.capabilities = SttCapabilities(sample_rate=sample_rate, partials=partials, keyterms=True)
        self.timing = timing or SttTiming()
        self.faults = faults or SttFaults()
        self._code = code
        self._utterances = tuple(utterances)
        self._seed = seed
        self.opened = 0
        self.closed = 0
        self.keyterms: tuple[str, ...] = ()  # those of the stream opened last

    async def warm(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    async def open(self, *, keyterms: tuple[str, ...] = (), language: str | None = None) -> ScriptedSttStream:
        if self.faults.open_error:
            raise self.faults.open_error
        self.opened += 1
        self.keyterms = keyterms
        return ScriptedSttStream(self, self._ears(), random.Random(f"{self._seed} {self.opened}"))

    def _ears(self) -> Ears:
        rate = self.capabilities.sample_rate
        if self._code:
            return ToneEars(self._code, rate, hallucination=self.faults.hallucination)
        return SegmentEars(self._utterances, rate)


class ScriptedSttStream:
    def __init__(self, stt: ScriptedStt, ears: Ears, rng: random.Random) -> None:
        self._stt = stt
        self._ears = ears
        self._rng = rng
        self._opened_at = asyncio.get_running_loop().time()
        self._outbox: Outbox[Transcript] = Outbox()
        self._utterance = 0
        self._understood = ""  # the text of the last partial
        self._late: Transcript | None = None  # a partial to come after the next one
        self._death: asyncio.TimerHandle | None = None
        self._closed = False
        if stt.faults.disconnect_after is not None:
            loop = asyncio.get_running_loop()
            self._death = loop.call_later(stt.faults.disconnect_after, self._die)

    def send(self, pcm: bytes) -> None:
        try:
            self._ears.feed(pcm)
        except ValueError as error:
            self._outbox.break_off(BadRequest(str(error), stage="stt", provider=self._stt.name))
            return
        text = self._ears.heard()
        if text != self._understood and self._stt.capabilities.partials:
            self._understood = text
            self._partial(Transcript(text, self._utterance))

    def finalize(self) -> None:
        if self._stt.faults.no_finals:
            return
        final = Transcript(self._ears.heard_at_last(), self._utterance, final=True)
        self._outbox.drop(lambda early: early.utterance == final.utterance and not early.final)
        after = self._stt.timing.draw(self._rng, self._stt.timing.final_delay)
        self._outbox.put(final, after=after)
        if self._stt.faults.disorder:
            self._outbox.put(Transcript(self._understood, self._utterance), after=after)

    def reset(self) -> None:
        self._ears.forget()
        self._utterance += 1
        self._understood, self._late = "", None

    def __aiter__(self) -> Outbox[Transcript]:
        return self._outbox

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._stt.closed += 1
        self._outbox.close()
        if self._death:
            self._death.cancel()

    def _partial(self, partial: Transcript) -> None:
        after = self._stt.timing.draw(self._rng, self._stt.timing.lag)
        if self._stt.faults.disorder and self._late is None:
            self._late = partial
            return
        self._outbox.put(partial, after=after)
        if self._late:
            self._outbox.put(self._late, after=after)
            self._late = None

    def _die(self) -> None:
        elapsed = asyncio.get_running_loop().time() - self._opened_at
        lost = Disconnected("the connection broke", stage="stt", provider=self._stt.name, elapsed=elapsed)
        self._outbox.break_off(lost)
