"""Sockets to vendors that speak many streams on one of them, each in a context of its own.

A `Lines` is a provider's pool of sockets, a `Line` one socket with the contexts on it, a `Context` what is left to the
vendor: its messages, in both directions, for one stretch of speech.

A context that is cancelled stays on its line until the vendor says that it is over: vendors count it until then, and
what still comes of it is dropped.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Protocol

import msgspec

from antiphon.errors import Disconnected, ProviderError
from antiphon.providers.base import SpeechChunk
from antiphon.providers.sockets import Socket

log = logging.getLogger("antiphon.providers")

TICK = 10.0  # seconds between two looks at a line on which nothing comes
_CLOSE_TIMEOUT = 1.0  # seconds for a line to close
_ids = itertools.count(1)  # of contexts: they must differ on a socket, not beyond it

Send = Callable[[dict[str, Any]], None]  # sends a message; never blocks, never raises


def new_id() -> str:
    return f"c{next(_ids)}"


class Context(Protocol):
    """One stretch of speech on a line. It is made with the `Send` of that line."""

    id: str

    @property
    def over(self) -> bool:
        """The vendor has ended it: nothing of it will come, and it takes no text."""

    def speak(self, text: str) -> None:
        """Sends a segment."""

    def end(self) -> None:
        """No more text will come."""

    def cancel(self) -> None:
        """The strongest stop the vendor has."""

    def keep_alive(self) -> None:
        """Nothing was said for a while, and the vendor is to wait."""

    def read(self, message: dict[str, Any]) -> Iterable[SpeechChunk]:
        """What a message means. Raises ProviderError."""

    def quiet(self) -> Iterable[SpeechChunk]:
        """Nothing came for as long as may be: what ended without the vendor saying so, if that is what happened."""


class Listener(Protocol):
    """Whoever wants what a context speaks."""

    def spoken(self, chunks: Iterable[SpeechChunk]) -> None:
        """A piece of what was asked for."""

    def fail(self, error: ProviderError) -> None:
        """There will be no more."""


class Line:
    """One socket, the task that reads it, and the contexts on it."""

    def __init__(self, socket: Socket, address: Callable[[dict[str, Any]], str | None], *, idle: float) -> None:
        self.socket = socket
        self.listeners: dict[str, Listener] = {}  # those that are being spoken, by context
        self.contexts: dict[str, Context] = {}  # those, and the ones that were cancelled and are not over yet
        self.retired = False  # takes no more contexts
        self._address = address
        self._idle = idle
        self._ending = False  # it is closing already
        self._loop = asyncio.get_running_loop()
        self.made = self._looked = self._loop.time()
        self.task = self._loop.create_task(self._run(), name="tts line")

    @property
    def open(self) -> bool:
        """Takes another context."""
        return self.socket.alive and not self.task.done() and not self.retired

    def send(self, message: dict[str, Any]) -> None:
        self.socket.send(msgspec.json.encode(message).decode())

    def add(self, context: Context, listener: Listener) -> None:
        self.contexts[context.id] = context
        self.listeners[context.id] = listener

    def leave(self, context: Context) -> None:
        """Nobody listens to the context any more. Once it is over its place on the line is free."""
        self.listeners.pop(context.id, None)
        if context.over:
            self.contexts.pop(context.id, None)
        if self.retired:
            self.retire()

    def retire(self) -> None:
        """No more contexts; it closes after the last stream."""
        self.retired = True
        if not self.listeners and not self._ending:
            self.task.cancel()

    async def _run(self) -> None:
        error: ProviderError | None = None
        try:
            while self._look():
                try:
                    async with asyncio.timeout(TICK):
                        message = await self.socket.receive()
                except TimeoutError:
                    continue
                self._dispatch(_decode(message))
        except ProviderError as failure:
            error = failure
        finally:
            self.retired = self._ending = True
            for listener in list(self.listeners.values()):
                listener.fail(error or Disconnected("the provider was closed"))
            await self.socket.aclose()

    def _look(self) -> bool:
        """Keeps contexts alive that wait for text. False: nobody has used the line for a long time."""
        now = self._loop.time()
        if now - self._looked < TICK:
            return True
        self._looked = now
        for context_id in self.listeners:
            self.contexts[context_id].keep_alive()
        return bool(self.listeners) or now - self.socket.last_sent < self._idle

    def _dispatch(self, message: dict[str, Any]) -> None:
        address = self._address(message)
        concerned = list(self.contexts) if address is None else [address]
        for context_id in concerned:
            if context := self.contexts.get(context_id):
                self._read(context, message)

    def _read(self, context: Context, message: dict[str, Any]) -> None:
        listener = self.listeners.get(context.id)
        try:
            chunks = list(context.read(message))
        except ProviderError as error:
            return self._failed(context, error)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            return self._failed(context, Disconnected(f"the server sent what makes no sense: {error!r}"))
        if listener:
            listener.spoken(chunks)
        if context.over:
            self.leave(context)

    def _failed(self, context: Context, error: ProviderError) -> None:
        del self.contexts[context.id]
        if listener := self.listeners.get(context.id):
            listener.fail(error)


class Lines:
    """The sockets of a provider. A line is kept until it has been idle for `idle` seconds, and used again by whoever
    needs one with the same `key`: what the vendor settles when a socket is opened."""

    def __init__(
        self,
        connect: Callable[[Any], Socket],
        *,
        provider: str,
        address: Callable[[dict[str, Any]], str | None],
        most: int,
        idle: float,
        oldest: float = math.inf,
    ) -> None:
        self._connect = connect
        self._address = address
        self._most = most  # contexts on one line
        self._idle = idle
        self._oldest = oldest  # seconds after which a line takes no more contexts
        self._provider = provider
        self._lines: dict[Hashable, list[Line]] = {}
        self._last_key: Hashable = None  # of the stream that was opened last
        self._closed = False

    async def warm(self, key: Hashable) -> None:
        """Returns once a line with room is connected, of the kind that was asked for last, or else by `key`. Raises
        ProviderError."""
        try:
            await self._lease(self._last_key or key).socket.opened()
        except ProviderError as error:
            error.stage, error.provider = "tts", self._provider
            raise

    async def rewarm(self, key: Hashable) -> None:
        """As `warm`, where nobody waits for it. Never raises."""
        try:
            await self.warm(key)
        except ProviderError as error:
            log.info("no connection was opened ahead: %s", error)

    def lease(self, key: Hashable) -> Line:
        """A line with room for a context: the emptiest, or a new one, still connecting. Raises ProviderError."""
        self._last_key = key
        return self._lease(key)

    async def aclose(self) -> None:
        self._closed = True
        tasks = [line.task for lines in self._lines.values() for line in lines]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_TIMEOUT)

    def _lease(self, key: Hashable) -> Line:
        if self._closed:
            raise Disconnected("the provider was closed")
        lines = self._lines[key] = [line for line in self._lines.get(key, ()) if not line.task.done()]
        now = asyncio.get_running_loop().time()
        for line in lines:
            blocked = len(line.contexts) >= self._most and not line.listeners  # by nothing but what was cancelled
            if blocked or now - line.made > self._oldest:
                line.retire()
        free = [line for line in lines if line.open and len(line.contexts) < self._most]
        if not free:
            free = [Line(self._connect(key), self._address, idle=self._idle)]
            lines += free
        return min(free, key=lambda line: len(line.contexts))


def _decode(message: str | bytes) -> dict[str, Any]:
    try:
        decoded = msgspec.json.decode(message)
    except msgspec.DecodeError:
        decoded = None
    if not isinstance(decoded, dict):
        raise Disconnected(f"the server sent what is no message: {message[:80]!r}")
    return decoded
