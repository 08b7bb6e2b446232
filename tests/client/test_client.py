"""The client against a server on a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

import pytest
from websockets.asyncio.server import serve

from antiphon.client import (
    CannotConnect,
    Client,
    ConnectionLost,
    NoAnswer,
    Refused,
    events,
)
from antiphon.conversation import notices
from antiphon.errors import SessionClosed
from antiphon.protocols.voice_agent import (
    AddMessage,
    Audio,
    CancelReply,
    Configure,
    CreateReply,
    End,
    PlayoutPosition,
    Resume,
    ToolResult,
    refusals,
)
from antiphon.types import ULAW_8K, Role, SessionConfig, ToolSpec, TurnDetection

from .loopback import Line, server

SHORT = 0.05  # seconds: a wait that is meant to run out
LONG = 10.0  # seconds: one that is not


def run(test: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(LONG):
            await test

    asyncio.run(bounded())


def test_a_session_from_beginning_to_end() -> None:
    async def script(line: Line) -> None:
        await line.open()
        await line.tell(notices.ReplyStarted("r", "i"), notices.ReplyAudio("r", b"\0\1"))
        await line.until_end()

    async def talk() -> None:
        async with server(script) as url, Client(url) as client:
            ready = await client.configure()
            assert client.ready is ready
            await client.end()
            kinds = [type(event) async for event in client]
        assert kinds == [
            events.SessionUpdated,
            events.SessionReady,
            events.ReplyStarted,
            events.ReplyAudio,
            events.SessionEnded,
        ]

    run(talk())


def test_a_client_may_leave_what_it_was_told_unread() -> None:
    async def script(line: Line) -> None:
        await line.open()
        while True:
            await line.tell(notices.ReplyAudio("r", bytes(960)))

    async def talk() -> None:
        async with server(script) as url, Client(url, timeout=3 * LONG) as client:
            await client.configure()
            await asyncio.sleep(SHORT)

    run(talk())


def test_everything_said_arrives() -> None:
    heard: list[object] = []

    async def script(line: Line) -> None:
        await line.open()
        await line.until_end()
        heard.extend(line.commands)

    async def talk() -> None:
        async with server(script) as url, Client(url, extensions=["playout"]) as client:
            await client.configure(
                system_prompt="p",
                greeting="g",
                voice="zoe",
                tools=[ToolSpec("a", hold=True), {"name": "b"}],
                input_format=ULAW_8K,
                output_format=ULAW_8K,
                volume=50,
                turn_detection={"min_silence": 300},
                keyterms=["k"],
                language_codes=["de"],
            )
            await client.send_audio(b"\xff")
            await client.create_reply("Say hi")
            await client.cancel_reply("r")
            await client.tool_result("c", "x", is_error=True)
            await client.add_message("user", "hi")
            await client.playout_position("r", 480)
            await client.update(system_prompt="q")
            await client.end()
            async for _ in client:
                pass

    run(talk())
    config = SessionConfig(
        system_prompt="p",
        greeting="g",
        input_format=ULAW_8K,
        output_format=ULAW_8K,
        voice="zoe",
        volume=50.0,
        turn_detection=TurnDetection(min_silence=300),
        keyterms=("k",),
        language_codes=("de",),
        tools=(ToolSpec("a", hold=True), ToolSpec("b")),
    )
    assert heard[0] == Configure(config, first=True)
    assert heard[1:7] == [
        Audio(b"\xff"),
        CreateReply("Say hi"),
        CancelReply("r"),
        ToolResult("c", "x", is_error=True),
        AddMessage(Role.USER, "hi"),
        PlayoutPosition("r", 480),
    ]
    assert isinstance(heard[7], Configure)
    assert heard[7].config.system_prompt == "q"
    assert heard[8] == End()


def test_key_token_and_extensions_go_where_they_belong() -> None:
    seen: dict[str, Any] = {}

    async def script(line: Line) -> None:
        seen.update(line.query, authorization=line.headers["Authorization"], custom=line.headers["X-Custom"])
        await line.open()

    async def talk() -> None:
        async with server(script) as url:
            url = url.replace("ws:", "http:").removesuffix("/v1/ws") + "?region=eu"
            options = {"api_key": "key", "token": "tok&en", "headers": {"X-Custom": "1"}}
            async with Client(url, extensions=["metrics", "playout"], **options) as client:
                await client.configure()

    run(talk())
    assert seen == {
        "region": ["eu"],
        "token": ["tok&en"],
        "extensions": ["metrics,playout"],
        "authorization": "Bearer key",
        "custom": "1",
    }


def test_a_lost_session_is_resumed() -> None:
    async def script(line: Line) -> None:
        command = await line.receive()
        assert command == Resume("sess_lost")
        line.protocol.resume(line.protocol.settings)
        await line.socket.send(line.protocol.session_ready(expires_at=99, resume_token="next"))

    async def talk() -> None:
        async with server(script) as url, Client(url) as client:
            assert (await client.resume("sess_lost")).resume_token == "next"

    run(talk())


def test_no_server_is_said_plainly() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    async def talk() -> None:
        async with Client(f"ws://127.0.0.1:{port}/v1/ws?token=secret"):
            pass

    with pytest.raises(CannotConnect, match=rf"answers at ws://127.0.0.1:{port}/v1/ws: ") as caught:
        run(talk())
    assert "secret" not in str(caught.value)


def test_a_refusal_over_http_has_its_status() -> None:
    async def talk() -> None:
        def refuse(connection: Any, request: Any) -> Any:
            return connection.respond(401, "no such key\n")

        async with serve(lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=refuse) as listening:
            port = next(iter(listening.sockets)).getsockname()[1]
            async with Client(f"ws://127.0.0.1:{port}"):
                pass

    with pytest.raises(Refused, match="401 no such key") as caught:
        run(talk())
    assert caught.value.code == "http_401"


def test_bad_credentials_are_said_in_the_servers_words() -> None:
    async def script(line: Line) -> None:
        await line.refuse(refusals.unauthorized())

    async def talk() -> None:
        async with server(script) as url, Client(url) as client:
            await client.configure()

    with pytest.raises(Refused, match="Authentication failed") as caught:
        run(talk())
    assert caught.value.code == "unauthorized"


def test_a_configuration_the_server_refuses_names_the_field() -> None:
    async def talk() -> None:
        async with server(Line.open) as url, Client(url) as client:
            await client.configure(volume=101)

    with pytest.raises(Refused, match=r"output\.volume") as caught:
        run(talk())
    assert (caught.value.code, caught.value.param) == ("invalid_value", "output.volume")


def test_an_error_mid_session_is_an_event_and_the_session_goes_on() -> None:
    async def script(line: Line) -> None:
        await line.open()
        await line.until_end()

    async def talk() -> None:
        async with server(script) as url, Client(url) as client:
            await client.configure()
            await client.update(voice="zoe")
            await client.end()
            errors = [event.code async for event in client if isinstance(event, events.SessionError)]
        assert errors == ["immutable_field"]

    run(talk())


def test_a_fatal_error_mid_session_ends_the_iteration_with_it() -> None:
    async def script(line: Line) -> None:
        await line.open()
        await line.refuse(refusals.session_expired())

    async def talk() -> None:
        async with server(script) as url, Client(url) as client:
            await client.configure()
            async for _ in client:
                pass

    with pytest.raises(Refused, match="session_expired"):
        run(talk())


def test_a_connection_that_breaks_is_told_from_a_session_that_ends() -> None:
    async def script(line: Line) -> None:
        await line.open()
        line.socket.transport.abort()

    async def talk() -> None:
        async with server(script) as url, Client(url) as client:
            await client.configure()
            async for _ in client:
                pass

    with pytest.raises(ConnectionLost, match="broke"):
        run(talk())


def test_a_server_that_closes_without_an_end_is_a_lost_connection() -> None:
    async def talk() -> None:
        async with server(Line.open) as url, Client(url) as client:
            await client.configure()
            async for _ in client:
                pass

    with pytest.raises(ConnectionLost, match="1000"):
        run(talk())


def test_a_server_that_is_never_ready_is_waited_for_only_so_long() -> None:
    async def script(line: Line) -> None:
        await line.socket.wait_closed()

    async def talk() -> None:
        async with server(script) as url, Client(url, timeout=SHORT) as client:
            await client.configure()

    with pytest.raises(NoAnswer, match=r"session\.ready"):
        run(talk())


def test_speaking_after_the_end_says_that_it_has_ended() -> None:
    async def script(line: Line) -> None:
        await line.open()
        await line.until_end()

    async def talk() -> None:
        async with server(script) as url, Client(url) as client:
            await client.configure()
            await client.end()
            async for _ in client:
                pass
            await client.send_audio(b"\0\0")

    with pytest.raises(SessionClosed, match="has ended"):
        run(talk())


def test_an_unconnected_client_says_how_to_connect_it() -> None:
    with pytest.raises(SessionClosed, match="async with"):
        run(Client("ws://localhost").send_audio(b"\0\0"))


OLD = [
    ('{"type":"session.ready","session_id":"s"}', events.SessionReady(session_id="s")),
    ('{"type":"reply.audio","data":"AAE="}', events.ReplyAudio(data=b"\0\1")),
    ('{"type":"reply.done","reply_id":"r"}', events.ReplyDone(reply_id="r", status="completed")),
]


@pytest.mark.parametrize(("text", "event"), OLD)
def test_events_of_older_servers_are_read(text: str, event: events.Event) -> None:
    assert events.decode(text) == event


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ('{"type":"new.event","a":1}', events.Unknown("new.event", {"type": "new.event", "a": 1})),
        ('{"type":"reply.done"}', events.Unknown("reply.done", {"type": "reply.done"})),
        ("[]", events.Unknown("", {"text": "[]"})),
        ("nonsense", events.Unknown("", {"text": "nonsense"})),
        (b"\0\0", events.Unknown("binary", {"size": 2})),
    ],
)
def test_an_event_that_cannot_be_read_is_passed_on(text: str | bytes, event: events.Event) -> None:
    assert events.decode(text) == event
