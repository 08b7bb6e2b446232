"""One session's STT: its stream, the audio kept for when the stream breaks, and the numbering of utterances."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from antiphon.audio.resample import Resampler
from antiphon.errors import Disconnected, ProviderError
from antiphon.providers.base import Stt, SttStream, Transcript
from antiphon.providers.cost import BilledStream, billed_as

log = logging.getLogger("antiphon.session")

KEPT_SECONDS = 30  # of the open utterance, replayed to a stream that replaces a broken one
QUIET_SECONDS = 1  # the same, before the first voice in it
SLACK_SECONDS = 1  # kept beyond that, so that not every frame moves all of it
REOPEN_DELAYS = (0.0, 0.5, 2.0, 5.0)  # seconds before each try in a row to open a stream again; the last repeats


class Transcriber:
    """Keeps a stream open for as long as `run` runs. Whatever is sent while there is none is kept, and sent later."""

    def __init__(
        self,
        stt: Stt,
        *,
        rate: int,
        keyterms: tuple[str, ...] = (),
        language: str | None = None,
        on_transcript: Callable[[Transcript], None],
        on_failure: Callable[[ProviderError], None],
    ) -> None:
        """`rate` in Hz, of what is sent here; the provider gets its own."""
        self._stt = stt
        self._resample = Resampler(rate, stt.capabilities.sample_rate)
        self._bytes_a_second = stt.capabilities.sample_rate * 2
        self._keyterms = keyterms
        self._language = language
        self._on_transcript = on_transcript
        self._on_failure = on_failure
        self._stream: SttStream | None = None
        self._kept = bytearray()  # audio of the open utterance, the newest of it
        self._voiced = False  # there has been a voice in it
        self._utterance = 0  # the open one, numbered as the core does
        self._first = 0  # the utterance that was open when the present stream was
        self._owed = 0  # finals of it that the present stream was asked for and that have not come
        self._failures = 0  # in a row

        # What the provider was given: the present stream, and by whom the ones before it were served, as named in the
        # table of prices: seconds of audio, and seconds that they were open.
        self._sent_bytes = 0
        self._opened_at = 0.0  # loop time
        self._served: dict[str, tuple[float, float]] = {}

    def send(self, pcm: bytes) -> None:
        pcm = self._resample.process(pcm)
        self._kept += pcm
        limit = (KEPT_SECONDS if self._voiced else QUIET_SECONDS) * self._bytes_a_second
        if len(self._kept) > limit + SLACK_SECONDS * self._bytes_a_second:
            del self._kept[:-limit]
        if self._stream:
            self._give(self._stream, pcm)

    def heard(self) -> dict[str, tuple[float, float]]:
        """By whom, as named in the table of prices: seconds of audio sent, and seconds that streams were open."""
        if self._stream is None:
            return self._served
        served = dict(self._served)
        connected = asyncio.get_running_loop().time() - self._opened_at
        used = {billed_as(self._stt): (0, self._sent_bytes / self._bytes_a_second)}
        if isinstance(self._stream, BilledStream):
            used = dict(self._stream.used)
        for name, (_, seconds) in used.items():
            before = served.get(name, (0.0, 0.0))
            served[name] = (before[0] + seconds, before[1] + connected)
        return served

    def _give(self, stream: SttStream, pcm: bytes) -> None:
        self._sent_bytes += len(pcm)
        stream.send(pcm)

    def voiced(self) -> None:
        """A voice has begun: from now on all is kept."""
        self._voiced = True

    def finalize(self) -> None:
        self._owed += 1
        if self._stream:
            self._stream.finalize()

    def next_utterance(self, number: int) -> None:
        self._utterance = number
        self._owed, self._voiced = 0, False
        self._kept.clear()
        if self._stream:
            self._stream.reset()

    async def run(self) -> None:
        """Opens the stream, passes its transcripts on, and opens another whenever it breaks. Runs until cancelled."""
        while True:
            try:
                await self._run_stream()
                raise Disconnected("the stream ended by itself", stage="stt", provider=self._stt.name)
            except ProviderError as error:
                self._failures += 1
                log.warning("stt failed (%d in a row): %s", self._failures, error.brief)
                log.debug("stt: %s", error)
                self._on_failure(error)
            await asyncio.sleep(REOPEN_DELAYS[min(self._failures, len(REOPEN_DELAYS)) - 1])

    def _is_last(self) -> bool:
        """Whether a final that has come is the one asked for last. One that is late, asked for before the caller spoke
        on, may lack what was said since: it tells no more than a partial."""
        self._owed = max(self._owed - 1, 0)
        return not self._owed

    async def _run_stream(self) -> None:
        loop = asyncio.get_running_loop()
        stream = await self._stt.open(keyterms=self._keyterms, language=self._language)
        try:
            self._first = self._utterance
            self._stream = stream
            self._opened_at, self._sent_bytes = loop.time(), 0
            if self._kept:
                self._give(stream, bytes(self._kept))
            if self._owed:
                self._owed = 1
                stream.finalize()
            async for transcript in stream:
                self._failures = 0
                number = transcript.utterance + self._first
                final = transcript.final and (number != self._utterance or self._is_last())
                self._on_transcript(Transcript(transcript.text, number, final, transcript.end_of_turn))
        finally:
            self._served = self.heard()
            self._stream = None
            await stream.aclose()
