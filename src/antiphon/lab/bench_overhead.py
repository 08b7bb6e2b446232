"""What the orchestration adds to its stages, over a real loopback WebSocket.

A server in a process of its own runs scripted stages whose delays are known to the microsecond. A client sends speech
in frames of 20 ms, on time, and measures on its own clock: from sending the frame that completes `min_silence` to
receiving the first frame that is not silent. Less the scripted delays on that path, this is the overhead: decoding,
VAD, the core, chunking, encoding, pacing, two passes through the kernel, and the lateness of every timer.

Silence is counted from the end of the VAD's last voiced window of 32 ms. The caller therefore stops speaking at the end
of a window, at one from which the silence is complete well inside a frame.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from antiphon.audio.pcm import is_silent
from antiphon.client.client import Client
from antiphon.client.events import ReplyAudio, ReplyDone
from antiphon.conversation.settings import Settings
from antiphon.lab.machine import machine, percentile, today
from antiphon.lab.punctual import Pace, PunctualLlm, PunctualTts
from antiphon.lab.scripted import EnergyVad, ScriptedStt, SttTiming
from antiphon.lab.scripted.llm import tokens_of
from antiphon.lab.server_process import server_process
from antiphon.lab.tones import ToneCode
from antiphon.server.runtime import Blueprint
from antiphon.session.makings import SessionOptions, Stages
from antiphon.text.chunker import Chunker

RATE = 24_000  # Hz
FRAME_MS = 20
WINDOW_MS = 32  # the VAD's
MIN_SILENCE = 600  # ms
SESSIONS = 8  # calls at once, so that 200 turns take a minute
CALLER = "a table for two please"
REPLY = "Certainly, for when?"

PACE = Pace()  # its leading silence is trimmed: it costs nothing
STT = SttTiming(lag=0.25, final_delay=0.15, jitter=0)  # asked early: done before the silence is


def run(*, json: bool = False, turns: int = 200) -> dict[str, Any]:
    """Milliseconds of overhead of each turn, summed up."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(turns))


def blueprint() -> Blueprint:
    code = ToneCode([CALLER, REPLY])
    stages = Stages(
        stt=ScriptedStt(utterances=[CALLER] * 10_000, timing=STT),
        llm=PunctualLlm(REPLY, PACE),
        tts=PunctualTts(code, PACE),
        vad=EnergyVad(),
    )
    detection = {"turn_detection": {"min_silence": MIN_SILENCE}}
    return Blueprint(stages, {"input": detection}, options=SessionOptions(settings=Settings(idle_after=None)))


def scripted_delay() -> float:
    """Seconds from the end of the silence to the first audio that the scripts themselves take: the tokens up to the
    one that completes the first clause, and the first audio of that clause."""
    chunker = Chunker(language="en")
    tokens = tokens_of(REPLY)
    before = next((n for n, token in enumerate(tokens) if chunker.feed(token)), len(tokens) - 1)
    return PACE.first_token + before / PACE.tokens_a_second + PACE.first_audio


async def _measure(turns: int) -> dict[str, Any]:
    callers = min(SESSIONS, turns)
    async with server_process(blueprint) as server:
        shares = [turns // callers + (n < turns % callers) for n in range(callers)]
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(_call(server.url, share, late=0.3 * n)) for n, share in enumerate(shares)]
    took = [1000 * (seconds - scripted_delay()) for call in calls for seconds in call.result()]
    return {
        "p50_ms": percentile(took, 50),
        "p95_ms": percentile(took, 95),
        "p99_ms": percentile(took, 99),
        "max_ms": max(took),
        "turns": len(took),
        "sessions": callers,
        "scripted_ms": 1000 * scripted_delay(),
        "machine": machine(),
        "date": today(),
    }


async def _call(url: str, turns: int, *, late: float) -> list[float]:
    """The seconds each turn took."""
    await asyncio.sleep(late)  # callers do not speak in step
    async with Client(url) as client:
        await client.configure()
        caller = _Caller(client)
        speaking = asyncio.create_task(caller.speak(turns))
        await caller.listen(turns)
        await speaking
    return caller.took


class _Caller:
    def __init__(self, client: Client) -> None:
        self.took: list[float] = []
        self._client = client
        self._completed = 0.0  # when the frame that completes the silence was sent
        self._answered = asyncio.Event()

    async def speak(self, turns: int) -> None:
        speech, _ = ToneCode([CALLER, REPLY]).speak(CALLER, RATE)
        size = 2 * FRAME_MS * RATE // 1000
        begun, sent = time.perf_counter(), 0
        for _ in range(turns):
            pcm, completing = _utterance(speech, at_ms=sent * FRAME_MS)
            self._answered.clear()
            frame = 0
            while not self._answered.is_set():
                await asyncio.sleep(begun + sent * FRAME_MS / 1000 - time.perf_counter())
                if frame == completing:
                    self._completed = time.perf_counter()
                await self._client.send_audio(pcm[frame * size : (frame + 1) * size].ljust(size, b"\0"))
                sent, frame = sent + 1, frame + 1

    async def listen(self, turns: int) -> None:
        waiting = True
        async for event in self._client:
            match event:
                case ReplyAudio(data=data) if waiting and not is_silent(data):
                    self.took.append(time.perf_counter() - self._completed)
                    waiting = False
                case ReplyDone():
                    waiting = True
                    self._answered.set()
                    if len(self.took) == turns:
                        return


def _utterance(speech: bytes, *, at_ms: int) -> tuple[bytes, int]:
    """Audio to send from `at_ms` on, at whose end speech ends with a window of the VAD, and which frame of what follows
    it completes the silence. The silence is complete in the middle of that frame."""
    length_ms = len(speech) // 2 * 1000 // RATE
    end_ms = -(-(at_ms + 200 + length_ms) // WINDOW_MS) * WINDOW_MS
    while not 4 <= (end_ms + MIN_SILENCE) % FRAME_MS <= 12:
        end_ms += WINDOW_MS
    pcm = speech.rjust(2 * (end_ms - at_ms) * RATE // 1000, b"\0")
    return pcm, (end_ms + MIN_SILENCE - at_ms) // FRAME_MS
