"""What all STTs behind a WebSocket have in common: opening, sending in frames, finals in time, failing, closing.

A vendor is two subclasses: one that knows the address and the key, and one that knows the messages. A final that does
not come within its bound is given from what is known, if the vendor has lately shown a sign of life, and is a
ProviderTimeout if it has not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from antiphon.errors import AuthError, Disconnected, ProviderError, ProviderTimeout
from antiphon.providers.base import SttCapabilities, Transcript
from antiphon.providers.keys import find_key
from antiphon.providers.sockets import CONNECT_TIMEOUT, Socket
from antiphon.providers.stt.draft import Draft

FINAL_TIMEOUT = 1.5  # seconds from `finalize` to the final

MessageT = TypeVar("MessageT", bound=msgspec.Struct)
StreamT = TypeVar("StreamT", bound="SocketSttStream[Any]")


class SocketStt(Generic[StreamT]):
    """`key_names` are the variables of the environment that hold the key. They are looked at only when no `base_url`
    was given: another server is not sent a key that is not its own."""

    weights: tuple[str, ...] = ()

    def __init__(
        self,
        name: str,
        capabilities: SttCapabilities,
        *,
        official_url: str,
        base_url: str | None,
        api_key: str | None,
        key_names: tuple[str, ...],
        connect_timeout: float = CONNECT_TIMEOUT,
        final_timeout: float = FINAL_TIMEOUT,
    ) -> None:
        self.name = name
        self.capabilities = capabilities
        self.final_timeout = final_timeout
        self.connect_timeout = connect_timeout
        self.base_url = (base_url or official_url).rstrip("/")
        self._key = api_key if base_url else find_key(api_key, *key_names)
        self._keyless = "" if base_url else f"there is no key; set {key_names[0]} or api_key"
        self._streams: set[StreamT] = set()
        self._warming = asyncio.Lock()
        self._proven = False
        self._closed = False

    def make(self, keyterms: tuple[str, ...], language: str | None) -> StreamT:
        """A stream that begins to connect."""
        raise NotImplementedError

    def headers(self, key: str) -> dict[str, str]:
        """How the vendor is shown the key."""
        raise NotImplementedError

    def why(self, code: int, reason: str) -> ProviderError | None:
        """The error for a close code that has a meaning of the vendor's own."""
        return None

    async def warm(self) -> None:
        """Proves the key, by opening a stream and closing it. Once proven, nothing is opened again."""
        async with self._warming:
            if not self._proven:
                await (await self.open()).aclose()
                self._proven = True

    async def open(self, *, keyterms: tuple[str, ...] = (), language: str | None = None) -> StreamT:
        """Returns when the vendor is ready for audio. Raises ProviderError."""
        began = asyncio.get_running_loop().time()
        if self._closed:
            raise self.blame(Disconnected("the provider was closed"), began)
        stream = self.make(keyterms, language)
        try:
            await stream.begin()
        except ProviderError as error:
            await stream.aclose()
            raise self.blame(error, began) from error.__cause__
        except asyncio.CancelledError:
            await stream.aclose()
            raise
        self._streams.add(stream)
        return stream

    async def aclose(self) -> None:
        """Ends every stream."""
        self._closed = True
        for stream in list(self._streams):
            stream.fail(Disconnected("the provider was closed"))
            await stream.aclose()

    def connect(self, url: str) -> Socket:
        if not self._key and self._keyless:
            raise self.blame(AuthError(self._keyless))
        headers = self.headers(self._key) if self._key else {}
        return Socket(url, headers=headers, connect_timeout=self.connect_timeout, closing=self.why)

    def dropped(self, stream: StreamT) -> None:
        self._streams.discard(stream)

    def blame(self, error: ProviderError, began: float | None = None) -> ProviderError:
        error.stage, error.provider = "stt", self.name
        if began is not None:
            error.elapsed = asyncio.get_running_loop().time() - began
        return error


class SocketSttStream(Generic[MessageT]):
    """One call's stream. `message` is the form of the vendor's messages, with a default for every field."""

    message: type[MessageT]
    frame = 0.05  # seconds; audio is sent in whole frames of it, and filled up with silence when a final is asked for
    longest = 0.5  # seconds; more of it at once is cut up
    greets = True  # the vendor says something when it is ready for audio
    farewell: str | None = None  # said before the connection is closed
    idle: float | None = (
        None  # seconds without a word from here after which the vendor would leave; `stay` comes before
    )

    def __init__(self, stt: SocketStt[Any], socket: Socket) -> None:
        self.draft = Draft()
        self.sent = 0  # samples given to the vendor
        self._stt = stt
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._rate = stt.capabilities.sample_rate
        self._decoder = msgspec.json.Decoder(self.message)
        self._pending = bytearray()
        self._began = self._asked_at = self._loop.time()
        self._sign = 0.0  # when the vendor last said anything
        self._overdue: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._transcripts: asyncio.Queue[Transcript | ProviderError | None] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None
        self._closed = False

    # --- what a vendor's stream says ------------------------------------------------------------------------------

    def greeted(self, message: MessageT) -> bool:
        """Whether the vendor is ready for audio now. Raises what it refuses the session with."""
        return True

    def take(self, message: MessageT) -> None:
        """A message has come. Raises what it reports."""
        raise NotImplementedError

    def ask(self) -> None:
        """Asks the vendor for its final; calls `answer` if there is nothing to ask."""
        raise NotImplementedError

    def part(self) -> None:
        """The utterance is over: what is sent from now on must not be mixed with what is under way."""

    def transmit(self, pcm: bytes) -> None:
        self._socket.send(pcm)

    def stay(self) -> None:
        """Nothing was sent for a while."""

    # --- the contract ---------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Waits until the vendor is ready for audio."""
        await self._socket.opened()
        self._socket.expect(self._began + self._stt.connect_timeout - self._loop.time())
        while self.greets and not self.greeted(self._decode(await self._socket.receive())):
            pass
        self._socket.expect(None)
        self._reading = self._loop.create_task(self._read(), name="stt")
        self._stay()

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
        self._overdue = self._loop.call_later(self._stt.final_timeout, self._give_up)
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

    async def aclose(self) -> None:
        """Stops at once; a final that was asked for does not come any more."""
        if not self._closed:
            self._end()
        if self._reading:
            self._reading.cancel()
        await self._socket.aclose(self.farewell)

    # --- for the vendor's stream ----------------------------------------------------------------------------------

    def say(self, message: Mapping[str, Any]) -> None:
        self._socket.send(msgspec.json.encode(message).decode())

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
            self._transcripts.put_nowait(self._stt.blame(error, began))
            self._end()

    @property
    def sent_seconds(self) -> float:
        return self.sent / self._rate

    # --- inside ---------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            while not self._closed:
                message = self._decode(await self._socket.receive())
                self._sign = self._loop.time()
                self.take(message)
        except ProviderError as error:
            self.fail(error)

    def _decode(self, message: str | bytes) -> MessageT:
        try:
            return self._decoder.decode(message)
        except msgspec.MsgspecError as error:
            raise Disconnected(f"the server sent what is no message: {message[:80]!r}") from error

    def _give_up(self) -> None:
        if self._sign > self._asked_at + self._stt.final_timeout / 3:
            self.answer()
        else:
            self.fail(ProviderTimeout(f"no final within {self._stt.final_timeout:g} s, and no sign of life"))

    def _stop_waiting(self) -> None:
        if self._overdue:
            self._overdue.cancel()
            self._overdue = None

    def _stay(self) -> None:
        if self.idle is None:
            return
        due = self._socket.last_sent + self.idle
        if due <= self._loop.time():
            self.stay()
            due = self._loop.time() + self.idle
        self._idle = self._loop.call_at(due, self._stay)

    def _transmit(self, size: int) -> None:
        pcm = bytes(self._pending[:size])
        del self._pending[:size]
        self.sent += size // 2
        self.transmit(pcm)

    def _size(self, seconds: float) -> int:
        return 2 * int(seconds * self._rate)

    def _end(self) -> None:
        self._closed = True
        self._stop_waiting()
        if self._idle:
            self._idle.cancel()
        self._transcripts.put_nowait(None)
        self._stt.dropped(self)
