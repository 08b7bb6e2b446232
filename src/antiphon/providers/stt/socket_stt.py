"""What all STTs behind a WebSocket have in common.

A vendor is two subclasses: one that knows the address and the key, and one that knows the messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec

from antiphon.errors import AuthError, Disconnected, ProviderError
from antiphon.providers.base import SttCapabilities
from antiphon.providers.keys import find_key
from antiphon.providers.sockets import CONNECT_TIMEOUT, Socket
from antiphon.providers.stt.vendor_stream import FINAL_TIMEOUT, VendorStream

MessageT = TypeVar("MessageT", bound=msgspec.Struct)
StreamT = TypeVar("StreamT", bound="SocketSttStream[Any]")


class SocketStt(Generic[StreamT]):
    """`key_names` are the variables of the environment that hold the key. They are looked at only for the vendor's own
    servers, those in other regions included: another is not sent a key that is not its own. `billed_as` is the name in
    the table of prices."""

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
        own = _domain(self.base_url) == _domain(official_url)
        host = urlsplit(self.base_url).hostname
        self.billed_as = name if own else f"{host}/{name.partition('/')[2]}"
        self._key = find_key(api_key, *key_names) if own else api_key
        self._keyless = f"there is no key; set {key_names[0]} or api_key" if own else ""
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


def _domain(url: str) -> str:
    return ".".join((urlsplit(url).hostname or "").split(".")[-2:])


class SocketSttStream(VendorStream, Generic[MessageT]):
    """One connection. `message` is the form of the vendor's messages, with a default for every field."""

    message: type[MessageT]
    greets = True  # the vendor says something when it is ready for audio
    farewell: str | None = None  # said before the connection is closed
    idle: float | None = (
        None  # seconds without a word from here after which the vendor would leave; `stay` comes before
    )

    def __init__(self, stt: SocketStt[Any], socket: Socket) -> None:
        super().__init__(stt)
        self._connect_timeout = stt.connect_timeout
        self._socket = socket
        self._decoder = msgspec.json.Decoder(self.message)
        self._idle: asyncio.TimerHandle | None = None
        self._reading: asyncio.Task[None] | None = None

    # --- what a vendor's stream says ------------------------------------------------------------------------------

    def greeted(self, message: MessageT) -> bool:
        """Whether the vendor is ready for audio now. Raises what it refuses the session with."""
        return True

    def take(self, message: MessageT) -> None:
        """A message has come. Raises what it reports."""
        raise NotImplementedError

    def transmit(self, pcm: bytes) -> None:
        self._socket.send(pcm)

    def stay(self) -> None:
        """Nothing was sent for a while."""

    def say(self, message: Mapping[str, Any]) -> None:
        self._socket.send(msgspec.json.encode(message).decode())

    # --- the connection -------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Waits until the vendor is ready for audio."""
        await self._socket.opened()
        self._socket.expect(self._began + self._connect_timeout - self._loop.time())
        while self.greets and not self.greeted(self._decode(await self._socket.receive())):
            pass
        self._socket.expect(None)
        self._reading = self._loop.create_task(self._read(), name="stt")
        self._stay()

    def over(self) -> None:
        if self._idle:
            self._idle.cancel()

    async def aclose(self) -> None:
        await super().aclose()
        if self._reading:
            self._reading.cancel()
        await self._socket.aclose(self.farewell)

    async def _read(self) -> None:
        try:
            while not self._closed:
                message = self._decode(await self._socket.receive())
                self.lives()
                self.take(message)
        except ProviderError as error:
            self.fail(error)

    def _decode(self, message: str | bytes) -> MessageT:
        try:
            return self._decoder.decode(message)
        except msgspec.MsgspecError as error:
            raise Disconnected(f"the server sent what is no message: {message[:80]!r}") from error

    def _stay(self) -> None:
        if self.idle is None:
            return
        due = self._socket.last_sent + self.idle
        if due <= self._loop.time():
            self.stay()
            due = self._loop.time() + self.idle
        self._idle = self._loop.call_at(due, self._stay)
