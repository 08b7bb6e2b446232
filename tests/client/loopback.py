"""A server on a real socket whose part is written by the test: an async function given one `Line`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from antiphon.conversation.notices import (
    AgentTranscript,
    Notice,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyStatus,
    SessionEnded,
    SpeechStopped,
    UserTranscript,
)
from antiphon.errors import ProtocolError
from antiphon.protocols.voice_agent import Audio, Command, Configure, End, VoiceAgentProtocol, close_code


class Line:
    """One connection, from the server's side. A server that is not ours knows no extensions."""

    def __init__(self, socket: ServerConnection, *, ours: bool = True) -> None:
        assert socket.request is not None
        self.socket = socket
        self.headers = socket.request.headers
        self.query = parse_qs(urlsplit(socket.request.path).query)
        extensions = ",".join(self.query.get("extensions", [])).split(",")
        self.protocol = VoiceAgentProtocol(extensions=frozenset(extensions if ours else ()))
        self.commands: list[Command] = []  # all that were received

    async def receive(self) -> Command:
        """The next command; what breaks the protocol is answered on the way."""
        while True:
            try:
                command = self.protocol.receive(await self.socket.recv())
            except ProtocolError as error:
                await self.refuse(error)
                continue
            if command is not None:
                self.commands.append(command)
                return command

    async def hear(self, *, frames: int) -> None:
        """Read until that many messages of audio have come."""
        while frames:
            frames -= isinstance(await self.receive(), Audio)

    async def answer(self, text: str, *, to: str = "", audio: bytes, ends: bool = True) -> None:
        """A whole reply in one go, named after its text; with `to`, what the caller was heard to say before it."""
        if to:
            await self.tell(SpeechStopped(), UserTranscript("i", to))
        await self.tell(ReplyStarted(text, "i"), ReplyAudio(text, audio))
        if ends:
            await self.tell(AgentTranscript(text, "i", text, False), ReplyDone(text, ReplyStatus.COMPLETED))

    async def refuse(self, error: ProtocolError) -> None:
        await self.socket.send(self.protocol.error(error))
        if (code := close_code(error)) is not None:
            await self.socket.close(code)

    async def open(self) -> Configure:
        command = await self.receive()
        assert isinstance(command, Configure)
        await self.socket.send(self.protocol.session_updated())
        await self.socket.send(self.protocol.session_ready(expires_at=99, resume_token="t"))
        return command

    async def tell(self, *notices: Notice) -> None:
        for notice in notices:
            text = self.protocol.send(notice)
            if text is not None:
                await self.socket.send(text)

    async def until_end(self) -> None:
        """Read until the client ends the session, and end it."""
        while not isinstance(await self.receive(), End):
            pass
        await self.tell(SessionEnded("client_end", 1.0))


@asynccontextmanager
async def server(script: Callable[[Line], Awaitable[object]], *, ours: bool = True) -> AsyncIterator[str]:
    """The URL of a server that plays `script` to every connection, and closes it when the script returns."""

    async def play(socket: ServerConnection) -> None:
        try:
            await script(Line(socket, ours=ours))
        except ConnectionClosed:
            pass

    async with serve(play, "127.0.0.1", 0, compression=None) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/v1/ws"
