"""A socket to a vendor: opening, waiting, failing, closing; with a real server on the loopback interface."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from antiphon.errors import (
    AuthError,
    BadRequest,
    Disconnected,
    Overloaded,
    ProviderError,
    ProviderTimeout,
    QuotaError,
    RateLimited,
)
from antiphon.providers.sockets import Socket, from_close
from tests.emulators.faults import RETRY_AFTER, Fault
from tests.emulators.websocket import Visit, WebSocketEmulator

FAREWELL = '{"type": "Bye"}'


class Echo(WebSocketEmulator):
    """Says what it was told, and closes with the code it is told to."""

    farewells = ("Bye",)

    async def converse(self, visit: Visit) -> None:
        while (message := await visit.receive()) is not None:
            if isinstance(message, dict) and "close" in message:
                await visit.connection.close(message["close"], "told to")
            await visit.send(message)

    async def fail(self, visit: Visit) -> None:
        await visit.send({"type": "Error"})


def run(test: Callable[[Socket, Echo], Awaitable[None]], fault: Fault | None = None) -> None:
    async def main() -> None:
        async with Echo(fault) as server:
            socket = Socket(server.url, headers={"Authorization": "secret"}, connect_timeout=0.3)
            try:
                await test(socket, server)
            finally:
                await socket.aclose()

    asyncio.run(main())


def failed(fault: Fault) -> ProviderError:
    async def test(socket: Socket, server: Echo) -> None:
        for _ in range(3):
            socket.send("{}")
            socket.expect(0.3)
            await socket.receive()

    with pytest.raises(ProviderError) as caught:
        run(test, fault)
    return caught.value


def test_what_is_sent_before_it_is_open_arrives_in_order() -> None:
    async def test(socket: Socket, server: Echo) -> None:
        for message in (b"one", '{"two": 2}', b"three"):
            socket.send(message)
        assert [await socket.receive() for _ in range(3)] == [b"one", '{"two": 2}', b"three"]
        assert server.connections == 1
        assert server.visits[0].headers["authorization"] == "secret"
        assert "sec-websocket-extensions" not in server.visits[0].headers

    run(test)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.REFUSE, Disconnected),
        (Fault.HANG, ProviderTimeout),
        (Fault.STALL, ProviderTimeout),
        (Fault.RESET, Disconnected),
        (Fault.AUTH, AuthError),
        (Fault.QUOTA, QuotaError),
        (Fault.SERVER_ERROR, Overloaded),
        (Fault.OVERLOADED, Overloaded),
    ],
)
def test_each_failure_has_its_error(fault: Fault, error: type[ProviderError]) -> None:
    assert type(failed(fault)) is error


def test_a_refusal_for_haste_says_how_long_to_wait() -> None:
    error = failed(Fault.RATE_LIMITED)
    assert isinstance(error, RateLimited) and error.retry_after == RETRY_AFTER


def test_silence_is_a_timeout_only_while_something_is_expected() -> None:
    async def test(socket: Socket, server: Echo) -> None:
        socket.expect(0.05)
        with pytest.raises(ProviderTimeout):
            await socket.receive()
        socket.expect(None)
        waiting = asyncio.ensure_future(socket.receive())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        socket.expect(0.05)  # also for who waits already
        with pytest.raises(ProviderTimeout):
            await waiting

    run(test)


def test_a_close_by_the_server_has_the_error_of_its_code() -> None:
    async def test(socket: Socket, server: Echo) -> None:
        socket.send('{"close": 1013}')
        with pytest.raises(Overloaded, match="told to"):
            await socket.receive()
        assert not socket.alive or await _dies(socket)

    run(test)


async def _dies(socket: Socket) -> bool:
    socket.send("anyone?")
    await asyncio.sleep(0.05)
    return not socket.alive


def test_a_vendor_may_mean_something_of_its_own_by_a_code() -> None:
    async def main() -> None:
        async with Echo() as server:
            socket = Socket(server.url, closing=lambda code, reason: QuotaError(reason) if code == 4321 else None)
            socket.send('{"close": 4321}')
            with pytest.raises(QuotaError, match="told to"):
                await socket.receive()
            await socket.aclose()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (1000, Disconnected),
        (1006, Disconnected),
        (1008, BadRequest),
        (1013, Overloaded),
        (3000, AuthError),
        (3008, ProviderTimeout),
    ],
)
def test_close_codes(code: int, error: type[ProviderError]) -> None:
    assert type(from_close(code, "")) is error


def test_closing_reaches_the_server_at_once_even_with_much_unsent() -> None:
    async def test(socket: Socket, server: Echo) -> None:
        await socket.opened()
        for _ in range(100):
            socket.send(bytes(10_000))
        began = asyncio.get_running_loop().time()
        await socket.aclose(FAREWELL)
        await socket.aclose(FAREWELL)
        assert await server.left() - began < 0.05
        assert server.visits[0].received == [{"type": "Bye"}]

    run(test)


def test_one_closed_before_it_was_open_connects_no_more() -> None:
    async def test(socket: Socket, server: Echo) -> None:
        await socket.aclose()
        with pytest.raises(Disconnected):
            await socket.receive()
        assert not socket.alive

    run(test)


def test_a_server_that_takes_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.providers.sockets._MOST_WAITING", 1000)

    async def test(socket: Socket, server: Echo) -> None:
        socket.send(bytes(2000))
        with pytest.raises(ProviderTimeout, match="not taken"):
            await socket.receive()

    run(test)


def test_a_server_that_nobody_vouches_for_is_not_spoken_to(tmp_path: Path) -> None:
    async def main() -> None:
        secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secure.load_cert_chain(self_signed(tmp_path))
        heard: list[bytes] = []

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.read())
            writer.close()

        server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=secure)
        host, port = server.sockets[0].getsockname()
        socket = Socket(f"wss://{host}:{port}", headers={"Authorization": "secret"})
        with pytest.raises(Disconnected, match="certificate"):
            await socket.opened()
        await socket.aclose()
        server.close()
        assert heard == []

    asyncio.run(main())


def self_signed(folder: Path) -> Path:
    """A key and its certificate in one file."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, private, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = folder / "server.pem"
    file.write_bytes(key.private_bytes(pem, private, plain) + certificate.public_bytes(pem))
    return file


def test_the_key_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def test(socket: Socket, server: Echo) -> None:
        await socket.opened()
        assert "secret" not in repr(socket)

    run(test)
    assert "secret" not in "".join(line for line in caplog.messages if not line.startswith("<"))  # the server's own
