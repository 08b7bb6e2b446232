"""A client of the Voice Agent API: of Antiphon's server, of the vendor's, of any that speaks it.

async with Client("ws://localhost:8080/v1/ws") as client:
    await client.configure(system_prompt="Be brief.", greeting="Hello!")
    await client.send_audio(pcm)
    async for event in client:
        ...
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, Unpack
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
from msgspec import UNSET
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConcurrencyError, ConnectionClosed, InvalidStatus, WebSocketException

from antiphon.client.errors import CannotConnect, ClientError, ConnectionLost, NoAnswer, Refused
from antiphon.client.events import Event, SessionEnded, SessionError, SessionReady, Unknown, decode
from antiphon.client.session import SessionFields, session_object
from antiphon.errors import SessionClosed
from antiphon.protocols.voice_agent import messages

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
MAX_MESSAGE = 4 * 1024 * 1024  # bytes; an echo with many tools can be long
_ENCODER = msgspec.json.Encoder()


class Client:
    """One connection and its session. Iterate it for the server's events; one reader at a time.

    `api_key` goes out as a bearer token, `token` (a temporary one) in the query; `headers` are added to the upgrade.
    `extensions` asks Antiphon's server for more ("metrics", "playout", "seq"); other servers need and are asked none.
    `timeout` bounds each wait for the server's part, in seconds: connect, session.ready, room to send, the closing.
    A server that is alive and silent is waited for; a dead connection is found by pings within 40 s.

    Everything that talks to the server raises ClientError (see errors.py), or SessionClosed when it is over.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        extensions: Sequence[str] = (),
        timeout: float = 10.0,
    ) -> None:
        self._extensions = frozenset(extensions)
        self.url = _websocket_url(url, token=token, extensions=extensions)
        self._headers = dict(headers or {})
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._timeout = timeout

        # Open between __aenter__ and __aexit__.
        self._socket: ClientConnection | None = None

        # Of the session in progress: set by its session.ready, the id of which a resume needs.
        self.ready: SessionReady | None = None

        # Extension "seq": the number of the newest event that was received.
        self.last_seq: int | None = None

        # Events that configure() saw on its way to session.ready, which the iteration is still owed.
        self._unread: deque[Event] = deque()

        # How it ended, told apart when the socket closes: by session.ended, after an error, or by neither.
        self._ended = False
        self._last_error: SessionError | None = None

    async def __aenter__(self) -> Self:
        where = urlsplit(self.url)
        place = f"{where.scheme}://{where.netloc.rpartition('@')[2]}{where.path}"
        try:
            self._socket = await connect(
                self.url,
                additional_headers=self._headers,
                compression=None,  # base64 audio gains nothing, and each direction would cost memory and time
                open_timeout=self._timeout,
                close_timeout=self._timeout,
                max_size=MAX_MESSAGE,
                proxy=None if where.hostname in LOOPBACK else True,
            )
        except InvalidStatus as answer:
            raise _refused_by_http(answer, place) from answer
        except (OSError, TimeoutError, WebSocketException) as failure:
            why = str(failure) or type(failure).__name__
            raise CannotConnect(f"no Voice Agent API server answers at {place}: {why}") from failure
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # The session

    async def configure(self, **fields: Unpack[SessionFields]) -> SessionReady:
        """Open the session, and wait for it. Every event up to session.ready is still there for the iteration.

        Raises Refused when the server does not accept it, NoAnswer after `timeout`.
        """
        await self._send(messages.SessionUpdate(session=session_object(fields)))
        return await self._until_ready()

    async def resume(self, session_id: str, last_seq: int | None = None) -> SessionReady:
        """Take up a session that another connection lost, instead of `configure()`. Raises as that does.

        `last_seq` is that connection's, and needs the extension "seq": if `replayed` is true of the answer, what was
        missed follows. A tool.call may come again then, under its own call_id.
        """
        self.last_seq = last_seq
        await self._send(messages.SessionResume(session_id=session_id, last_seq=last_seq))
        return await self._until_ready()

    async def update(self, **fields: Unpack[SessionFields]) -> None:
        """Change the open session. The answer is among the events: session.updated, or session.error."""
        await self._send(messages.SessionUpdate(session=session_object(fields)))

    async def send_audio(self, data: bytes) -> None:
        """The caller's sound, in the session's input format: whole samples, any number, at the pace of speech."""
        await self._send(messages.InputAudio(audio=data))

    async def create_reply(self, instructions: str | None = None) -> None:
        """Let the agent speak now; `instructions` hold for this reply alone."""
        await self._send(messages.ReplyCreate(instructions=instructions))

    async def cancel_reply(self, reply_id: str) -> None:
        await self._send(messages.ReplyCancel(reply_id=reply_id))

    async def tool_result(self, call_id: str, result: str, *, is_error: bool = False) -> None:
        """Answer a tool.call. `result` is text for the model, JSON by convention."""
        await self._send(messages.ToolResultMessage(call_id=call_id, result=result, is_error=is_error))

    async def add_message(self, role: str, content: str) -> None:
        """Add to the history without a reply. `role` is "user" or "system"."""
        await self._send({"type": "conversation.message", "role": role, "content": content})

    async def playout_position(self, reply_id: str, samples: int) -> None:
        """How much of a reply has been heard, in samples of the output format. Only said where the extension "playout"
        was asked for."""
        if "playout" in self._extensions:
            await self._send(messages.PlayoutPositionMessage(reply_id=reply_id, samples=samples))

    async def end(self) -> None:
        """End the session cleanly. The iteration goes on to its last event, session.ended."""
        await self._send(messages.SessionEnd())

    async def close(self) -> None:
        """Close the connection. Without `end()` before it, the server keeps the session for a resume."""
        if self._socket is not None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._socket.close())
                tasks.create_task(_discard(self._socket))

    # Events

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Every event, until the session has ended. Raises Refused or ConnectionLost where it ends otherwise."""
        while (event := await self.next_event()) is not None:
            yield event

    async def next_event(self) -> Event | None:
        """The next event, or None when the session has ended. Raises as the iteration does."""
        return self._unread.popleft() if self._unread else await self._receive()

    async def _receive(self) -> Event | None:
        try:
            event = decode(await self._open_socket().recv())
        except ConnectionClosed as closed:
            if self._ended:
                return None
            raise self._broken(closed) from closed
        if not isinstance(event, Unknown) and event.seq is not UNSET:
            self.last_seq = event.seq
        if isinstance(event, SessionError):
            self._last_error = event
        elif isinstance(event, SessionEnded):
            self._ended = True
        elif isinstance(event, SessionReady):
            self.ready = event
        return event

    async def _until_ready(self) -> SessionReady:
        try:
            async with asyncio.timeout(self._timeout):
                while True:
                    event = await self._receive()
                    if event is None:
                        raise ConnectionLost("the server ended the session before it was ready")
                    if isinstance(event, SessionError):
                        raise _refused(event)
                    self._unread.append(event)
                    if isinstance(event, SessionReady):
                        return event
        except TimeoutError as slow:
            raise NoAnswer(f"the server sent no session.ready within {self._timeout:g} s") from slow

    async def _send(self, message: msgspec.Struct | dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._open_socket().send(_ENCODER.encode(message).decode())
        except TimeoutError as slow:
            raise NoAnswer(f"the server has read nothing for {self._timeout:g} s") from slow
        except ConnectionClosed as closed:
            raise await self._why_closed(closed) from closed

    async def _why_closed(self, closed: ConnectionClosed) -> ClientError | SessionClosed:
        """The reason may still be unread: the server's last words come before its close."""
        try:
            while (event := await self._receive()) is not None:
                self._unread.append(event)
        except ClientError as reason:
            return reason
        except ConcurrencyError:  # someone is reading, and will be told in full
            return self._broken(closed)
        return SessionClosed("the session has ended")

    def _broken(self, closed: ConnectionClosed) -> ClientError:
        refused = closed.rcvd is not None and closed.rcvd.code in (1008, 1011)
        if refused and self._last_error is not None:
            return _refused(self._last_error)
        if closed.rcvd is None:
            return ConnectionLost("the connection broke")
        return ConnectionLost(f"the server closed the connection: {closed.rcvd.code} {closed.rcvd.reason}".rstrip())

    def _open_socket(self) -> ClientConnection:
        if self._socket is None:
            raise SessionClosed("the client is not connected: use it as `async with Client(…) as client`")
        return self._socket


async def _discard(socket: ClientConnection) -> None:
    """The server's close is behind all that nobody has read, and is not seen before it."""
    try:
        while True:
            await socket.recv()
    except (ConnectionClosed, ConcurrencyError):
        pass  # it came; or somebody does read


def _websocket_url(url: str, *, token: str | None, extensions: Sequence[str]) -> str:
    """`url` with what goes in its query. http means ws, and a bare host the usual path."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if token is not None:
        query.append(("token", token))
    if extensions:
        query.append(("extensions", ",".join(extensions)))
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = parts.path if parts.path not in ("", "/") else "/v1/ws"
    return urlunsplit((scheme, parts.netloc, path, urlencode(query, safe=","), ""))


def _refused(error: SessionError) -> Refused:
    return Refused(error.message, code=error.code, param=error.param or None)


def _refused_by_http(answer: InvalidStatus, place: str) -> Refused:
    status = answer.response.status_code
    body = (answer.response.body or b"").decode(errors="replace").strip()
    return Refused(f"{place} answered {status} {body[:300]}".rstrip(), code=f"http_{status}")
