"""What the tests of whole calls share: one tone code, one greeting, and a call run in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from antiphon.conversation import notices as out
from antiphon.conversation.settings import Settings
from antiphon.lab import virtual
from antiphon.lab.scripted import LlmTiming, ScriptedLlm, ScriptedTts, SttTiming, TtsTiming
from antiphon.lab.scripted import ScriptedStt as Stt
from antiphon.lab.simulated_call import SimulatedCall, scripted_stages
from antiphon.lab.tones import ToneCode, words_of
from antiphon.session.makings import SessionOptions, Stages
from antiphon.types import SessionConfig

CODE = ToneCode(["stop wait a minute mmhmm okey i want to book a table for two please good morning now"])
GREETING = "Hello there, how can I help you today?"
LONG = (
    "We have several tables tonight, one by the window, one near the kitchen, and a quiet one in the corner. "
    "Which of these would you like me to reserve for you?"
)

Scenario = Callable[[SimulatedCall], Awaitable[Any]]


def run_call(scenario: Scenario, **options: Any) -> Any:
    """A call from its first moment to its last; returns what the scenario does."""

    async def main() -> Any:
        options.setdefault("config", SessionConfig(greeting=GREETING))
        async with SimulatedCall(CODE, **options) as call:
            return await scenario(call)

    return virtual.run(main(), limit=600)


def stages(reply: Any = "Okay.", **changes: Any) -> Stages:
    made = scripted_stages(CODE)
    return replace(made, llm=ScriptedLlm(reply), **changes)


def instant(reply: Any = "Okay.", **changes: Any) -> Stages:
    """Stages that take no time at all: what is left is the session's own."""
    return replace(
        scripted_stages(CODE),
        stt=Stt(CODE, timing=SttTiming.instant()),
        llm=ScriptedLlm(reply, timing=LlmTiming.instant()),
        tts=ScriptedTts(CODE, timing=TtsTiming.instant()),
        **changes,
    )


def settings(**changes: Any) -> SessionOptions:
    return SessionOptions(settings=Settings(**changes))


def words(text: str) -> list[str]:
    return [word for _, word in words_of(text)]


async def turn(call: SimulatedCall, text: str) -> None:
    """The caller says this after all was quiet, and hears the answer out."""
    done = len(call.client.all(out.ReplyDone))
    call.say(text)
    await call.client.until(out.ReplyDone, count=done + 1)


def agent_said(call: SimulatedCall) -> list[tuple[str, bool]]:
    """What the agent is remembered to have said, and whether it was interrupted."""
    return [(notice.text, notice.interrupted) for notice in call.client.all(out.AgentTranscript)]
