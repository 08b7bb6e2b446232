"""Whether calls leave anything behind in the server: tasks, threads, file descriptors, memory.

Calls of every kind are opened and closed, some politely, some cut off at a random moment. Between batches, when no call
goes on, the server says how much memory it has; the slope is the straight line through these. The store is SQLite, as
with `antiphon serve`. The bars: all counts back where they were, and less than 1 MB per 1,000 calls.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import json as json_text
import random
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from antiphon.conversation.settings import Settings
from antiphon.lab.machine import machine, today
from antiphon.lab.scripted import EnergyVad, LlmTiming, ScriptedLlm, ScriptedStt, ScriptedTts, SttTiming, TtsTiming
from antiphon.lab.scripted.llm import Reply
from antiphon.lab.scripted.tts import ScriptedTtsStream
from antiphon.lab.server_process import ServerProcess, Vitals, server_process
from antiphon.lab.tones import ToneCode
from antiphon.providers.base import LlmEvent, LlmRequest
from antiphon.server.limits import Limits
from antiphon.server.runtime import Blueprint
from antiphon.server.service import ServerOptions, Service
from antiphon.server.stores.sqlite import SqliteStore
from antiphon.session.makings import SessionOptions, Stages
from antiphon.types import Role, ToolCall

BAR_MB = 1.0  # per 1,000 calls
AT_ONCE = 20  # calls
BATCH = 100  # calls between two looks at the memory
WARM_UP = 200  # calls before the first look: caches, pools and arenas fill
WINDOW = 1.0  # seconds a session that was cut off waits for its client; nobody comes back here
SETTLE = 60.0  # seconds the server has to be as it was
RATE = 24_000  # Hz
PATIENCE = 15.0  # seconds for an event that must come

ORDER, CHAT, STOP = "book a table", "talk to me", "stop please"
LONG = "one two three four five six seven eight nine ten eleven twelve"
CODE = ToneCode([ORDER, CHAT, STOP, LONG, "fine it is booked hello"])
TOOL = {"type": "function", "name": "book", "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}}}


def run(*, json: bool = False, calls: int = 2_000, seed: int = 0) -> dict[str, Any]:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measure(calls, seed=seed))


# --- the server -----------------------------------------------------------------------------------------------------


def think(request: LlmRequest) -> Reply:
    last = request.messages[-1]
    if last.role is Role.TOOL:
        return "It is booked."
    if request.tools and "book" in last.text:
        return [ToolCall("call_0", "book", {"n": 2})]
    return LONG if "talk" in last.text else "Fine."


class ForgetfulLlm(ScriptedLlm):
    """Keeps no requests for a test to look at: in a server they would be the leak."""

    def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        self.requests.clear()
        return super().stream(request)


class ForgetfulTts(ScriptedTts):
    def open(self, *, sample_rate: int, voice: str | None = None) -> ScriptedTtsStream:
        self.texts.clear()
        return super().open(sample_rate=sample_rate, voice=voice)


def blueprint() -> Blueprint:
    stages = Stages(
        stt=ScriptedStt(CODE, timing=SttTiming.instant()),
        llm=ForgetfulLlm(think, timing=LlmTiming.instant()),
        tts=ForgetfulTts(CODE, timing=TtsTiming.instant()),
        vad=EnergyVad(),
    )
    return Blueprint(stages, {}, options=SessionOptions(settings=Settings(idle_after=None)))


def service(store: Path) -> Service:
    """Takes every call, however late it is."""
    return Service(ServerOptions(store=SqliteStore(store), limits=Limits(lag=60.0, resume_window=WINDOW)))


# --- the calls ------------------------------------------------------------------------------------------------------


class Line:
    """One connection, as raw as a client can be."""

    def __init__(self, socket: ClientConnection, rng: random.Random) -> None:
        self._socket = socket
        self.rng = rng

    async def send(self, kind: str, **fields: Any) -> None:
        await self._socket.send(json_text.dumps({"type": kind, **fields}))

    async def until(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            while True:
                event: dict[str, Any] = json_text.loads(await self._socket.recv())
                if event["type"] == kind:
                    return event

    async def open(self) -> None:
        await self.send("session.update", session={"greeting": "Hello.", "tools": [TOOL]})
        await self.until("session.ready")

    async def say(self, words: str) -> None:
        """All at once, with the pause that ends the turn."""
        pcm, _ = CODE.speak(words, RATE)
        await self.send("input.audio", audio=base64.b64encode(pcm + bytes(2 * RATE)).decode())

    async def end(self) -> None:
        await self.send("session.end")
        await self.until("session.ended")

    def cut(self) -> None:
        self._socket.transport.abort()


async def talk(line: Line) -> None:
    await line.open()
    await line.until("reply.done")
    await line.say(STOP)
    await line.until("reply.done")
    await line.end()


async def use_a_tool(line: Line) -> None:
    await line.open()
    await line.say(ORDER)
    call = await line.until("tool.call")
    await line.send("tool.result", call_id=call["call_id"], result="done")
    await line.until("reply.started")
    await line.until("reply.done")
    await line.end()


async def barge_in(line: Line) -> None:
    await line.open()
    await line.say(CHAT)
    await line.until("transcript.user")
    await line.until("transcript.agent.delta")
    await line.say(STOP)
    while (await line.until("reply.done"))["status"] != "interrupted":
        pass
    await line.end()


async def cut_off(line: Line) -> None:
    """At any moment of a call with a tool and a reply."""
    moment = line.rng.uniform(0, 1.2)

    async def call() -> None:
        await line.open()
        await line.say(line.rng.choice((ORDER, CHAT)))
        await line.until("never")

    try:
        async with asyncio.timeout(moment):
            await call()
    except TimeoutError:
        line.cut()


async def leave_a_tool_running(line: Line) -> None:
    await line.open()
    await line.say(ORDER)
    await line.until("tool.call")
    await line.end()


async def be_refused(line: Line) -> None:
    await line.send("session.update", session={"output": {"volume": 1000}})
    await line.until("session.error")


async def say_nothing(line: Line) -> None:
    if line.rng.random() < 0.5:
        line.cut()


KINDS: dict[Callable[[Line], Awaitable[None]], int] = {  # and how often
    talk: 25,
    use_a_tool: 20,
    barge_in: 20,
    cut_off: 20,
    leave_a_tool_running: 5,
    be_refused: 5,
    say_nothing: 5,
}


async def _call(url: str, seed: str) -> str:
    """Holds one call; returns its kind, or what went wrong with it."""
    rng = random.Random(seed)
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    try:
        async with connect(url, compression=None, proxy=None) as socket:
            await kind(Line(socket, rng))
    except (ConnectionClosed, TimeoutError, OSError) as error:
        return f"{kind.__name__} failed: {type(error).__name__}"
    return kind.__name__


# --- the measurement ------------------------------------------------------------------------------------------------


async def measure(calls: int, *, seed: int = 0, warm_up: int = WARM_UP) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        make = functools.partial(service, Path(folder) / "sessions.db")
        async with server_process(blueprint, service=make) as server:
            crowd = Crowd(server, seed)
            await crowd.hold(warm_up)
            before = await crowd.settled(None)
            memory = [before.rss]
            for at in range(0, calls, BATCH):
                await crowd.hold(min(BATCH, calls - at))
                memory.append((await crowd.look()).rss)
            after = await crowd.settled(before)
    return _report(calls, crowd, before, after, memory)


class Crowd:
    """The callers of one server."""

    def __init__(self, server: ServerProcess, seed: int) -> None:
        self._server = server
        self._seed = seed
        self._held = 0
        self.kinds: Counter[str] = Counter()
        self.faults: list[str] = []

    async def hold(self, calls: int) -> None:
        """So many calls, AT_ONCE at a time."""
        free = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with free:
                self.kinds[await _call(self._server.url, f"{self._seed} {number}")] += 1

        async with asyncio.TaskGroup() as group:
            for number in range(self._held, self._held + calls):
                group.create_task(one(number))
        self._held += calls

    async def look(self) -> Vitals:
        vitals = await self._server.vitals(collect=True)
        self.faults += vitals.faults
        return vitals

    async def settled(self, before: Vitals | None) -> Vitals:
        """What the server holds once it is as `before`; without that, once nobody can come back any more and it does
        not change. At the latest after SETTLE seconds."""
        await asyncio.sleep(2 * WINDOW)
        last = await self.look()
        for _ in range(int(SETTLE)):
            await asyncio.sleep(1)
            now = await self.look()
            if now.holds == (before or last).holds:
                return now
            last = now
        return last


def _report(calls: int, crowd: Crowd, before: Vitals, after: Vitals, memory: list[int]) -> dict[str, Any]:
    slope = float(np.polyfit(np.arange(len(memory)) * BATCH, np.array(memory) / 2**20, 1)[0]) * 1_000
    back = before.holds == after.holds
    failed = sum(count for kind, count in crowd.kinds.items() if "failed" in kind)
    return {
        "calls": calls,
        "kinds": dict(sorted(crowd.kinds.items())),
        "tasks": f"{before.holds.tasks} → {after.holds.tasks}",
        "threads": f"{before.holds.threads} → {after.holds.threads}",
        "files": f"{before.holds.files} → {after.holds.files}",
        "back": back,
        "mb_per_1000_calls": slope,
        "rss_mb_first": memory[0] / 2**20,
        "rss_mb_last": memory[-1] / 2**20,
        "failed": failed,
        "faults": crowd.faults[:10],
        "within_bar": back and slope < BAR_MB and not crowd.faults and not failed,
        "machine": machine(),
        "date": today(),
    }
