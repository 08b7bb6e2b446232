"""`antiphon talk`: microphone and loudspeaker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

import typer

from antiphon.cli.call import AgentFile, Key, Tools, Url
from antiphon.cli.terminal import Verbose, run_async, stderr, stdout

if TYPE_CHECKING:
    from antiphon.cli.speaker import Speaker
    from antiphon.client.client import Client
    from antiphon.client.events import Event
    from antiphon.server.runtime import Runtime

RATE = 24_000  # Hz, the wire's default both ways
ECHO = RATE * 3 // 10  # samples for which a room may still carry the agent's voice to the microphone
ACKNOWLEDGE_EVERY = 0.1  # seconds between two playout positions


def talk(
    url: Url = None,
    key: Key = None,
    agent: AgentFile = None,
    tools: Tools = None,
    full_duplex: Annotated[
        bool, typer.Option("--full-duplex", help="Listen while the agent speaks. Wear headphones.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Talk to an agent with the microphone and the loudspeaker. Ctrl-C hangs up.

    The microphone is muted while the agent speaks, so that it does not hear itself; with headphones, --full-duplex
    lets you interrupt.
    """
    from antiphon.cli.hosting import destination
    from antiphon.cli.sound import sounddevice

    sounddevice()  # better told before a server is started
    there = destination(url, agent=agent, tools=tools)
    with contextlib.suppress(KeyboardInterrupt):
        run_async(_talk(there, key=key, full_duplex=full_duplex))


async def _talk(there: str | Runtime, *, key: str | None, full_duplex: bool) -> None:
    from antiphon.cli.hosting import reach
    from antiphon.cli.sound import microphone
    from antiphon.cli.speaker import Speaker
    from antiphon.client.client import Client
    from antiphon.client.hosted import extensions_for, key_for

    speaker = Speaker()
    async with (
        reach(there) as url,
        microphone(speaker, rate=RATE) as frames,
        Client(url, api_key=key_for(url, key), extensions=extensions_for(url, ("playout",))) as client,
    ):
        await client.configure()
        stderr().print("Speak. Ctrl-C hangs up.", style="dim")
        await converse(client, frames, speaker, full_duplex=full_duplex)


async def converse(client: Client, frames: AsyncIterator[bytes], speaker: Speaker, *, full_duplex: bool) -> None:
    """Sends `frames` and plays what comes back, until the session has ended. Cancelling it hangs up.

    Raises ClientError where the session ends otherwise.
    """
    call = _Talk(client, speaker)
    sending = [
        asyncio.create_task(call.speak(frames, full_duplex=full_duplex)),
        asyncio.create_task(call.acknowledge()),
    ]
    try:
        await call.listen()
    except asyncio.CancelledError:
        await client.end()
        raise
    finally:
        for task in sending:
            task.cancel()
        # They fail as the listener does when the connection goes; it has said so.
        await asyncio.gather(*sending, return_exceptions=True)


class _Talk:
    def __init__(self, client: Client, speaker: Speaker) -> None:
        self._client = client
        self._speaker = speaker
        self._replies: dict[str, int] = {}  # replies that may still play -> samples acknowledged

    async def speak(self, frames: AsyncIterator[bytes], *, full_duplex: bool) -> None:
        async for frame in frames:
            muted = not full_duplex and self._replies and self._speaker.quiet_for < ECHO
            await self._client.send_audio(bytes(len(frame)) if muted else frame)

    async def acknowledge(self) -> None:
        """Tells the server what has been heard, for as long as it wants to know."""
        while True:
            await asyncio.sleep(ACKNOWLEDGE_EVERY)
            for reply_id in [*self._replies][-2:]:
                samples = self._speaker.played(reply_id)
                if samples > self._replies[reply_id]:
                    self._replies[reply_id] = samples
                    await self._client.playout_position(reply_id, samples)

    async def listen(self) -> None:
        async for event in self._client:
            self._take(event)

    def _take(self, event: Event) -> None:
        from antiphon.client import events as ev

        match event:
            case ev.ReplyAudio(reply_id=reply_id, data=data):
                self._replies.setdefault(reply_id, 0)
                self._speaker.play(reply_id, data)
            case ev.InputSpeechStarted() | ev.ReplyDone(status="interrupted"):
                self._speaker.flush()
            case ev.TranscriptUser(text=text):
                stdout().print(f"you    {text}", markup=False)
            case ev.TranscriptAgent(text=text, interrupted=interrupted):
                stdout().print(f"agent  {text}{' ✂' if interrupted else ''}", style="cyan", markup=False)
            case ev.ReplyError(code=code, message=message):
                stderr().print(f"the reply failed with {code}: {message}", style="yellow", markup=False)
            case ev.SessionError(code=code, message=message) if "playout.position" not in message:
                stderr().print(f"the server reported {code}: {message}", style="yellow", markup=False)
