"""Servers for the tables: each runs in a thread of its own for as long as its tests need it, with scripted stages."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from antiphon.errors import AuthError, BadRequest, Overloaded
from antiphon.lab.scripted import (
    EnergyVad,
    LlmTiming,
    ScriptedLlm,
    ScriptedStt,
    ScriptedTts,
    SttTiming,
    TtsFaults,
    TtsTiming,
)
from antiphon.lab.scripted.llm import Reply
from antiphon.lab.tones import ToneCode
from antiphon.providers.base import LlmRequest, TextDelta
from antiphon.server.limits import Limits
from antiphon.session.makings import Stages
from antiphon.types import Role, ToolCall
from tests.server_api.serving import KEY, OTHER_KEY, Served, serving

SAYABLE = "book a table please both long fail stop and i do mind yes mhm recite again sorry result four certainly"
LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
CODE = ToneCode([SAYABLE, LONG])

AGENT = {"name": "Ada", "system_prompt": "You are Ada.", "voice": {"voice_id": "ivy"}, "greeting": "Hello."}


def think(request: LlmRequest) -> Reply:
    """The agents' model: does what the last message says, in words that the tables can use."""
    *before, last = request.messages
    text = last.text.lower()
    if last.role is Role.TOOL:
        return f"Result {text}."
    if text == "recite":
        return " ".join(message.text for message in before if message.text)
    if text.startswith("say "):
        return last.text[4:]
    if "long" in text:
        return LONG
    if "fail midway" in text:
        return [TextDelta("One two three. Four five six. Seven"), Overloaded("529: no room")]
    if "fail" in text:
        return BadRequest("the model will not")
    if text == "nothing":
        return ""
    if request.tools and ("book" in text or "both" in text):
        calls = 2 if "both" in text else 1
        return [ToolCall(f"call_{n}", request.tools[0].name, {"people": n + 2}) for n in range(calls)]
    return "Certainly."


class BrokenLlm(ScriptedLlm):
    async def warm(self) -> None:
        raise AuthError("the key is wrong")


def stages(model: type[ScriptedLlm] = ScriptedLlm, *, voice: TtsFaults | None = None) -> Stages:
    return Stages(
        stt=ScriptedStt(CODE, timing=SttTiming.instant()),
        llm=model(think, timing=LlmTiming.instant()),
        tts=ScriptedTts(CODE, timing=TtsTiming.instant(), faults=voice),
        vad=EnergyVad(),
    )


HOUSES: dict[str, dict[str, Any]] = {
    "open": {},  # the usual one
    "strict": {"strict": True},
    "full": {"limits": Limits(sessions=0)},
    "one each": {"limits": Limits(sessions_per_key=1)},
    "brief": {"limits": Limits(session_duration=0.3)},
    "impatient": {"limits": Limits(handshake=0.2)},
    "forgetful": {"limits": Limits(resume_window=0.2)},
    "slow": {"limits": Limits(audio_ahead=1.0)},
    "broken": {"made": stages(BrokenLlm)},
    "mute": {"made": stages(voice=TtsFaults(fail_after=0))},
}


class House:
    """A server's address, and the names that its tables may use: $KEY, $TOKEN, $AGENT …"""

    def __init__(self, served: Served) -> None:
        self.ws = served.ws
        self.rest = served.ws.replace("ws://", "http://").removesuffix("/ws")

    def names(self, wanted: str) -> dict[str, str]:
        """The values of the names that occur in the text `wanted`; fresh ones where they are used up."""
        makers = {"KEY": lambda: KEY, "OTHER_KEY": lambda: OTHER_KEY, "TOKEN": self._token, "AGENT": self._agent}
        return {name: make() for name, make in makers.items() if f"${name}" in wanted}

    def is_over(self, session_id: str) -> bool:
        found = self.request("GET", f"/sessions/{session_id}", headers={"Authorization": KEY})
        return bool(found.json()["status"] == "completed")

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        with httpx2.Client(base_url=self.rest, trust_env=False) as client:
            return client.request(method, path, **options)

    def _token(self) -> str:
        made = self.request("POST", "/tokens", headers={"Authorization": KEY})
        return str(made.json()["token"])

    def _agent(self) -> str:
        made = self.request("POST", "/agents", headers={"Authorization": KEY}, json=AGENT)
        return str(made.json()["id"])


@contextmanager
def house(name: str) -> Iterator[House]:
    """Opens the house in a thread; closes it at the end."""
    opened: list[House] = []
    loop, opening = asyncio.new_event_loop(), threading.Event()
    closing = asyncio.Event()

    async def live() -> None:
        async with serving(**{"made": stages(), **HOUSES[name]}) as served:
            opened.append(House(served))
            opening.set()
            await closing.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(live()), name=f"house:{name}", daemon=True)
    thread.start()
    assert opening.wait(30), f"the house {name!r} did not open"
    try:
        yield opened[0]
    finally:
        loop.call_soon_threadsafe(closing.set)
        thread.join(30)
        loop.close()
