"""Sockets that misbehave below the protocol: what they get, and what others get meanwhile."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect

from antiphon.lab.load import message, upgrade
from antiphon.server.limits import Limits
from tests.server_api.serving import KEY, Served, serving


def using(body: Any, **limits: Any) -> Any:
    async def main() -> Any:
        async with asyncio.timeout(30), serving(limits=Limits(**limits)) as served:
            return await body(served)

    return asyncio.run(main())


class Socket:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def closed(self) -> bytes:
        """All that came until the server closed it."""
        received = b""
        try:
            while data := await self.reader.read(1 << 16):
                received += data
        except ConnectionResetError:
            pass
        return received


async def connected(served: Served, data: bytes = b"") -> Socket:
    host, _, port = served.ws.removeprefix("ws://").removesuffix("/v1/ws").rpartition(":")
    socket = Socket(*await asyncio.open_connection(host, int(port)))
    socket.writer.write(data)
    return socket


async def upgraded(served: Served) -> Socket:
    socket = await connected(served, upgrade().replace(b"\r\n\r\n", f"\r\nAuthorization: {KEY}\r\n\r\n".encode()))
    assert b" 101 " in await socket.reader.readuntil(b"\r\n\r\n")
    return socket


def frame(opcode: int, payload: bytes = b"", *, last: bool = True) -> bytes:
    return bytes((0x80 * last | opcode, 0x80 | len(payload))) + b"\0\0\0\0" + payload


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HT",
        upgrade(),
    ],
)
def test_a_connection_that_asks_for_nothing_is_closed(sent):
    async def body(served):
        socket = await connected(served, sent)
        await socket.closed()
        assert len(served.service.lobby) == 0

    using(body, handshake=0.2)


def test_dripping_does_not_buy_time():
    async def body(served):
        socket = await connected(served)
        closed = asyncio.create_task(socket.closed())
        for letter in upgrade():
            socket.writer.write(bytes([letter]))
            await asyncio.wait([closed], timeout=0.02)
            if closed.done():
                return
        pytest.fail("it was let to its end")

    using(body, handshake=0.3)


def test_a_request_that_takes_long_to_answer_is_not_cut_off():
    async def body(served):
        await asyncio.sleep(0.3)
        assert (await served.rest.get("/voices")).status_code == 200
        await asyncio.sleep(0.3)
        assert (await served.rest.get("/voices")).status_code == 200

    using(body, handshake=0.2)


def test_a_session_is_not_waiting():
    async def body(served):
        async with served.client() as client:
            await client.configure()
            await asyncio.sleep(0.3)
            assert len(served.service.lobby) == 0
            await client.end()
            assert [type(event).__name__ async for event in client][-1] == "SessionEnded"

    using(body, handshake=0.2)


@pytest.mark.parametrize("tiny", [message(b"{}"), frame(0x9), frame(0xA), frame(0x0, last=False)])
def test_others_are_served_while_one_floods(tiny):
    """Ten thousand of the smallest frames in one write: messages, pings, pongs, fragments without an end."""

    async def body(served):
        flooder = await upgraded(served)
        flooder.writer.write(message(b"{}") + frame(0x1, b"{", last=False) * (tiny[0] == 0) + tiny * 10_000)
        await flooder.reader.read(1)
        async with connect(served.ws, additional_headers={"Authorization": KEY}, proxy=None) as other:
            for _ in range(20):
                await other.send("{}")
                assert json.loads(await other.recv())["code"] == "invalid_format"
        flooder.writer.close()

    using(body)


def test_what_a_flooder_wrote_is_read_no_faster_than_the_limit():
    async def body(served):
        flooder = await upgraded(served)
        flooder.writer.write(message(b"{}") * 5_000)
        received = 0
        deadline = asyncio.get_running_loop().time() + 0.5
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            try:
                received += (await asyncio.wait_for(flooder.reader.read(1 << 16), left)).count(b"invalid_format")
            except TimeoutError:
                break
        assert 10 <= received < 1_000
        flooder.writer.close()

    using(body, messages_per_second=100, messages_at_once=10)


def test_big_messages_are_read_no_faster_than_the_limit():
    async def body(served):
        async with connect(served.ws, additional_headers={"Authorization": KEY}, proxy=None) as socket:
            began = asyncio.get_running_loop().time()
            for _ in range(3):
                await socket.send(json.dumps({"type": "x" * 50_000}))
                await socket.recv()
            return asyncio.get_running_loop().time() - began

    assert using(body, bytes_per_second=200_000, bytes_at_once=10_000) > 0.5


def test_a_message_in_many_slices_arrives_whole():
    async def body(served):
        async with connect(served.ws, additional_headers={"Authorization": KEY}, proxy=None) as socket:
            for size in (1, 2_047, 2_048, 2_049, 100_000):
                await socket.send(json.dumps({"type": "x" * size}))
                assert json.loads(await socket.recv())["message"].count("x") >= size

    using(body)


def test_a_client_that_is_closed_while_it_floods_is_gone_at_once():
    async def body(served):
        flooder = await upgraded(served)
        flooder.writer.write(message(b'{"type":"session.resume","session_id":"no"}') + message(b"{}") * 10_000)
        assert b"session_not_found" in await flooder.closed()

    using(body)
