"""The server over a real loopback socket, as clients find it."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from websockets.exceptions import ConnectionClosed

from antiphon.audio.g711 import codec
from antiphon.types import ALAW_8K, PCM_24K, ULAW_8K, AudioFormat
from tests.server.serving import CODE, GREETING, Wire, agent, connected, serving, with_server

ORDER = "I want to book a table please"
TOOL = {
    "type": "function",
    "name": "book_table",
    "description": "Books a table.",
    "parameters": {"type": "object", "properties": {"people": {"type": "integer"}}},
}
SILENCE = 0.8  # seconds, longer than the turn's end


def spoken(audio_format: AudioFormat) -> bytes:
    pcm, _ = CODE.speak(ORDER, audio_format.sample_rate)
    return codec(audio_format).encode(pcm + bytes(int(SILENCE * audio_format.sample_rate) * 2))


def frame_size(audio_format: AudioFormat) -> int:
    return int(0.02 * audio_format.sample_rate) * audio_format.sample_bytes


def words(wire: Wire, audio_format: AudioFormat = PCM_24K) -> list[str]:
    pcm = codec(audio_format).decode(wire.heard())
    return [word.text for word in CODE.decode(pcm, audio_format.sample_rate)]


def test_a_client_written_for_the_hosted_service_holds_a_conversation() -> None:
    async def test(address: str) -> None:
        async with connected(address, additional_headers={"Authorization": "Bearer a-key"}) as wire:
            ready = await wire.open(
                system_prompt="You take bookings.",
                greeting=GREETING,
                input={"type": "audio", "format": {"encoding": "audio/pcm"}},
                output={"type": "audio", "voice": "ivy"},
                tools=[TOOL],
            )
            assert ready["session_id"].startswith("sess_")
            assert [event["type"] for event in wire.events] == ["session.updated", "session.ready"]
            await wire.until("reply.done")
            await wire.audio(spoken(PCM_24K), frame=frame_size(PCM_24K))
            await wire.until("reply.done")
            await wire.send(type="session.end")
            await wire.until("session.ended")
            assert words(wire) == ["hello", "caller", "your", "table", "is", "booked"]
        kinds = [event["type"] for event in wire.events]
        turn = kinds[kinds.index("input.speech.started") :]
        order = ["input.speech.started", "input.speech.stopped", "transcript.user", "reply.started", "reply.done"]
        assert [kind for kind in turn if kind in order] == order
        texts = {event["type"]: event["text"] for event in wire.events if event["type"].startswith("transcript.user")}
        assert texts["transcript.user"] == ORDER.lower()

    with_server(test)


@pytest.mark.parametrize("audio_format", [ULAW_8K, ALAW_8K], ids=["ulaw", "alaw"])
def test_g711_both_ways(audio_format: AudioFormat) -> None:
    async def test(address: str) -> None:
        async with connected(address) as wire:
            encoding = {"encoding": audio_format.encoding.value}
            await wire.open(input={"format": encoding}, output={"format": encoding})
            await wire.until("reply.done")
            await wire.audio(spoken(audio_format), frame=frame_size(audio_format))
            await wire.until("reply.done")
            assert words(wire, audio_format) == ["hello", "caller", "your", "table", "is", "booked"]
            (heard,) = [event["text"] for event in wire.events if event["type"] == "transcript.user"]
            assert heard == ORDER.lower()

    with_server(test)


def test_what_a_client_may_not_send_is_refused_and_the_session_lives() -> None:
    bad = {
        "{not json": "invalid_format",
        '{"type": "no.such.thing"}': "invalid_format",
        '{"type": "input.audio", "audio": "*"}': "invalid_audio",
        json.dumps({"type": "input.audio", "audio": base64.b64encode(b"odd").decode()}): "invalid_audio",
        "[]": "invalid_format",
    }

    async def test(address: str) -> None:
        async with connected(address) as wire:
            await wire.open()
            for message, code in bad.items():
                await wire.socket.send(message)
                assert (await wire.until("session.error"))["code"] == code
            await wire.socket.send(b"\0\0")
            assert (await wire.until("session.error"))["code"] == "invalid_audio"
            await wire.send(type="reply.create")
            await wire.until("reply.started")

    with_server(test)


def test_a_message_that_is_too_long_closes_its_connection_and_no_other() -> None:
    async def test(address: str) -> None:
        async with connected(address) as other:
            await other.open()
            async with connected(address) as wire:
                await wire.open()
                with pytest.raises(ConnectionClosed) as closed:
                    await wire.socket.send("x" * (1 << 20) + "x")
                    await wire.until("never")
                assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
            await other.until("reply.done")
            assert words(other) == ["hello", "caller"]

    with_server(test)


def test_a_connection_that_breaks_leaves_nothing_behind() -> None:
    async def test(address: str) -> None:
        served = asyncio.all_tasks()
        for pause in (0.0, 0.05, 0.4):
            async with connected(address) as wire:
                await wire.open()
                await asyncio.sleep(pause)
                wire.socket.transport.abort()
        await asyncio.sleep(1.0)
        assert [str(task.get_coro()) for task in asyncio.all_tasks() - served] == []

    with_server(test, resume_window=0.3)


def test_what_is_asked_along_with_the_session_is_done() -> None:
    async def test(address: str) -> None:
        async with connected(address) as wire:
            asked = ({"type": "session.update", "session": {}}, {"type": "reply.create"})
            await asyncio.gather(*(wire.send(**message) for message in asked))
            while (await wire.until("reply.done"))["status"] != "completed":
                pass  # the greeting gives way to it
            assert words(wire)[-4:] == ["your", "table", "is", "booked"]

    with_server(test)


def test_audio_before_the_session_is_ready_is_dropped_without_a_word() -> None:
    async def test(address: str) -> None:
        async with connected(address) as wire:
            await wire.send(type="input.audio", audio=base64.b64encode(bytes(960)).decode())
            await wire.open()
            assert [event["type"] for event in wire.events] == ["session.updated", "session.ready"]

    with_server(test)


def test_a_server_told_to_stop_ends_its_sessions() -> None:
    async def main() -> None:
        async with serving(agent()) as address:
            wire = await connected(address).__aenter__()
            await wire.open()
        with pytest.raises(ConnectionClosed):
            await wire.until("never")

    asyncio.run(main())
