"""The speech of one reply, from a vendor that speaks in contexts. It goes on in another context when the vendor has
ended the one it had, and notices when the vendor has fallen silent."""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterable

from antiphon.errors import ProviderError, ProviderTimeout
from antiphon.providers.base import SpeechChunk
from antiphon.providers.tts.lines import Context, Line, Lines, Send
from antiphon.providers.tts.speech import NOTHING_SPOKEN, Outlet, speakable


class ContextStream:
    """The speech of one reply. `first_timeout` is how long the first audio of a segment may take, connecting included,
    `gap_timeout` each piece after it, in seconds."""

    def __init__(
        self,
        lines: Lines,
        key: Hashable,
        new_context: Callable[[Send], Context],
        *,
        provider: str,
        first_timeout: float,
        gap_timeout: float,
    ) -> None:
        self._lines = lines
        self._key = key
        self._new_context = new_context
        self._provider = provider
        self._first_timeout = first_timeout
        self._gap_timeout = gap_timeout
        self._loop = asyncio.get_running_loop()
        self._line: Line | None = None
        self._context: Context | None = None
        self._owed: deque[bool] = deque()  # for each segment that has not ended: whether anything of it can be spoken
        self._ended = False
        self._spoken = Outlet()
        self._began = 0.0  # loop time, when the open segment was asked for
        self._deadline = 0.0  # loop time by which something must come, while anything is owed
        self._alarm: asyncio.TimerHandle | None = None

    def send(self, text: str) -> None:
        if self._ended:
            return
        self._owed.append(speakable(text))
        if not self._owed[-1]:
            self._skip_silent()
            return
        if len(self._owed) == 1:
            self._expect_segment()
        try:
            self._open().speak(text)
        except ProviderError as error:
            self.fail(error)

    def end(self) -> None:
        if not self._ended:
            self._ended = True
            if self._context:
                self._context.end()
            self._finish_if_done()

    def __aiter__(self) -> AsyncIterator[SpeechChunk]:
        return aiter(self._spoken)

    async def aclose(self) -> None:
        self._stop()
        self._spoken.close()

    def spoken(self, chunks: Iterable[SpeechChunk]) -> None:
        """From the line: a piece of what was asked for."""
        for chunk in chunks:
            self._spoken.put(chunk)
            if not chunk.last:
                self._expect(self._gap_timeout)
            elif self._owed:
                self._owed.popleft()
                self._skip_silent()
                self._expect_segment()
        self._finish_if_done()

    def fail(self, error: ProviderError) -> None:
        """From the line, or from the alarm: there will be no more."""
        if self._spoken.over:
            return
        mine = copy.copy(error)  # a line that broke fails several streams
        mine.stage, mine.provider, mine.elapsed = "tts", self._provider, self._loop.time() - self._began
        mine.__cause__ = error.__cause__
        self._spoken.finish(mine)
        self._stop()

    def _open(self) -> Context:
        """The context to speak in. Raises ProviderError."""
        if self._context is None or self._context.over:
            self._leave()
            self._line = self._lines.lease(self._key)
            self._context = self._new_context(self._line.send)
            self._line.add(self._context, self)
        return self._context

    def _skip_silent(self) -> None:
        """Ends the segments that have nothing to speak and that nothing is before."""
        while self._owed and not self._owed[0]:
            self._owed.popleft()
            self._spoken.put(NOTHING_SPOKEN)

    def _finish_if_done(self) -> None:
        if self._ended and not self._owed:
            self._spoken.finish()
            self._leave()
            self._set_alarm(None)

    def _stop(self) -> None:
        """Stops the vendor, unless it has said all."""
        if self._context and not self._context.over and (self._owed or not self._spoken.over):
            self._context.cancel()
        self._ended = True
        self._owed.clear()
        self._leave()
        self._set_alarm(None)

    def _leave(self) -> None:
        if self._line and self._context:
            self._line.leave(self._context)

    # --- the vendor falls silent ----------------------------------------------------------------------------------

    def _expect_segment(self) -> None:
        self._began = self._loop.time()
        self._expect(self._first_timeout)

    def _expect(self, within: float) -> None:
        """Something must come in so many seconds, if anything is owed."""
        self._deadline = self._loop.time() + within
        if self._alarm is None or self._alarm.when() > self._deadline:
            self._set_alarm(self._deadline)

    def _set_alarm(self, when: float | None) -> None:
        if self._alarm:
            self._alarm.cancel()
        self._alarm = None if when is None else self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if not self._owed or not self._line or not self._context:
            return
        if self._loop.time() < self._deadline:
            self._set_alarm(self._deadline)
        elif chunks := list(self._context.quiet()):
            self.spoken(chunks)
        else:
            self._line.retired = True  # it may be as dead as it seems, and closes when the stream has left
            self.fail(ProviderTimeout("the server fell silent"))
