"""A strict client of the Voice Agent API: every frame it receives must be one the API knows, at a time it may come."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.conformance.order import Order
from tests.conformance.shapes import check_event

PATIENCE = 10.0  # seconds for an event that must come


class StrictClient:
    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._receiving: asyncio.Task[dict[str, Any]] | None = None
        self.order = Order()
        self.events: list[dict[str, Any]] = []
        self.seq: int | None = None  # of the newest event, for clients that count
        self.closed: int | None = None  # the close code, once it is closed

    # --- out

    async def send(self, message: dict[str, Any]) -> None:
        await self.send_raw(json.dumps(message))

    async def send_raw(self, data: str | bytes, *, text: bool | None = None) -> None:
        """Any frame; `text` says which kind, whatever the data are. What the server does not read any more is lost, as
        it would be to anybody."""
        self.order.said_something = True
        try:
            await self._socket.send(data, text=text)
        except ConnectionClosed:
            pass

    async def send_audio(self, data: bytes, *, size: int = 9_600) -> None:
        for at in range(0, len(data), size):
            audio = base64.b64encode(data[at : at + size]).decode()
            await self.send({"type": "input.audio", "audio": audio})

    # --- in

    async def event(self, *, within: float = PATIENCE) -> dict[str, Any] | None:
        """The next event; None once the socket is closed. Raises TimeoutError."""
        if self._receiving is None:
            self._receiving = asyncio.create_task(self._receive())
        done, _ = await asyncio.wait([self._receiving], timeout=within)
        if not done:
            raise TimeoutError(f"nothing came in {within:g} s after {self.kinds()}")
        receiving, self._receiving = self._receiving, None
        try:
            event = receiving.result()
        except ConnectionClosed as closed:
            self.closed = closed.rcvd.code if closed.rcvd else 1006
            return None
        check_event(event)
        self._count(event)
        self.order.see(event)
        self.events.append(event)
        return event

    def _count(self, event: dict[str, Any]) -> None:
        """Each event has the number after that of the one before it, on the next connection too. What opens that one
        stands outside the numbering: it has the number of the event after which the rest goes on."""
        if "seq" not in event:
            return
        if self.order.resumed and not self.order.ready:
            replayed = event.get("replayed")
            assert event["seq"] == self.seq or not replayed, f"goes on after {event['seq']}, not {self.seq}"
            self.seq = event["seq"] if replayed is not None else self.seq
        else:
            assert event["seq"] == (self.seq or 0) + 1, f"{event['seq']} after {self.seq}"
            self.seq = event["seq"]

    def succeed(self, lost: StrictClient) -> None:
        """Goes on where another connection of the same client was lost, or is about to be."""
        self.events, self.seq = list(lost.events), lost.seq
        self.order = lost.order.redialled()

    async def _receive(self) -> dict[str, Any]:
        data = await self._socket.recv()
        assert isinstance(data, str), "a binary frame"
        event: dict[str, Any] = json.loads(data)
        return event

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events if event["type"] != "reply.audio"]

    async def finish(self) -> None:
        """Ends the session, unless it is over: it must end in good order, and the socket close with 1000."""
        if self.closed is not None:
            return
        await self.send({"type": "session.end"})
        while await self.event() is not None:
            pass
        assert self.order.ended, "the socket was closed without session.ended"
        assert self.closed == 1000, self.closed

    def abandon(self) -> None:
        """The connection is cut, without a word."""
        self._socket.transport.abort()


@asynccontextmanager
async def dialled(url: str, **headers: str) -> AsyncIterator[StrictClient]:
    async with connect(url, additional_headers=headers, compression=None, proxy=None, max_size=None) as socket:
        client = StrictClient(socket)
        try:
            yield client
        finally:
            if client._receiving:
                client._receiving.cancel()
