"""One request to one model, read by a task of its own, so that another may be made while it is waited for."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from contextlib import aclosing
from dataclasses import replace

from antiphon.errors import ProviderError, ProviderTimeout, without_words
from antiphon.providers.base import Llm, LlmEvent, LlmRequest, TextDelta, Usage
from antiphon.providers.cost import billed_as, estimated_usage
from antiphon.providers.fallback.chain import Member

log = logging.getLogger("antiphon.providers")

CLOSE_TIMEOUT = 1.0  # seconds a request has to stop once it is told to


class Attempt:
    """Begins at once. Must be closed."""

    def __init__(self, member: Member[Llm], request: LlmRequest, *, within: float = math.inf) -> None:
        """`within`: seconds in which the first event must come."""
        self.member = member
        self.by = billed_as(member.provider)
        self._request = request
        self._usage: Usage | None = None  # as the model told it last
        self._written = 0  # bytes of text
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.first_by = self._began + within
        self._events: deque[LlmEvent | ProviderError | None] = deque()  # None: the end
        self._arrived = asyncio.Event()  # something is there to be read
        self._task = self._loop.create_task(self._run(request), name=f"llm:{member.provider.name}")
        self.took: float | None = None  # seconds to the first event

    @property
    def has_begun(self) -> bool:
        """There is an event, or an error, or the end."""
        return bool(self._events)

    @property
    def error(self) -> ProviderError | None:
        """What it failed with, if that comes before any event; a ProviderTimeout when its time is up."""
        first = self._events[0] if self._events else None
        if isinstance(first, ProviderError):
            return first
        if first is None and not self._events and self._loop.time() >= self.first_by:
            return self._blame(ProviderTimeout("no answer in time"))
        return None

    @property
    def spent(self) -> Usage | None:
        """What it has taken, if it goes no further: as told, else estimated. None: it was refused, and took nothing."""
        if self._usage is None and not self._written and self._events and isinstance(self._events[0], ProviderError):
            return None
        guess = estimated_usage(self._request, written=self._written)
        if self._usage and self._usage.output >= guess.output:
            return replace(self._usage, by=self.by)
        return replace(self._usage or guess, output=guess.output, by=self.by, estimated=True)

    async def arrived(self) -> None:
        await self._arrived.wait()

    async def next(self, *, within: float) -> LlmEvent | None:
        """The next event; None at the end. Raises what the model failed with, or ProviderTimeout."""
        if not self._events:
            self._arrived.clear()
            try:
                async with asyncio.timeout(within):
                    await self._arrived.wait()
            except TimeoutError:
                raise self._blame(ProviderTimeout(f"nothing came for {within:g} s")) from None
        event = self._events.popleft()
        if isinstance(event, ProviderError):
            raise event
        return event

    async def aclose(self) -> None:
        """Stops the model."""
        self._task.cancel()
        await asyncio.wait((self._task,), timeout=CLOSE_TIMEOUT)

    async def _run(self, request: LlmRequest) -> None:
        try:
            async with aclosing(self.member.provider.stream(request)) as events:
                async for event in events:
                    self._put(event)
            self._put(None)
        except ProviderError as error:
            self._put(error)
        except Exception as error:
            log.error("%s broke its contract: %s", self.member.provider.name, without_words(error))
            log.debug("%s", self.member.provider.name, exc_info=error)
            self._put(self._blame(ProviderError(repr(error))))

    def _put(self, event: LlmEvent | ProviderError | None) -> None:
        if self.took is None:
            self.took = self._loop.time() - self._began
        if isinstance(event, TextDelta):
            self._written += len(event.text.encode())
        elif isinstance(event, Usage):
            self._usage = event
        self._events.append(event)
        self._arrived.set()

    def _blame(self, error: ProviderError) -> ProviderError:
        error.stage, error.provider = "llm", self.member.provider.name
        error.elapsed = self._loop.time() - self._began
        return error


async def first_of(attempts: list[Attempt], *, until: float) -> None:
    """Waits until one of them has begun, or has failed, or the loop's clock says `until`."""
    until = min(until, *(attempt.first_by for attempt in attempts), math.inf)
    waits = [asyncio.ensure_future(attempt.arrived()) for attempt in attempts]
    try:
        timeout = None if until == math.inf else max(until - asyncio.get_running_loop().time(), 0.0)
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
