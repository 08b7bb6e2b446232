"""What answers the calls of `bench crash`: an agent that talks, runs tools and, asked to, tells what it remembers."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from antiphon.conversation.settings import Settings
from antiphon.lab.bench_leaks import ForgetfulLlm, ForgetfulTts
from antiphon.lab.scripted import EnergyVad, ScriptedStt
from antiphon.lab.scripted.llm import LlmTiming, Reply
from antiphon.lab.tones import ToneCode
from antiphon.providers.base import LlmRequest
from antiphon.server.limits import Limits
from antiphon.server.runtime import Blueprint
from antiphon.server.service import ServerOptions, Service
from antiphon.server.stores import make_store
from antiphon.session.makings import SessionOptions, Stages
from antiphon.tools.function import tool
from antiphon.types import Role, ToolCall

GREETING = "good morning this is the garden shop what can we do for you today my friend"
TALK = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
DONE = "fine that is done for you"
# What a caller says, and the tool that the model calls for it.
CHAT, PAY, LOOK, CONFIRM, REPORT = "talk to me", "charge my card", "look it up", "confirm the order", "report now"
TOOL_OF = {PAY: "charge", LOOK: "look_up", CONFIRM: "confirm", REPORT: "report"}
CODE = ToneCode([GREETING, TALK, DONE, *TOOL_OF, CHAT])
TOOL_TAKES = 1.5  # seconds from its effect to its result


def think(request: LlmRequest) -> Reply:
    last = request.messages[-1]
    if last.role is Role.TOOL:
        return DONE
    asked = next((message.text for message in reversed(request.messages) if message.role is Role.USER), "")
    name = TOOL_OF.get(asked.strip(" .").lower())
    if name is None:
        return TALK
    arguments = {"memory": memory(request)} if name == "report" else {"order": uuid.uuid4().hex}
    return [ToolCall(f"call_{uuid.uuid4().hex}", name, arguments)]


def memory(request: LlmRequest) -> list[list[str]]:
    """What the model is given of the call so far: who said what."""
    said = [[m.role.value, m.text] for m in request.messages if m.role in (Role.USER, Role.ASSISTANT) and m.text]
    return said[:-1]  # but for the question


def blueprint(effects: Path) -> Blueprint:
    """`effects` is a file that each run of a tool adds a line to when it has taken effect, and when its result is
    known."""

    @tool
    async def charge(order: str) -> str:
        """Charge the card."""
        return await _take_effect(effects, "charge", order)

    @tool(idempotent=True)
    async def look_up(order: str) -> str:
        """Look it up."""
        return await _take_effect(effects, "look_up", order)

    stages = Stages(
        stt=ScriptedStt(CODE),
        llm=ForgetfulLlm(think, timing=LlmTiming(first_token=0.3)),
        tts=ForgetfulTts(CODE),
        vad=EnergyVad(),
    )
    settings = Settings(idle_after=None, filler_lines=(), max_tokens=1_000)
    return Blueprint(stages, {}, tools=(charge, look_up), options=SessionOptions(settings=settings))


async def _take_effect(effects: Path, name: str, order: str) -> str:
    _note(effects, f"run {name} {order}")
    await asyncio.sleep(TOOL_TAKES)
    _note(effects, f"end {name} {order}")
    return "done"


def _note(effects: Path, line: str) -> None:
    with effects.open("a") as file:
        os.write(file.fileno(), f"{line}\n".encode())


@dataclass(frozen=True, slots=True)
class Effects:
    """What came of the tools, by name and order."""

    runs: Counter[tuple[str, str]]
    cut_short: frozenset[tuple[str, str]]  # their server died before the result was known


def effects_in(path: Path) -> Effects:
    noted: dict[str, Counter[tuple[str, str]]] = {"run": Counter(), "end": Counter()}
    for line in path.read_text().splitlines() if path.exists() else ():
        what, name, order = line.split()
        noted[what][name, order] += 1
    cut_short = noted["run"] - noted["end"]
    return Effects(noted["run"], frozenset(cut_short))


def service(store: str) -> Service:
    return Service(ServerOptions(store=make_store(store), limits=Limits(lag=60.0)))
