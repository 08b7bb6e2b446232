"""A call over the wire, in virtual time, whose connection is cut at one moment: who says what, and what came of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from antiphon.conversation import notices as out
from antiphon.conversation.settings import Settings
from antiphon.lab.cut_client import CutClient
from antiphon.lab.scripted import EnergyVad, ScriptedLlm, ScriptedStt, ScriptedTts, TtsTiming
from antiphon.lab.scripted.llm import Reply
from antiphon.lab.simulated_client import Network
from antiphon.lab.tones import ToneCode, words_of
from antiphon.providers.base import LlmRequest, TextDelta
from antiphon.server.connection import Connection
from antiphon.server.runtime import Blueprint, Runtime
from antiphon.server.service import ServerOptions, Service
from antiphon.server.stores.base import Changes, StaleEpoch
from antiphon.server.stores.memory import MemoryStore
from antiphon.session.makings import Hooks, SessionOptions, Stages
from antiphon.session.session import Session
from antiphon.tools.function import tool
from antiphon.types import Message, Role, ToolCall

NETWORK = Network(delay=0.04, jitter=0.01)
GREETING = "welcome to the corner restaurant how can i help you today"
BOOKING, BOOKED = (
    "let me see what is free",
    "your table for two people is booked at eight and it is the one by the window",
)
PARKING = "there is room in the yard behind our house and it costs nothing for anyone who comes as guests of ours"
GOODBYE = "goodbye then and see you later tonight"
UNSURE = "i cannot tell whether that went through"
TURNS = {
    "i want to book a table for two people": (BOOKING, BOOKED),
    "and where should my car stay": ("", PARKING),
    "thank you very much": ("", GOODBYE),
}
TOOLS = {"i want": "book", "and where": "park"}  # by the beginning of a turn; the second is the client's
CODE = ToneCode([GREETING, BOOKING, BOOKED, PARKING, GOODBYE, UNSURE, *TURNS])
TTS_TAKES = 0.15  # seconds to its first audio
BOOK_TAKES = 1.5  # seconds
STORE_TAKES = 0.01  # seconds a write
PARK_TIMES_OUT = 6.0
PATIENCE = 60.0  # seconds for an answer that must come


class Lost(StrEnum):
    """How a connection is lost."""

    CLOSED = "closed"  # the server notices
    DEAD = "dead"  # it does not: the next connection tells it
    KILLED = "killed"  # the server's process goes with it; another has its store


@dataclass(frozen=True, slots=True)
class Cut:
    at: float  # seconds since the call began
    away: float  # seconds until the client is back
    how: Lost = Lost.CLOSED


@dataclass
class Outcome:
    client: CutClient
    history: tuple[Message, ...] = ()
    said: list[out.AgentTranscript] = field(default_factory=list)  # as the server ended each reply
    booked: int = 0  # times the server's tool was run
    asked: list[float] = field(default_factory=list)  # when the model was
    failure: str = ""  # why the call came to no end


class CutCall:
    """One call. `counts`: the client asks for the extension "seq", and says what it has played."""

    def __init__(self, *, counts: bool, cut: Cut | None, seed: int) -> None:
        self._cut = cut
        self._rng = random.Random(f"cut call {seed}")
        self._store = MemoryStore()
        self._sessions: list[Session] = []
        self._seed = seed
        self._house = self._open()
        self._dead: _House | None = None
        self.client = CutClient(self._serve, code=CODE, network=NETWORK, counts=counts, rng=self._rng)
        self.outcome = Outcome(self.client)

    async def run(self) -> Outcome:
        await self._house.service.open()
        calling = asyncio.create_task(self._hold())
        if self._cut:
            asyncio.get_running_loop().call_later(self._cut.at, self._lose, self._cut)
        try:
            async with asyncio.timeout(10 * PATIENCE):
                await calling
        except TimeoutError:
            self.outcome.failure = "the call came to no end"
        self.outcome.history = self._sessions[-1].history if self._sessions else ()
        await self.client.aclose()
        for house in filter(None, (self._dead, self._house)):
            await house.service.aclose()
        return self.outcome

    async def _hold(self) -> None:
        """What the caller says, each turn once the answer to the one before it was heard out."""
        await self.client.begin(greeting=GREETING, tools=[_park()])
        await self.client.heard_out(GREETING, patience=PATIENCE)
        for turn, (_, answer) in TURNS.items():
            await asyncio.sleep(self._rng.uniform(0.7, 1.2))
            self.client.say(turn)
            if not await self.client.heard_out(answer, UNSURE, patience=PATIENCE):
                self.client.say(turn)  # as anyone would
                await self.client.heard_out(answer, UNSURE, patience=PATIENCE)
        await self.client.end()

    def _lose(self, cut: Cut) -> None:
        if cut.how is Lost.KILLED:
            self._house.kill()
            self._dead, self._house = self._house, self._open()
        self.client.lose(dead=cut.how is not Lost.CLOSED, away=cut.away)

    async def _serve(self, websocket: object) -> None:
        await self._house.serve(websocket)

    def _open(self) -> _House:
        async def book() -> str:
            self.outcome.booked += 1
            await asyncio.sleep(BOOK_TAKES)
            return "done"

        store = _Mortal(self._store)

        def on_reply(said: out.AgentTranscript) -> None:
            if store.alive:
                self.outcome.said.append(said)

        hooks = Hooks(on_session=self._sessions.append, on_reply=on_reply)
        stages = Stages(
            stt=ScriptedStt(CODE, seed=self._seed),
            llm=ScriptedLlm(self._answer, seed=self._seed),
            tts=ScriptedTts(CODE, timing=TtsTiming(first_audio=TTS_TAKES, jitter=0), seed=self._seed),
            vad=EnergyVad(),
        )
        options = SessionOptions(settings=Settings(idle_after=None, filler_after=None))
        return _House(Blueprint(stages, {}, (tool(book),), hooks, options), store)

    def _answer(self, request: LlmRequest) -> Reply:
        self.outcome.asked.append(asyncio.get_running_loop().time())
        return answer(request)


class _Mortal:
    """A process's way to the store. Once it is dead it writes nothing, as if another owned all its sessions."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.alive = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def write(self, id: str, epoch: int, changes: Changes) -> None:
        await asyncio.sleep(STORE_TAKES)
        if not self.alive:
            raise StaleEpoch("the process is dead")
        await self._store.write(id, epoch, changes)


class _House:
    """One server process, as far as it can be one here."""

    def __init__(self, blueprint: Blueprint, store: _Mortal) -> None:
        now = asyncio.get_running_loop().time
        self._store = store
        self.service = Service(ServerOptions(store=cast(Any, store), origins=("*",)), now=now)
        self._runtime = Runtime(blueprint)

    async def serve(self, websocket: object) -> None:
        await self.service.open()
        await Connection(websocket, self._runtime, self.service).serve()  # type: ignore[arg-type]

    def kill(self) -> None:
        """It stores nothing any more."""
        self._store.alive = False


def answer(request: LlmRequest) -> Reply:
    """What the model says: never what it has said already."""
    messages = [message for message in request.messages if message.role is not Role.SYSTEM]
    users = [i for i, message in enumerate(messages) if message.role is Role.USER]
    asked = " ".join(messages[i].text for i in users)
    turn = max(TURNS, key=lambda turn: max(asked.rfind(word) for word in turn.split() if len(word) > 3))
    since = messages[users[-1] :] if users else messages
    before, after = TURNS[turn]
    name = next((name for begins, name in TOOLS.items() if turn.startswith(begins)), "")
    results = [message.text for message in since if message.role is Role.TOOL]
    if name and not results:
        return [*([TextDelta(rest)] if (rest := _rest(before, since)) else []), ToolCall(f"call_{name}", name, {})]
    after = UNSURE if results and results[-1] != "done" else after
    return _rest(after, since) or "fine"


def _rest(text: str, since: list[Message]) -> str:
    """What of a text was not said yet: all but the longest beginning of it that was."""
    words = text.split()
    said = [word for message in since if message.role is Role.ASSISTANT for _, word in words_of(message.text)]
    begun = max((n for n in range(len(words) + 1) if said[len(said) - n :] == words[:n]), default=0)
    return " ".join(words[begun:])


def script(outcome: Outcome) -> Iterator[str]:
    """The words the agent should have said, as its tools turned out."""
    results = {message.call_id: message.text for message in outcome.history if message.role is Role.TOOL}
    yield from GREETING.split()
    for turn, (before, after) in TURNS.items():
        yield from before.split()
        name = next((name for begins, name in TOOLS.items() if turn.startswith(begins)), "")
        yield from (UNSURE if name and results.get(f"call_{name}", "done") != "done" else after).split()


def _park() -> dict[str, object]:
    return {"name": "park", "parameters": {}, "timeout_seconds": PARK_TIMES_OUT}
