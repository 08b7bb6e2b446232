"""One session's STT: its stream, the audio kept for when the stream breaks, and the numbering of utterances."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from antiphon.errors import ProviderError
from antiphon.providers.base import Stt, SttStream, Transcript

log = logging.getLogger("antiphon.session")

KEPT_SECONDS = 30  # of the open utterance, replayed to a stream that replaces a broken one
REOPEN_DELAYS = (0.0, 0.5, 2.0, 5.0)  # seconds before each try to open a stream again; the last repeats


class Transcriber:
    """Keeps a stream open for as long as `run` runs. Whatever is sent while there is none is kept, and sent later."""

    def __init__(
        self,
        stt: Stt,
        *,
        keyterms: tuple[str, ...] = (),
        language: str | None = None,
        on_transcript: Callable[[Transcript], None],
        on_failure: Callable[[ProviderError], None],
    ) -> None:
        self._stt = stt
        self._keyterms = keyterms
        self._language = language
        self._on_transcript = on_transcript
        self._on_failure = on_failure
        self._stream: SttStream | None = None
        self._kept = bytearray()  # audio of the open utterance, newest KEPT_SECONDS
        self._utterance = 0  # the open one, numbered as the core does
        self._first = 0  # the utterance that was open when the present stream was
        self._asked = False  # a final was asked for and has not come

    def send(self, pcm: bytes) -> None:
        self._kept += pcm
        limit = KEPT_SECONDS * self._stt.capabilities.sample_rate * 2
        if len(self._kept) > 2 * limit:
            del self._kept[:-limit]
        if self._stream:
            self._stream.send(pcm)

    def finalize(self) -> None:
        self._asked = True
        if self._stream:
            self._stream.finalize()

    def next_utterance(self, number: int) -> None:
        self._utterance = number
        self._asked = False
        self._kept.clear()
        if self._stream:
            self._stream.reset()

    async def run(self) -> None:
        """Opens the stream, passes its transcripts on, and opens another whenever it breaks. Runs until cancelled."""
        failures = 0
        while True:
            try:
                await self._run_stream()
            except ProviderError as error:
                failures += 1
                log.warning("stt failed (%d in a row): %s", failures, error)
                self._on_failure(error)
            else:
                failures = 0
            await asyncio.sleep(REOPEN_DELAYS[min(failures, len(REOPEN_DELAYS) - 1)])

    async def _run_stream(self) -> None:
        stream = await self._stt.open(keyterms=self._keyterms, language=self._language)
        try:
            self._first = self._utterance
            self._stream = stream
            if self._kept:
                stream.send(bytes(self._kept))
            if self._asked:
                stream.finalize()
            async for transcript in stream:
                number = transcript.utterance + self._first
                if number == self._utterance:
                    self._asked = self._asked and not transcript.final
                self._on_transcript(Transcript(transcript.text, number, transcript.final, transcript.end_of_turn))
        finally:
            self._stream = None
            await stream.aclose()
