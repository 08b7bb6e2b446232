"""Transcribers as one: the next listens where one cannot.

A stream belongs to one of them, and fails when that one does, or when it owes a final for too long. Whoever holds the
stream opens another, which is the next one's, and sends it the audio of the open utterance again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.audio.resample import Resampler
from antiphon.errors import Disconnected, ProviderError, ProviderTimeout
from antiphon.providers.base import Stt, SttStream, Transcript
from antiphon.providers.cost import BilledStream, billed_as
from antiphon.providers.fallback.chain import PATIENCE, Chain, Member, any_works
from antiphon.providers.fallback.limits import Limits


class FallbackStt(Chain[Stt]):
    """The STT that is the first of `transcribers` to listen. It looks like the first of them; the others are brought to
    its rate."""

    def __init__(self, transcribers: Sequence[Stt], *, limits: Limits | None = None) -> None:
        super().__init__("stt", transcribers, limits=limits or Limits())
        self.capabilities = transcribers[0].capabilities

    async def open(self, *, keyterms: tuple[str, ...] = (), language: str | None = None) -> FallbackSttStream:
        """A stream of the first that gives one. Raises what went wrong last when none does."""
        for member in self.order():
            began = asyncio.get_running_loop().time()
            terms = keyterms if member.provider.capabilities.keyterms else ()
            try:
                async with asyncio.timeout(self.limits.connect * (1 if self.has_other(member) else PATIENCE)):
                    return FallbackSttStream(
                        self, member, await member.provider.open(keyterms=terms, language=language)
                    )
            except TimeoutError:
                failure: ProviderError = ProviderTimeout("no connection in time")
            except ProviderError as error:
                failure = error
            failure.stage, failure.provider = "stt", member.provider.name
            failure.elapsed = asyncio.get_running_loop().time() - began
            self.failed(member, failure)
        raise failure

    def has_other(self, member: Member[Stt]) -> bool:
        """Whether there is another that may work."""
        return any_works([other for other in self.members if other is not member])


class FallbackSttStream:
    """One transcriber's stream, watched."""

    def __init__(self, chain: FallbackStt, member: Member[Stt], stream: SttStream) -> None:
        self._chain = chain
        self._member = member
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._resample = Resampler(chain.capabilities.sample_rate, member.provider.capabilities.sample_rate)
        self._bytes = 0  # sent to the transcriber
        self._asked: float | None = None  # loop time at which a final was asked for that has not come
        self._heard_at = 0.0  # loop time of the newest transcript
        self._timer: asyncio.Timeout | None = None  # of the wait for the next transcript
        self._closed = False

    def send(self, pcm: bytes) -> None:
        if pcm := self._resample.process(pcm):
            self._bytes += len(pcm)
            self._stream.send(pcm)

    @property
    def used(self) -> dict[str, tuple[int, float]]:
        """As in BilledStream."""
        if isinstance(self._stream, BilledStream):
            return dict(self._stream.used)
        provider = self._member.provider
        return {billed_as(provider): (0, self._bytes / SAMPLE_BYTES / provider.capabilities.sample_rate)}

    def finalize(self) -> None:
        self._stream.finalize()
        self._asked = self._loop.time()
        self._reschedule()

    def reset(self) -> None:
        self._stream.reset()
        self._asked = None
        self._reschedule()

    async def __aiter__(self) -> AsyncGenerator[Transcript, None]:
        transcripts = aiter(self._stream)
        while True:
            try:
                async with asyncio.timeout_at(self._due()) as self._timer:
                    transcript = await anext(transcripts)
            except StopAsyncIteration:
                if self._closed:
                    return
                raise self._failed(Disconnected("the stream ended by itself")) from None
            except TimeoutError:
                raise self._failed(ProviderTimeout("no final transcript in time")) from None
            except ProviderError as error:
                raise self._failed(error) from error.__cause__
            finally:
                self._timer = None
            self._note(transcript)
            yield transcript

    async def aclose(self) -> None:
        self._closed = True
        await self._stream.aclose()

    def _note(self, transcript: Transcript) -> None:
        """Any transcript is a sign of life; a final, that it works."""
        self._heard_at = self._loop.time()
        if transcript.final and self._asked is not None:
            self._member.breaker.succeeded(took=self._heard_at - self._asked)
            self._asked = None

    def _due(self) -> float | None:
        """By when something must come, in loop time; None: nothing is owed."""
        if self._asked is None:
            return None
        limit = self._chain.limits.final * (1 if self._chain.has_other(self._member) else PATIENCE)
        return max(self._asked, self._heard_at) + limit

    def _reschedule(self) -> None:
        if self._timer:
            with suppress(RuntimeError):  # it has fired in this very pass of the loop
                self._timer.reschedule(self._due())

    def _failed(self, error: ProviderError) -> ProviderError:
        error.stage, error.provider = "stt", self._member.provider.name
        self._chain.failed(self._member, error)
        return error
