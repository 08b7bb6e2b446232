"""`antiphon talk`, with a microphone and a loudspeaker made of bytes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest

from antiphon.cli.speaker import Speaker
from antiphon.cli.talk import ECHO, converse
from antiphon.client import Client
from antiphon.conversation import notices
from antiphon.protocols.voice_agent import Audio, PlayoutPosition
from tests.client.loopback import Line, server

FRAME = b"\1\0" * 480


async def frames() -> AsyncIterator[bytes]:
    """A microphone that is never silent."""
    while True:
        yield FRAME
        await asyncio.sleep(0.001)


def talk(script, *, full_duplex: bool = False, speaker: Speaker | None = None) -> None:
    async def run() -> None:
        async with asyncio.timeout(10), server(script) as url, Client(url, extensions=("playout",)) as client:
            await client.configure()
            await converse(client, frames(), speaker or Speaker(), full_duplex=full_duplex)

    asyncio.run(run())


async def next_audio(line: Line, *, like: bytes) -> None:
    while (await line.receive()) != Audio(like):
        pass


@pytest.mark.parametrize("full_duplex", [False, True])
def test_the_microphone_is_muted_only_while_the_agent_speaks(full_duplex):
    speaker = Speaker()

    async def script(line: Line) -> None:
        await line.open()
        await next_audio(line, like=FRAME)
        await line.tell(notices.ReplyStarted("r", "i"), notices.ReplyAudio("r", bytes(960)))
        if not full_duplex:
            await next_audio(line, like=bytes(len(FRAME)))
        speaker.take(480 + ECHO)
        await next_audio(line, like=FRAME)
        await line.tell(notices.SessionEnded("client_end", 1.0))

    talk(script, full_duplex=full_duplex, speaker=speaker)


def test_what_was_heard_is_acknowledged():
    speaker = Speaker()

    async def script(line: Line) -> None:
        await line.open()
        await line.tell(notices.ReplyStarted("r", "i"), notices.ReplyAudio("r", bytes(960)))
        await next_audio(line, like=bytes(len(FRAME)))  # it has arrived
        speaker.take(100)
        while not isinstance(told := await line.receive(), PlayoutPosition):
            pass
        assert told == PlayoutPosition("r", 100)
        await line.tell(notices.SessionEnded("client_end", 1.0))

    talk(script, speaker=speaker)


def test_an_interruption_empties_the_loudspeaker(capsys):
    speaker = Speaker()

    async def script(line: Line) -> None:
        await line.open()
        await line.tell(notices.ReplyStarted("r", "i"), notices.ReplyAudio("r", b"\1\0" * 480))
        await line.tell(notices.SpeechStarted())
        await line.tell(notices.AgentTranscript("r", "i", "So I", True))
        await line.tell(notices.ReplyDone("r", notices.ReplyStatus.INTERRUPTED))
        await line.tell(notices.SessionEnded("client_end", 1.0))

    talk(script, speaker=speaker)
    assert speaker.take(480) == bytes(960)
    assert "agent  So I ✂" in capsys.readouterr().out


def test_without_the_package_the_extra_is_named(antiphon, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    done = antiphon("talk")
    assert done.code == 1
    assert 'pip install "antiphon[talk]"' in done.complaint


def test_without_portaudio_the_library_is_named(antiphon, monkeypatch, tmp_path):
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    done = antiphon("talk")
    assert done.code == 1
    assert "apt install libportaudio2" in done.complaint
