"""A simulated call in which reply after reply is cut: what was remembered of each, beside what was played of it."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.settings import Settings
from antiphon.lab.scripted import ScriptedLlm, ScriptedStt, ScriptedTts
from antiphon.lab.simulated_call import SimulatedCall, scripted_stages
from antiphon.lab.simulated_client import Network
from antiphon.lab.tones import ToneCode, words_of
from antiphon.session.makings import Hooks, SessionOptions, Stages
from antiphon.session.session import Session
from antiphon.types import AudioFormat, Role, SessionConfig

NETWORK = Network(delay=0.08, jitter=0.03)
ASKS = ("good morning", "do you have a table for two", "what would you recommend")
TAKES_FLOOR = ("stop wait a minute", "no that is wrong", "actually i have another question", "please listen to me")
BACKCHANNELS = ("mmhmm", "okey", "yeah")
AGENT_WORDS = (
    "we have several tables tonight one by the window near kitchen and a quiet corner which of these would you "
    "like me to reserve for your party our chef also makes fresh bread every morning with butter from farm down "
    "road it is best eaten warm there are two menus first has fish soup second no meat at all children eat half "
    "price on sundays garden opens when weather allows music plays until midnight parking costs nothing if stay "
    "over an hour just ask waiter"
)
SHORTEST, LONGEST = 20, 32  # words of a reply
CUT_WITHIN = 5.0  # seconds of a reply; few replies are over by then
PATIENCE = 15.0  # seconds without a reply, after which the caller asks again
SETTLE = 0.5  # seconds in which all that is under way arrives


class Cut(StrEnum):
    BARGE_IN = "barge-in"  # a hold, then words that take the floor
    RESUMED = "after resume"  # a backchannel, a hold, the agent goes on; then either of the other two
    CANCEL = "cancel"  # by the client, at once


@dataclass(frozen=True, slots=True)
class Cell:
    """One way in which a reply may be cut."""

    word_times: bool
    audio: AudioFormat
    cut: Cut
    acknowledges: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    remembered: tuple[str, ...]  # the words in the history
    heard: tuple[str, ...]  # the words in the audio that the client played


class _Watch:
    """What the session does, as its hooks tell it."""

    def __init__(self) -> None:
        self.written: defaultdict[str, str] = defaultdict(str)  # by the model, of each reply
        self.started: list[str] = []
        self.sounded: set[str] = set()
        self.done: dict[str, out.ReplyStatus] = {}
        self.remembered: dict[str, str] = {}  # of each reply that is done
        self.resumed = 0  # times a held reply went on
        self._session: Session | None = None
        self._before = 0  # assistant messages in the history when the reply started
        self._news = asyncio.Event()

    def begin(self, session: Session) -> None:
        self._session = session

    def step(self, now: float, event: ev.Event, actions: list[act.Action]) -> None:
        match event:
            case ev.ReplyText(reply_id, delta):
                self.written[reply_id] += delta
            case ev.PlayoutStarted(reply_id):
                self.sounded.add(reply_id)
        self.resumed += sum(isinstance(action, act.ResumePlayout) for action in actions)
        self._news.set()

    def notice(self, notice: out.Notice) -> None:
        match notice:
            case out.ReplyStarted(reply_id):
                self.started.append(reply_id)
                self._before = len(self._said())
            case out.ReplyDone(reply_id, status):
                self.done[reply_id] = status
                self.remembered[reply_id] = "".join(self._said()[self._before :])
        self._news.set()

    def _said(self) -> list[str]:
        """What the agent is remembered to have said."""
        assert self._session
        return [message.text for message in self._session.history if message.role is Role.ASSISTANT]

    async def until(self, condition: Callable[[], bool]) -> bool:
        """Whether it came true before the caller's patience was at its end."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True


async def cut_replies(cell: Cell, cuts: int, *, seed: int) -> list[Outcome]:
    """Holds a call until so many replies have been cut."""
    rng = random.Random(f"cuts {seed}")
    code = ToneCode([*ASKS, *TAKES_FLOOR, *BACKCHANNELS, AGENT_WORDS], seed=seed)
    watch = _Watch()
    async with SimulatedCall(
        code,
        stages=_stages(code, cell, rng, seed),
        config=SessionConfig(input_format=cell.audio, output_format=cell.audio),
        hooks=Hooks(on_session=watch.begin, journal=watch.step, on_notice=watch.notice),
        options=SessionOptions(settings=Settings(idle_after=None)),
        network=NETWORK,
        acknowledges=cell.acknowledges,
        seed=seed,
    ) as call:
        remembered = await _Cutter(call, cell.cut, watch, rng).cut(cuts)
        await asyncio.sleep(SETTLE)
        return [
            Outcome(_words(text), tuple(call.client.words(reply_id, code, text=watch.written[reply_id])))
            for reply_id, text in remembered.items()
        ]


class _Cutter:
    """The caller who cuts the agent short, and goes on with the next reply."""

    def __init__(self, call: SimulatedCall, how: Cut, watch: _Watch, rng: random.Random) -> None:
        self._call = call
        self._how = how
        self._watch = watch
        self._rng = rng
        self._met = 0  # replies

    async def cut(self, cuts: int) -> dict[str, str]:
        """What was remembered of each reply that was cut, by its id."""
        remembered: dict[str, str] = {}
        self._ask()
        while len(remembered) < cuts:
            reply_id = await self._next_reply()
            await self._interfere(reply_id)
            await self._watch.until(lambda reply_id=reply_id: reply_id in self._watch.done)  # type: ignore[misc]
            # A reply that ends on its own was cut too late, and one without a sound has nothing to cut.
            if self._watch.done[reply_id] is out.ReplyStatus.INTERRUPTED and reply_id in self._watch.sounded:
                remembered[reply_id] = self._watch.remembered[reply_id]
        return remembered

    async def _next_reply(self) -> str:
        """The next reply, once it sounds or is over. A caller who gets none asks again."""
        watch = self._watch
        while not await watch.until(lambda: len(watch.started) > self._met):
            self._ask()
        reply_id = watch.started[self._met]
        self._met += 1
        await watch.until(lambda: reply_id in watch.sounded or reply_id in watch.done)
        return reply_id

    async def _interfere(self, reply_id: str) -> None:
        barge_in = self._how is Cut.BARGE_IN
        if self._how is Cut.RESUMED:
            barge_in = self._rng.random() < 0.5
            await self._backchannel(reply_id)
            await asyncio.sleep(self._rng.uniform(0, CUT_WITHIN / 2))
        else:
            await asyncio.sleep(self._rng.uniform(0, CUT_WITHIN))
        if reply_id in self._watch.done:
            self._ask()
        elif barge_in:
            self._call.say(self._rng.choice(TAKES_FLOOR))  # which the next reply answers
        else:
            self._call.session.interrupt(reply_id)
            await self._watch.until(lambda: reply_id in self._watch.done)
            self._ask()

    async def _backchannel(self, reply_id: str) -> None:
        """The agent is made to hold, and has gone on."""
        await asyncio.sleep(self._rng.uniform(0, CUT_WITHIN / 2))
        watch, before = self._watch, self._watch.resumed
        self._call.say(self._rng.choice(BACKCHANNELS))
        await watch.until(lambda: watch.resumed > before or reply_id in watch.done)

    def _ask(self) -> None:
        self._call.pause(self._rng.uniform(0.5, 1.0))
        self._call.say(self._rng.choice(ASKS))


def _stages(code: ToneCode, cell: Cell, rng: random.Random, seed: int) -> Stages:
    return replace(
        scripted_stages(code),
        stt=ScriptedStt(code, seed=seed),
        llm=ScriptedLlm(lambda _: _reply(rng), seed=seed),
        tts=ScriptedTts(code, word_times=cell.word_times, seed=seed),
    )


def _reply(rng: random.Random) -> str:
    """Sentences of a few clauses, of no meaning."""
    vocabulary = AGENT_WORDS.split()
    words = [rng.choice(vocabulary) for _ in range(rng.randint(SHORTEST, LONGEST))]
    for i in range(rng.randint(3, 8), len(words), 7):
        words[i] += rng.choice((",", ".", "?"))
    return " ".join(words) + "."


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for _, word in words_of(text))
