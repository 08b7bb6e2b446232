"""Voices as one: the next goes on speaking where one cannot.

What a voice has not begun is spoken by the next. A segment it broke off in is gone on with at the word after the last
one that was begun, where the vendor tells when its words begin; else the rest of that segment is left out, and said to
be. Nothing is spoken twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.audio.resample import Resampler
from antiphon.audio.segment import WORDS
from antiphon.errors import Disconnected, ProviderError, ProviderTimeout
from antiphon.providers.base import SpeechChunk, Tts, TtsCapabilities, TtsStream, WordTime
from antiphon.providers.cost import billed_as
from antiphon.providers.fallback import budget
from antiphon.providers.fallback.chain import LEAST, PATIENCE, Chain, Member, any_works, may_be_repeated
from antiphon.providers.fallback.limits import Limits
from antiphon.providers.tts.speech import Outlet

LONGEST_WAIT = 10.0  # seconds for the first audio of the last voice there is, where no turn sets a limit
STOP_TIMEOUT = 1.0  # seconds a stream has to stop once it is told to


class FallbackTts(Chain[Tts]):
    """The TTS that is the first of `voices` to speak. It looks like the first of them; the others are brought to its
    rate, and use the voices they were made with."""

    def __init__(self, voices: Sequence[Tts], *, limits: Limits | None = None) -> None:
        super().__init__("tts", voices, limits=limits or Limits())
        first = voices[0].capabilities
        self.capabilities = TtsCapabilities(
            sample_rates=first.sample_rates, word_times=first.word_times, segments=True, voices=first.voices
        )

    def open(self, *, sample_rate: int, voice: str | None = None) -> FallbackTtsStream:
        return FallbackTtsStream(self, sample_rate, voice)


@dataclass(slots=True)
class _Segment:
    text: str
    begins: int = 0  # the character at which the present voice began
    given: int = 0  # samples of its audio passed on
    before: int = 0  # of them, by the voices before the present one
    words: list[WordTime] = field(default_factory=list)  # of the present voice, placed in the whole segment


class _Speaker:
    """One voice, brought to the rate of the stream."""

    def __init__(self, member: Member[Tts], rate: int, voice: str | None) -> None:
        rates = member.provider.capabilities.sample_rates
        self.member = member
        self._rate = rate if rate in rates else rates[0]
        self._voice = voice
        self._scale = rate / self._rate
        self._resampler = Resampler(self._rate, rate)

        self.characters = 0  # sent to it
        self.samples = 0  # of the audio it made, at the stream's rate

    def open(self) -> TtsStream:
        return self.member.provider.open(sample_rate=self._rate, voice=self._voice)

    def give(self, stream: TtsStream, text: str) -> None:
        self.characters += len(text)
        stream.send(text)

    def resampled(self, chunk: SpeechChunk) -> tuple[bytes, list[WordTime]]:
        pcm = self._resampler.process(chunk.pcm) + (self._resampler.flush() if chunk.last else b"")
        return pcm, [WordTime(word.char, int(word.start * self._scale)) for word in chunk.words]


class FallbackTtsStream:
    """The speech of one reply. One task, which begins with the first text."""

    def __init__(self, chain: FallbackTts, rate: int, voice: str | None) -> None:
        self._chain = chain
        self._limits = chain.limits
        self._rate = rate
        self._voice = voice
        self._budget = budget.current()
        self._loop = asyncio.get_running_loop()
        self._unasked = chain.order()
        self._failures: list[tuple[Member[Tts], ProviderError]] = []
        self._repeated = False  # a voice that failed was asked again
        self._segments: deque[_Segment] = deque()  # whose speech has not ended
        self._more = asyncio.Event()  # a segment came, or the end
        self._ended = False
        self._outlet = Outlet()
        self._task: asyncio.Task[None] | None = None
        self._speakers: list[_Speaker] = []  # who had a part in it, the present one last
        self._stream: TtsStream | None = None  # of the present voice, if it is given all segments as they come
        self._sounded = False  # audio was passed on
        self._silent_since = 0.0  # loop time of the last audio, or of the text that is waited for if that is later
        self._begins = True  # no audio has come since that text
        self._timer: asyncio.Timeout | None = None  # of the wait for the next audio

    def send(self, text: str) -> None:
        if self._ended:
            return
        self._segments.append(_Segment(text))
        if len(self._segments) == 1:
            self._await_first()
        if self._stream:
            self._speakers[-1].give(self._stream, text)
        self._more.set()
        if self._task is None:
            self._task = self._loop.create_task(self._run(), name="tts:chain")

    def end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._more.set()
        if self._stream:
            self._stream.end()
        if self._task is None:
            self._outlet.finish()

    def __aiter__(self) -> AsyncIterator[SpeechChunk]:
        return aiter(self._outlet)

    async def aclose(self) -> None:
        self._ended = True
        if self._task:
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=STOP_TIMEOUT)
        self._outlet.close()

    @property
    def used(self) -> dict[str, tuple[int, float]]:
        """As in BilledStream."""
        used: dict[str, tuple[int, float]] = {}
        for speaker in self._speakers:
            name = billed_as(speaker.member.provider)
            characters, seconds = used.get(name, (0, 0.0))
            used[name] = (characters + speaker.characters, seconds + speaker.samples / self._rate)
        return used

    # --- one voice after the other --------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not await self._speak(self._next()):
                pass
            self._outlet.finish()
        except ProviderError as error:
            self._outlet.finish(error)

    def _next(self) -> Member[Tts]:
        """Who was not asked yet; else, once, and if nothing was heard, one that failed of something that may pass.
        Raises the last error if there is nobody, or no time left."""
        if not self._failures or self._sounded or self._budget.left >= LEAST:
            if self._unasked:
                return self._unasked.pop(0)
            again = [member for member, error in self._failures if may_be_repeated(error)]
            if again and not self._repeated and not self._sounded:
                self._repeated = True
                return again[0]
        raise self._failures[-1][1]

    async def _speak(self, member: Member[Tts]) -> bool:
        """Speaks all there is with one voice; False if it failed."""
        knows_it = member is self._chain.members[0] or self._voice in member.provider.capabilities.voices
        speaker = _Speaker(member, self._rate, self._voice if knows_it else None)
        self._speakers.append(speaker)
        began = self._loop.time()
        self._await_first()
        try:
            if member.provider.capabilities.segments:
                await self._speak_as_it_comes(speaker)
            else:
                await self._speak_one_by_one(speaker)
            return True
        except ProviderError as error:
            error.stage, error.provider = "tts", member.provider.name
            error.elapsed = self._loop.time() - began
            self._chain.failed(member, error)
            self._failures.append((member, error))
            self._break_off()
            return False

    async def _speak_as_it_comes(self, speaker: _Speaker) -> None:
        stream = speaker.open()
        for segment in self._segments:
            speaker.give(stream, segment.text[segment.begins :])
        if self._ended:
            stream.end()
        self._stream = stream
        try:
            await self._listen(stream, speaker)
        finally:
            self._stream = None
            await stream.aclose()
        if self._segments:
            raise Disconnected("the voice broke off")

    async def _speak_one_by_one(self, speaker: _Speaker) -> None:
        """For a voice that cannot tell where the audio of one text ends: a stream for each."""
        while await self._has_more():
            segment, stream = self._segments[0], speaker.open()
            speaker.give(stream, segment.text[segment.begins :])
            stream.end()
            try:
                await self._listen(stream, speaker)
            finally:
                await stream.aclose()
            if self._segments and self._segments[0] is segment:
                self._pass_on(SpeechChunk(b"", last=True), speaker)

    async def _has_more(self) -> bool:
        while not self._segments and not self._ended:
            self._more.clear()
            await self._more.wait()
        return bool(self._segments)

    # --- listening ------------------------------------------------------------------------------------------------

    async def _listen(self, stream: TtsStream, speaker: _Speaker) -> None:
        """Passes the audio of one stream on, to its end. Raises ProviderTimeout when it is silent for too long."""
        chunks = aiter(stream)
        while True:
            try:
                async with asyncio.timeout_at(self._due()) as self._timer:
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise ProviderTimeout("no audio in time") from None
            finally:
                self._timer = None
            self._pass_on(chunk, speaker)

    def _await_first(self) -> None:
        """There is text, and no audio is under way."""
        self._silent_since, self._begins = self._loop.time(), True
        if self._timer:
            with suppress(RuntimeError):  # it has fired in this very pass of the loop
                self._timer.reschedule(self._due())

    def _due(self) -> float | None:
        """When audio must have come, in loop time; None while there is nothing to speak."""
        if not self._segments:
            return None
        is_last, since = not any_works(self._unasked), self._silent_since
        if not self._begins:
            return since + self._limits.gap * (PATIENCE if is_last else 1)
        soonest = since + self._limits.first_audio
        return max(soonest, min(self._budget.ends, since + LONGEST_WAIT)) if is_last else soonest

    def _pass_on(self, chunk: SpeechChunk, speaker: _Speaker) -> None:
        if not self._segments:
            return  # nothing was asked for
        segment, now = self._segments[0], self._loop.time()
        pcm, times = speaker.resampled(chunk)
        speaker.samples += len(pcm) // SAMPLE_BYTES
        words = [WordTime(segment.begins + word.char, segment.before + word.start) for word in times]
        segment.words += words
        segment.given += len(pcm) // SAMPLE_BYTES
        self._outlet.put(SpeechChunk(pcm, tuple(words), chunk.last))
        if chunk.last:
            self._segments.popleft()
        if pcm and self._begins:
            speaker.member.breaker.succeeded(took=now - self._silent_since)
            self._sounded, self._begins = True, False
        self._silent_since = now

    def _break_off(self) -> None:
        """The voice failed. What of a segment it has not begun is for the next: from the word after the last one that
        it began, where that is known, else from the next segment on."""
        segment = self._segments[0] if self._segments else None
        if segment is None or segment.given == segment.before:
            return
        begun = [word.char for word in segment.words if word.start < segment.given]
        rest = next((m.start() for m in WORDS.finditer(segment.text) if begun and m.start() > max(begun)), None)
        if rest is None:
            self._outlet.put(SpeechChunk(b"", last=True, cut=not begun))
            self._segments.popleft()
        else:
            segment.begins, segment.before, segment.words = rest, segment.given, []
