"""How many conversations one core carries.

The server has one core to itself, the callers another. Every session is full-duplex: 50 messages a second of noisy
audio go up without a pause, and for half of the time there is speech in it; each stretch of speech is answered. STT,
LLM and TTS are scripted, at the pace of real ones; the VAD is the real one. Nothing is compressed.

Lag is what a caller could notice: how late the server's event loop is, looked at 200 times a second, and how late the
audio of a reply comes, by the schedule that its first message sets. The bar is 20 ms for the worst 1 % of either.
"""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import dataclass
from typing import Any

import numpy as np

from antiphon.audio.pcm import FULL_SCALE, samples_of, silence, to_int16
from antiphon.conversation.settings import Settings
from antiphon.lab.babble import babble
from antiphon.lab.load import LoadCaller, audio_messages
from antiphon.lab.machine import machine, percentile, today
from antiphon.lab.scripted import ScriptedLlm, ScriptedStt, ScriptedTts
from antiphon.lab.server_process import ServerProcess, Vitals, server_process
from antiphon.lab.tones import ToneCode
from antiphon.providers.vad.silero import Silero
from antiphon.server.runtime import Blueprint
from antiphon.session.makings import SessionOptions, Stages
from antiphon.session.playout import LEAD

RATE = 24_000  # Hz
SPEAKING = QUIET = 3.0  # seconds at a time
NOISE = -50.0  # dBFS
TRACKS = 8
REPLY = "That is fine, we will see you at eight."
BAR_MS = 20.0
SETTLE = 8.0  # seconds before a measurement, for every session to have had a turn
SEARCH_SECONDS = 20.0  # of each step of the search for the most sessions
FIRST, STEP = 60, 10  # sessions, of that search
FEW = 10  # sessions, at which memory is measured first


def run(*, json: bool = False, seconds: float = 60.0, sessions: int | None = None) -> dict[str, Any]:
    """With `sessions` that many are measured, else the most that keep within the bar are looked for."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(seconds, sessions))


def blueprint() -> Blueprint:
    code = ToneCode([REPLY])
    stages = Stages(
        stt=ScriptedStt(utterances=["a table for two please"] * 10_000),
        llm=ScriptedLlm(REPLY),
        tts=ScriptedTts(code),
        vad=Silero(),
    )
    return Blueprint(stages, {}, options=SessionOptions(settings=Settings(idle_after=None)))


@dataclass(frozen=True, slots=True)
class Figures:
    sessions: int
    loop_ms: float  # p99
    max_loop_ms: float
    audio_ms: float  # p99
    cpu: float  # of a core
    rss: int  # bytes
    replies: int
    lost: int  # connections

    @property
    def lag_ms(self) -> float:
        return max(self.loop_ms, self.audio_ms)

    @property
    def holds(self) -> bool:
        return self.lag_ms <= BAR_MS and not self.lost and self.replies > 0


async def _measure(seconds: float, sessions: int | None) -> dict[str, Any]:
    cores, measured_on = sorted(os.sched_getaffinity(0)), machine()
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores[1:2]))
    async with server_process(blueprint, core=cores[0]) as server:
        crowd = Crowd(server)
        few = await crowd.measure(FEW, SEARCH_SECONDS)
        if sessions is None:
            sessions = await _search(crowd)
        final = await crowd.measure(sessions, seconds)
        crowd.leave()
    shared = ", server and callers on the same core" if len(cores) < 2 else ""
    return {**_report(few, final), "seconds": seconds, "machine": measured_on + shared, "date": today()}


async def _search(crowd: Crowd) -> int:
    """The most sessions that hold; FIRST at least."""
    best, sessions = FIRST, FIRST
    while (await crowd.measure(sessions, SEARCH_SECONDS)).holds:
        best, sessions = sessions, sessions + STEP
    return best


def _report(few: Figures, final: Figures) -> dict[str, Any]:
    growth = (final.rss - few.rss) / max(final.sessions - few.sessions, 1)
    return {
        "sessions_per_core": final.sessions,
        "within_bar": final.holds,
        "mb_per_session": growth / 2**20,
        "p99_lag_ms": final.lag_ms,
        "p99_loop_ms": final.loop_ms,
        "p99_audio_ms": final.audio_ms,
        "cpu_percent": 100 * final.cpu,
        "replies": final.replies,
        "lost": final.lost,
    }


class Crowd:
    """The callers of one server; grows, and shrinks, to the number that is measured."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._tracks = [track(seed) for seed in range(TRACKS)]
        self._rng = random.Random(0)
        self._callers: list[LoadCaller] = []

    async def measure(self, sessions: int, seconds: float) -> Figures:
        await self.resize(sessions)
        return await self.watch(seconds)

    async def watch(self, seconds: float) -> Figures:
        """What those who are there notice."""
        before = sum(caller.heard.replies for caller in self._callers)
        for caller in self._callers:
            caller.heard.lateness.clear()
        await self._server.vitals()
        await asyncio.sleep(seconds)
        return self._figures(await self._server.vitals(), before)

    def leave(self) -> None:
        for caller in self._callers:
            caller.close()

    def _figures(self, vitals: Vitals, before: int) -> Figures:
        late = [seconds for caller in self._callers for seconds in caller.heard.lateness]
        return Figures(
            sessions=len(self._callers),
            loop_ms=1000 * percentile(vitals.lags, 99),
            max_loop_ms=1000 * max(vitals.lags, default=0.0),
            audio_ms=1000 * percentile(late, 99),
            cpu=vitals.cpu,
            rss=vitals.rss,
            replies=sum(caller.heard.replies for caller in self._callers) - before,
            lost=sum(caller.lost is not None for caller in self._callers),
        )

    async def resize(self, sessions: int) -> None:
        """So many callers; returns when every one has had a turn."""
        for caller in self._callers[sessions:]:
            caller.close()
        del self._callers[sessions:]
        while len(self._callers) < sessions:
            self._callers.append(await self._join())
            await asyncio.sleep(self._rng.uniform(0.01, 0.05))
        await asyncio.sleep(SETTLE)

    async def _join(self) -> LoadCaller:
        messages = self._rng.choice(self._tracks)
        phase = self._rng.randrange(len(messages))
        host, _, port = self._server.address.rpartition(":")
        _, caller = await asyncio.get_running_loop().create_connection(
            lambda: LoadCaller(messages, phase=phase, rate=RATE, lead=LEAD), host, int(port)
        )
        await caller.ready
        return caller


def track(seed: int) -> list[bytes]:
    """Speech and quiet in turn, under noise, as messages."""
    clean = babble(SPEAKING, RATE, seed=seed) + silence(round(QUIET * RATE))
    noise = np.random.default_rng(seed).standard_normal(len(clean) // 2) * FULL_SCALE * 10 ** (NOISE / 20)
    return audio_messages(to_int16(samples_of(clean) + noise).tobytes(), RATE)
