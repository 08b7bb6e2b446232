"""What the streams of all vendors have in common, whatever the wire: audio in frames, finals in time, an orderly end.

A final that does not come within its bound is given from what is known, if the vendor has lately shown a sign of life,
and is a ProviderTimeout if it has not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

from antiphon.errors import ProviderError, ProviderTimeout
from antiphon.providers.base import SttCapabilities, Transcript
from antiphon.providers.stt.draft import Draft

FINAL_TIMEOUT = 1.5  # seconds from `finalize` to the final


class Owner(Protocol):
    """The provider that a stream belongs to."""

    capabilities: SttCapabilities
    final_timeout: float

    def blame(self, error: ProviderError, began: float | None = None) -> ProviderError:
        """The error, saying whose it is. `began`: the loop's time at which what failed was asked for."""

    def dropped(self, stream: Any) -> None:
        """The stream has ended."""


class VendorStream:
    """One call's stream. A vendor's is a subclass that knows the wire."""

    frame = 0.05  # seconds; audio is sent in whole frames of it, and filled up with silence when a final is asked for
    longest = 0.5  # seconds; more of it at once is cut up

    def __init__(self, owner: Owner) -> None:
        self.draft = Draft()
        self.sent = 0  # samples given to the vendor
        self.rate = owner.capabilities.sample_rate
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._pending = bytearray()
        self._began = self._asked_at = self._loop.time()
        self._sign = 0.0  # when the vendor last said anything
        self._overdue: asyncio.TimerHandle | None = None
        self._transcripts: asyncio.Queue[Transcript | ProviderError | None] = asyncio.Queue()
        self._closed = False

    # --- what a vendor's stream says ------------------------------------------------------------------------------

    def transmit(self, pcm: bytes) -> None:
        """Sends audio; never blocks."""
        raise NotImplementedError

    def ask(self) -> None:
        """Asks the vendor for its final; calls `answer` if there is nothing to ask."""
        raise NotImplementedError

    def part(self) -> None:
        """The utterance is over: what is sent from now on must not be mixed with what is under way."""

    def over(self) -> None:
        """The stream has ended, in one way or another: nothing is waited for any more."""

    async def aclose(self) -> None:
        """Stops at once; a final that was asked for does not come any more."""
        self._end()

    # --- the contract ---------------------------------------------------------------------------------------------

    def send(self, pcm: bytes) -> None:
        if self._closed:
            return
        self._pending += pcm
        frame, longest = self._size(self.frame), self._size(self.longest)
        while len(self._pending) >= frame:
            self._transmit(min(len(self._pending), longest) // frame * frame)

    def finalize(self) -> None:
        if self._closed:
            return
        if self._pending:
            self._pending += bytes(self._size(self.frame) - len(self._pending))
            self._transmit(len(self._pending))
        self.draft.asked = True
        self._asked_at = self._loop.time()
        self._stop_waiting()
        self._overdue = self._loop.call_later(self._owner.final_timeout, self._give_up)
        self.ask()

    def reset(self) -> None:
        if self._closed:
            return
        self._stop_waiting()
        self.part()
        self.draft.next()

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        while not (self._closed and self._transcripts.empty()):
            item = await self._transcripts.get()
            if isinstance(item, ProviderError):
                raise item
            if item:
                yield item

    # --- for the vendor's stream ----------------------------------------------------------------------------------

    def show(self, *, end_of_turn: bool = False) -> None:
        """The draft has changed. If a final was asked for, whoever calls this knows that it is not there yet."""
        if partial := self.draft.partial(end_of_turn=end_of_turn):
            self._transcripts.put_nowait(partial)

    def answer(self) -> None:
        """The draft is the final that was asked for."""
        self._stop_waiting()
        self._transcripts.put_nowait(self.draft.final())

    def fail(self, error: ProviderError) -> None:
        """Nothing more will come."""
        if not self._closed:
            began = self._asked_at if self.draft.asked else self._began
            self._transcripts.put_nowait(self._owner.blame(error, began))
            self._end()

    def lives(self) -> None:
        """The vendor has said something."""
        self._sign = self._loop.time()

    @property
    def sent_seconds(self) -> float:
        return self.sent / self.rate

    # --- inside ---------------------------------------------------------------------------------------------------

    def _give_up(self) -> None:
        if self._sign > self._asked_at + self._owner.final_timeout / 3:
            self.answer()
        else:
            self.fail(ProviderTimeout(f"no final within {self._owner.final_timeout:g} s, and no sign of life"))

    def _stop_waiting(self) -> None:
        if self._overdue:
            self._overdue.cancel()
            self._overdue = None

    def _transmit(self, size: int) -> None:
        pcm = bytes(self._pending[:size])
        del self._pending[:size]
        self.sent += size // 2
        self.transmit(pcm)

    def _size(self, seconds: float) -> int:
        return 2 * int(seconds * self.rate)

    def _end(self) -> None:
        if not self._closed:
            self._closed = True
            self._stop_waiting()
            self.over()
            self._transcripts.put_nowait(None)
            self._owner.dropped(self)
