"""A whole call in one process: a real session, between a caller who speaks in frames and a client that plays."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from antiphon.audio.g711 import codec
from antiphon.audio.pcm import SAMPLE_BYTES, silence
from antiphon.audio.resample import resample
from antiphon.conversation import notices as out
from antiphon.lab.scripted import EnergyVad, ScriptedLlm, ScriptedStt, ScriptedTts
from antiphon.lab.simulated_client import Line, Network, SimulatedClient
from antiphon.lab.tones import ToneCode
from antiphon.session.makings import Hooks, SessionOptions, Stages
from antiphon.session.session import Session
from antiphon.tools.base import Tool
from antiphon.types import AudioFormat, SessionConfig

FRAME = 0.02  # seconds of audio in one message


def scripted_stages(code: ToneCode, reply: str = "Okay.") -> Stages:
    """Providers that understand and speak `code`, at the pace of real ones."""
    return Stages(stt=ScriptedStt(code), llm=ScriptedLlm(reply), tts=ScriptedTts(code), vad=EnergyVad())


@dataclass(frozen=True, slots=True)
class Spoken:
    """Something the caller said: when its first sample was spoken, and the one after its last."""

    begins: float
    ends: float


# What a microphone takes in a frame, given when the frame began and what the caller said in it.
Room = Callable[[float, bytes], bytes]


class SimulatedCaller:
    """Sends a frame every 20 ms, of what it was told to say or of silence. A frame leaves when it is complete."""

    def __init__(self, audio_format: AudioFormat, send: Callable[[bytes], None]) -> None:
        self.muted = False  # nothing at all is sent, and the time is not made up for
        self.room: Room | None = None
        self.rate = audio_format.sample_rate
        self._encode = codec(audio_format).encode
        self._send = send
        self._frame = round(FRAME * self.rate) * SAMPLE_BYTES
        self._waiting = bytearray()
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.time() + FRAME  # when the next frame is complete

    def say(self, pcm: bytes) -> Spoken:
        """Speaks audio at the input rate, from the next frame on, after what is being said."""
        begins = self._next - FRAME + len(self._waiting) / SAMPLE_BYTES / self.rate
        self._waiting += pcm
        return Spoken(begins, begins + len(pcm) / SAMPLE_BYTES / self.rate)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._next - self._loop.time())
            self._next += FRAME
            if self.muted:
                continue
            pcm = bytes(self._waiting[: self._frame])
            del self._waiting[: self._frame]
            pcm = pcm.ljust(self._frame, b"\0")
            if self.room:
                pcm = self.room(self._next - 2 * FRAME, pcm)
            self._send(self._encode(pcm))


class SimulatedCall:
    """async with SimulatedCall(code) as call:
    call.say("good morning")
    await call.client.until(ReplyDone)
    """

    def __init__(
        self,
        code: ToneCode,
        *,
        stages: Stages | None = None,
        config: SessionConfig | None = None,
        tools: tuple[Tool, ...] = (),
        hooks: Hooks | None = None,
        options: SessionOptions | None = None,
        network: Network | None = None,
        acknowledges: bool = False,
        seed: int = 0,
    ) -> None:
        config = config or SessionConfig()
        network = network or Network()
        self.code = code
        self.stages = stages or scripted_stages(code)
        self.client = self._make_client(
            config.output_format,
            network=network,
            acknowledge=self._played if acknowledges else None,
            seed=seed,
        )
        self.session = Session(
            config,
            session_id=f"sess_{seed:032x}",
            stages=self.stages,
            peer=self.client,
            tools=tools,
            hooks=hooks,
            options=options,
        )
        self.uplink = Line(network, self._hear, random.Random(f"caller {seed}"))
        self.caller = SimulatedCaller(config.input_format, self.uplink.send)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self.session.run()), asyncio.create_task(self.caller.run())]
        await asyncio.sleep(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, caller = self._tasks
        self.session.end()
        await session
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)

    def say(self, text: str) -> Spoken:
        """The caller says this, in tones."""
        return self.caller.say(self.code.speak(text, self.caller.rate)[0])

    def play(self, pcm: bytes, rate: int) -> Spoken:
        """The caller says what was recorded."""
        return self.caller.say(resample(pcm, rate, self.caller.rate))

    def pause(self, seconds: float) -> Spoken:
        """The caller says nothing before what is said next."""
        return self.caller.say(silence(round(seconds * self.caller.rate)))

    async def greeted(self) -> None:
        """The first reply has been played."""
        await self.client.until(out.ReplyDone)

    def heard(self, reply: int, text: str) -> list[str]:
        """The words heard of the `reply`th reply, from 0, whose whole text is known."""
        return self.client.words(self.client.all(out.ReplyStarted)[reply].reply_id, self.code, text=text)

    def first_audible(self, reply: int) -> float:
        """When the caller heard the first sound of the `reply`th reply."""
        at = self.client.playback.first_audible(self.client.all(out.ReplyStarted)[reply].reply_id)
        if at is None:
            raise LookupError(f"nothing was heard of reply {reply}")
        return at

    def _make_client(self, audio_format: AudioFormat, **options: Any) -> SimulatedClient:
        return SimulatedClient(audio_format, **options)

    def _hear(self, data: bytes) -> None:
        """A frame of the caller's has arrived."""
        self.session.audio(data)

    def _played(self, reply_id: str, samples: int) -> None:
        self.session.played(reply_id, samples)
