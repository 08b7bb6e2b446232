"""One call in virtual time to which everything happens at once: what the caller did, and what came of it.

Providers refuse, hang, stall, break off and answer late; tools fail and hang; the network stands still and then brings
everything at once; sockets are lost and the client comes back, or does not. The caller asks, hesitates, interrupts,
hums, stops the agent, and goes. Each thing that is asked for has a word of its own, so that it is known where it went.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.endpointing import Patience
from antiphon.conversation.settings import Mode, Settings, Speculation
from antiphon.lab.scripted import ScriptedTts
from antiphon.lab.scripted.faulty import FaultyLlm, FaultyStt, FaultyTts, Mishaps
from antiphon.lab.scripted.llm import Reply, refusal
from antiphon.lab.simulated_call import SimulatedCall, Spoken, scripted_stages
from antiphon.lab.simulated_client import Line, Network
from antiphon.lab.tones import ToneCode, words_of
from antiphon.providers.base import LlmRequest, TextDelta
from antiphon.providers.fallback import resolve
from antiphon.providers.fallback.seam import GO_ON
from antiphon.providers.registry import Stage
from antiphon.session.lines import Lines
from antiphon.session.makings import Hooks, SessionOptions, Stages
from antiphon.tools.function import tool
from antiphon.types import PCM_24K, ULAW_8K, Message, Role, SessionConfig, ToolCall

NETWORK = Network(delay=0.04, jitter=0.02)
THINGS = (
    "alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo"
).split()
ASKS = ("i would like {} please", "what about {} tonight", "tell me more about {}", "and now {} for two people")
HUMS = ("mmhmm", "okey", "yeah")
ANSWER = "regarding {} we have several left and they are all quite fresh today so shall we keep one for your party"
LOOKING = "let me look at that"
SAID = "by the way our garden is open"
CODE = ToneCode([*THINGS, *ASKS, *HUMS, ANSWER, LOOKING, SAID, Settings().fallback_line, Settings().farewell_line])
TOOL_TIMEOUT = 4.0  # seconds
PATIENCE = 6.0  # seconds that the caller waits for a reply to end, or to begin
SETTLES_WITHIN = 60.0  # seconds after the caller's last question in which nothing is left to be done
ENDS_WITHIN = 5.0  # seconds that a session has to end
SETTLE_STEP = 0.5  # seconds between two looks
CALM = 4.0  # seconds of quiet after which a call is settled


@dataclass
class Asked:
    """One thing the caller asked for."""

    thing: str
    spoken: Spoken
    lost: bool = False  # some of it was on its way when a connection was lost, or said while there was none
    torn: bool = False  # the line stood still in the middle of it: its parts may be heard as two


@dataclass
class Story:
    """What came of a call. Times are the loop's."""

    asked: list[Asked] = field(default_factory=list)
    notices: list[tuple[float, out.Notice]] = field(default_factory=list)  # as they were sent, also to nobody
    away: list[tuple[float, float]] = field(default_factory=list)  # from the loss of a connection to the next one
    stopped: list[float] = field(default_factory=list)  # when the client asked for silence
    written: dict[str, str] = field(default_factory=dict)  # by the model, of each reply
    begun: dict[str, float] = field(default_factory=dict)  # when each reply was asked for
    returned: list[float] = field(default_factory=list)  # when tools did
    dispatched: int = 0  # calls of tools
    run: Counter[str] = field(default_factory=Counter)  # tool calls, by id
    history: tuple[Message, ...] = ()
    settled: bool = False
    ended: bool = False  # in time
    left_over: list[str] = field(default_factory=list)  # tasks and streams of a call that is over
    refused: list[str] = field(default_factory=list)  # requests that no vendor would have taken
    crashes: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)

    def step(self, now: float, event: ev.Event, actions: list[act.Action]) -> None:
        if isinstance(event, ev.ReplyText):
            self.written[event.reply_id] = self.written.get(event.reply_id, "") + event.delta
        elif isinstance(event, ev.ToolReturned):
            self.returned.append(now)
        self.dispatched += sum(isinstance(one, act.RunTool) for one in actions)
        self.begun.update({one.reply_id: now for one in actions if isinstance(one, act.StartReply)})

    @property
    def open_now(self) -> bool:
        """The caller has the floor, or a reply or a tool has not ended."""
        if len(self.returned) < self.dispatched:
            return True
        floor = [notice for _, notice in self.notices if isinstance(notice, out.SpeechStarted | out.SpeechStopped)]
        replies = Counter(type(notice) for _, notice in self.notices)
        return (bool(floor) and isinstance(floor[-1], out.SpeechStarted)) or replies[out.ReplyStarted] != replies[
            out.ReplyDone
        ]


async def hold(seed: int) -> Story:
    """The call of this seed, from its first moment until nothing of it should be left."""
    loop, story = asyncio.get_running_loop(), Story()
    loop.set_exception_handler(lambda _, context: story.crashes.append(str(context.get("exception", context))))
    rng, mishaps = random.Random(f"faults {seed}"), Mishaps(seed)
    providers = _Providers(mishaps)
    call = SimulatedCall(
        CODE,
        stages=providers.stages(),
        config=_config(rng),
        tools=(_tool(story, mishaps),),
        hooks=Hooks(journal=story.step),
        options=SessionOptions(settings=_settings(rng)),
        network=NETWORK,
        acknowledges=rng.random() < 0.5,
        seed=seed,
    )
    story.notices = call.client.notices
    async with call:
        await _Script(call, story, rng, mishaps).act()
        began = loop.time()
    story.history = call.session.history
    story.ended = loop.time() - began < ENDS_WITHIN
    await providers.aclose()
    story.left_over += [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    story.left_over += providers.open_streams()
    story.refused = providers.refused()
    story.happened += mishaps.count
    return story


class _Script:
    """What the caller does, and what the network does meanwhile."""

    def __init__(self, call: SimulatedCall, story: Story, rng: random.Random, mishaps: Mishaps) -> None:
        self._call, self._story, self._rng, self._mishaps = call, story, rng, mishaps
        self._loop = asyncio.get_running_loop()
        self._done = False

    async def act(self) -> None:
        rng = self._rng
        for at in sorted(rng.uniform(0.5, 30.0) for _ in range(rng.randint(0, 4))):
            self._loop.call_later(at, self._disturb)
        for thing in rng.sample(THINGS, rng.randint(2, 4)):
            await self._wait()
            self._ask(thing)
        await self._settle()
        self._done = True
        self._leave()

    async def _wait(self) -> None:
        """Until a reply has ended, or in the middle of one."""
        rng = self._rng
        kind = out.ReplyDone if rng.random() < 0.6 else out.ReplyStarted
        with contextlib.suppress(TimeoutError):
            client = self._call.client
            await client.until(kind, count=len(client.all(kind)) + 1, timeout=PATIENCE)
        await asyncio.sleep(rng.uniform(0.0, 2.5))

    def _ask(self, thing: str) -> None:
        rng, call = self._rng, self._call
        text = rng.choice(ASKS).format(thing)
        first = call.say(text) if rng.random() < 0.7 else self._hesitantly(text)
        away = bool(self._story.away) and self._story.away[-1][1] > self._loop.time()
        self._story.asked.append(Asked(thing, first, lost=away))

    def _hesitantly(self, text: str) -> Spoken:
        """With a pause somewhere in it, that may be taken for the end."""
        words = text.split()
        cut = self._rng.randint(1, len(words) - 1)
        begun = self._call.say(" ".join(words[:cut]))
        self._call.pause(self._rng.uniform(0.3, 1.5))
        return Spoken(begun.begins, self._call.say(" ".join(words[cut:])).ends)

    def _disturb(self) -> None:
        if self._done:
            return
        kind = self._rng.choice(("line stalls", "connection lost", "hum", "noise", "stopped", "said", "client resets"))
        self._story.happened[kind] += 1
        seconds = self._rng.uniform(0.3, 4.0)
        match kind:
            case "line stalls":
                self._stall(self._rng.choice((self._call.uplink, self._call.client.line)), seconds)
            case "connection lost":
                self._lose(self._rng.uniform(0.2, 12.0))
            case "hum":
                self._call.say(self._rng.choice(HUMS))
            case "noise":
                self._call.caller.say(self._noise(seconds / 4))
            case "stopped":
                self._story.stopped.append(self._loop.time())
                self._call.session.interrupt()
            case "said":
                self._call.session.say(SAID)
            case _:
                self._call.session.update(self._call.session.config)

    def _stall(self, line: Line[Any], seconds: float) -> None:
        line.stall(seconds)
        for asked in self._story.asked:
            asked.torn |= asked.spoken.begins <= self._loop.time() <= asked.spoken.ends

    def _noise(self, seconds: float) -> bytes:
        return bytes(self._rng.randbytes(round(seconds * self._call.caller.rate) * 2))

    def _lose(self, seconds: float) -> None:
        call, now = self._call, self._loop.time()
        if self._story.away and self._story.away[-1][1] >= now:
            return
        for asked in self._story.asked:
            asked.lost |= asked.spoken.ends + NETWORK.delay + NETWORK.jitter + call.uplink.behind > now
        self._story.away.append((now, now + seconds))
        call.uplink.cut()
        call.client.line.cut()
        call.client.playback.flush(now)
        call.session.lost(now)
        self._loop.call_later(seconds, self._come_back)

    def _come_back(self) -> None:
        if self._done:
            return
        self._call.uplink.mend()
        self._call.client.line.mend()
        self._call.session.returned()

    async def _settle(self) -> None:
        """Until all is quiet and has been for a while."""
        calm = 0.0
        until = self._loop.time() + SETTLES_WITHIN + sum(end - begin for begin, end in self._story.away)
        while self._loop.time() < until and calm < CALM:
            await asyncio.sleep(SETTLE_STEP)
            away = self._story.away and self._story.away[-1][1] > self._loop.time()
            calm = 0.0 if self._story.open_now or away else calm + SETTLE_STEP
        self._story.settled = calm >= CALM

    def _leave(self) -> None:
        session = self._call.session
        match self._rng.randint(0, 3):
            case 0:
                session.end()
            case 1:
                session.lost(self._loop.time())
            case 2:
                session.say(SAID)  # which nobody will hear


class _Providers:
    """Half of the stages have another behind the first, which fails as often."""

    def __init__(self, mishaps: Mishaps) -> None:
        self._mishaps = mishaps
        answer = _answers(mishaps.rng)
        self._stt = [FaultyStt(CODE, mishaps, name=name) for name in self._names("stt")]
        self._llm = [FaultyLlm(answer, mishaps, name=name) for name in self._names("llm")]
        self._tts = [FaultyTts(CODE, mishaps, name=name) for name in self._names("tts")]
        made: dict[Stage, list[Any]] = {"stt": self._stt, "llm": self._llm, "tts": self._tts}
        self._chains = {stage: one[0] if len(one) == 1 else resolve(stage, one) for stage, one in made.items()}

    def stages(self) -> Stages:
        return replace(scripted_stages(CODE), lines=Lines(ScriptedTts(CODE)), **self._chains)

    async def aclose(self) -> None:
        for chain in self._chains.values():
            await chain.aclose()

    def open_streams(self) -> list[str]:
        open_now = {
            **{stt.name: stt.opened - stt.closed for stt in self._stt},
            **{llm.name: llm.running for llm in self._llm},
            **{tts.name: tts.opened - tts.finished - tts.cancelled for tts in self._tts},
        }
        return [f"{count} of {name}" for name, count in open_now.items() if count]

    def refused(self) -> list[str]:
        window = self._llm[0].capabilities.context_window
        requests = (request for llm in self._llm for request in llm.requests)
        return [why for request in requests if (why := refusal(request, window))]

    def _names(self, stage: str) -> list[str]:
        second = [f"scripted/second-{stage}"] if self._mishaps.rng.random() < 0.5 else []
        return [f"scripted/{stage}", *second]


def _answers(rng: random.Random) -> Callable[[LlmRequest], Reply]:
    def answer(request: LlmRequest) -> Reply:
        asked = next((message.text for message in reversed(request.messages) if message.role is Role.USER), "")
        text = ANSWER.format(" ".join(word for _, word in words_of(asked) if word in THINGS))
        *_, begun, last = (Message(Role.USER, ""), *request.messages)
        if last.text == GO_ON:
            return text[len(begun.text) :] if text.startswith(begun.text) else text
        if last.role is Role.USER and request.tools and rng.random() < 0.25:
            call_id = f"call_{rng.randrange(2**48):x}"
            call = ToolCall(call_id, "look", {"at": call_id})
            return [TextDelta(f"{LOOKING}. "), call] if rng.random() < 0.5 else [call]
        return text

    return answer


def _tool(story: Story, mishaps: Mishaps) -> Any:
    @tool(timeout=TOOL_TIMEOUT)
    async def look(at: str) -> str:
        story.run[at] += 1
        kind = mishaps.draw("tool fails", "tool hangs")
        await asyncio.sleep(mishaps.rng.uniform(0.1, 2.5) if kind != "tool hangs" else 60.0)
        if kind == "tool fails":
            raise RuntimeError("no")
        return "three are left"

    return look


def _config(rng: random.Random) -> SessionConfig:
    audio = rng.choice((PCM_24K, ULAW_8K))
    return SessionConfig(input_format=audio, output_format=audio, greeting=rng.choice((None, SAID)))


def _settings(rng: random.Random) -> Settings:
    return Settings(
        mode=Mode.CASCADE if rng.random() < 0.15 else Mode.STREAMING,
        patience=rng.choice((None, *Patience)),
        speculation=rng.choice(tuple(Speculation)),
        idle_after=None,
        filler_after=rng.choice((None, 1.5)),
    )
