"""Whether anything a client can send harms the server, or the call next to it.

Attackers send spoilt messages, broken frames and nonsense on many connections at a time, as fast as the server reads
them; a healthy full-duplex call goes on beside them, in a process of its own, like those of `bench density`. The bars:
no exception that nobody caught, and 20 ms for the worst 1 % of the healthy call's lag.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import random
from typing import Any

from antiphon.audio.pcm import silence
from antiphon.conversation.settings import Settings
from antiphon.lab.babble import babble
from antiphon.lab.bench_density import BAR_MS, RATE
from antiphon.lab.bench_leaks import ForgetfulLlm, ForgetfulTts
from antiphon.lab.fuzz_attack import Damage, attack_from_elsewhere
from antiphon.lab.load import LoadCaller, audio_messages
from antiphon.lab.machine import machine, percentile, today
from antiphon.lab.scripted import EnergyVad, ScriptedStt
from antiphon.lab.scripted.llm import Reply
from antiphon.lab.server_process import ServerProcess, Vitals, server_process
from antiphon.lab.tones import ToneCode
from antiphon.providers.base import LlmRequest
from antiphon.server.runtime import Blueprint
from antiphon.session.makings import SessionOptions, Stages
from antiphon.session.playout import LEAD
from antiphon.types import Role, ToolCall

REPLY = "We will see you at eight."  # one clause: what is late of it is late on the way, and not in its making
AT_ONCE = 4  # attackers' connections
SPEAKING, QUIET = 1.0, 6.0  # seconds at a time, of the healthy call
SETTLE = 8.0  # seconds the healthy call has for its first turns
ASK_EVERY = 5.0  # seconds between two looks at the server


def run(*, json: bool = False, frames: int = 1_000_000, seed: int = 0) -> dict[str, Any]:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measure(frames, seed=seed, settle=SETTLE))


def think(request: LlmRequest) -> Reply:
    """Now and then calls a tool, so that there are results to make up."""
    last = request.messages[-1]
    tools = request.tools
    if tools and last.role is not Role.TOOL and random.Random(len(request.messages)).random() < 0.3:
        return [ToolCall("call_0", tools[0].name, {"n": 1})]
    return REPLY


def blueprint() -> Blueprint:
    stages = Stages(
        stt=ScriptedStt(utterances=["a table for two please"] * 10_000),
        llm=ForgetfulLlm(think),
        tts=ForgetfulTts(ToneCode([REPLY])),
        vad=EnergyVad(),
    )
    return Blueprint(stages, {}, options=SessionOptions(settings=Settings(idle_after=None)))


async def measure(frames: int, *, seed: int, settle: float) -> dict[str, Any]:
    cores, measured_on = sorted(os.sched_getaffinity(0)), machine()
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores[1:]))
    try:
        async with server_process(blueprint, core=cores[0]) as server:
            caller = await _join(server)
            await asyncio.sleep(settle)
            caller.heard.lateness.clear()
            replies = caller.heard.replies
            damage, looks = await _watch(server, frames, seed)
            lost, replies = caller.lost, caller.heard.replies - replies
            caller.close()
    finally:
        os.sched_setaffinity(0, set(cores))
    return {**_report(damage, looks, caller), "replies": replies, "lost": lost, "machine": measured_on, "date": today()}


async def _watch(server: ServerProcess, frames: int, seed: int) -> tuple[Damage, list[Vitals]]:
    """The attack, and what the server said of itself meanwhile."""
    await server.vitals()
    looks: list[Vitals] = []
    attacking = asyncio.create_task(attack_from_elsewhere(server.address, frames=frames, seed=seed, at_once=AT_ONCE))
    while not attacking.done():
        await asyncio.wait([attacking], timeout=ASK_EVERY)
        looks.append(await server.vitals())
    faults = (await server.vitals(collect=True)).faults  # of this look nothing else counts: it stops the server
    return attacking.result(), [*looks[:-1], dataclasses.replace(looks[-1], faults=looks[-1].faults + faults)]


def _report(damage: Damage, looks: list[Vitals], caller: LoadCaller) -> dict[str, Any]:
    faults = [fault for look in looks for fault in look.faults]
    loop_ms = 1000 * percentile([lag for look in looks for lag in look.lags], 99)
    audio_ms = 1000 * percentile(caller.heard.lateness, 99)
    harmless = not faults and not caller.lost and not damage.silent
    return {
        "frames": damage.frames,
        "connections": damage.connections,
        "closed": dict(sorted(damage.closed.items())),
        "unanswered": damage.silent,
        "uncaught": len(faults),
        "faults": faults[:10],
        "p99_lag_ms": max(loop_ms, audio_ms),
        "p99_loop_ms": loop_ms,
        "p99_audio_ms": audio_ms,
        "within_bar": harmless and max(loop_ms, audio_ms) <= BAR_MS,
        "rss_mb": looks[-1].rss / 2**20,
    }


async def _join(server: ServerProcess) -> LoadCaller:
    """The healthy call. Its quiet is long enough for the whole reply, so that nothing but lag holds one up."""
    track = audio_messages(babble(SPEAKING, RATE, seed=0) + silence(round(QUIET * RATE)), RATE)
    host, _, port = server.address.rpartition(":")
    _, caller = await asyncio.get_running_loop().create_connection(
        lambda: LoadCaller(track, phase=0, rate=RATE, lead=LEAD), host, int(port)
    )
    await caller.ready
    return caller
