"""One call of `bench crash`: a caller who talks and listens without a pause, and comes back when the line is cut.

It knows what it said and what it heard, to the sample. What the agent remembers at the end is laid against that.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from antiphon.client import events as ev
from antiphon.client.client import Client
from antiphon.client.errors import CannotConnect, ClientError, ConnectionLost, Refused
from antiphon.client.playback import Playback
from antiphon.errors import SessionClosed
from antiphon.lab.crash_site import CHAT, CODE, CONFIRM, DONE, GREETING, LOOK, PAY, REPORT, TALK, TOOL_TAKES
from antiphon.lab.tones import words_of

RATE = 24_000  # Hz
FRAME = 0.02  # seconds
ANSWER_WITHIN = 12.0  # seconds; then the caller says it again
COME_BACK_WITHIN = 25.0  # seconds
TRY_EVERY = 0.25  # seconds
ACKNOWLEDGE_EVERY = 0.1  # seconds
TOLERANCE = 0.25  # seconds that what is remembered as heard may be off
CLIENT_TOOLS = [
    {"name": "confirm", "parameters": {"type": "object", "properties": {"order": {"type": "string"}}}},
    {"name": "report", "parameters": {"type": "object", "properties": {"memory": {"type": "array"}}}},
]
ENDINGS = frozenset(text.split()[-1] for text in (GREETING, TALK, DONE))


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of the conversation as the caller knows it: of `words`, at least and at most so many are remembered."""

    role: str
    words: tuple[str, ...]
    least: int
    most: int

    @classmethod
    def exactly(cls, role: str, text: str) -> Said:
        words = tuple(word for _, word in words_of(text))
        return cls(role, words, len(words), len(words))


@dataclass(slots=True)
class Cut:
    """The connection was lost."""

    at: float  # loop time
    reply_id: str | None  # that was being heard
    played: int  # samples of it
    back: float | None = None  # loop time of session.ready
    audible: float | None = None  # of the first reply after it
    stored: int | None = None  # samples of it that the store had as heard, once the server was dead


@dataclass(slots=True)
class Verdict:
    """What is wrong with a call; nothing, if it went on with its history."""

    faults: list[str] = field(default_factory=list)
    cut: Cut | None = None
    asked_again: int = 0  # tool calls that came to the client twice


class Call:
    """`run` holds it; `go_on` is set when it has gone on for long enough."""

    def __init__(self, url: str, *, seed: int, acknowledges: bool) -> None:
        self.session_id = ""
        self.cut: Cut | None = None
        self.finish = asyncio.Event()  # from now on: one more turn, then the report
        self._url = url
        self._rng = random.Random(f"call {seed}")
        self._extensions = ("playout",) if acknowledges else ()
        self._loop = asyncio.get_running_loop()
        self._client: Client | None = None  # None: cut off
        self._back = asyncio.Event()  # it is not
        self._speech = bytearray()  # still to be said
        self._kept: list[bytes] = []  # said while cut off
        self._playback = Playback(RATE)
        self._received: dict[str, bytearray] = {}  # audio of each reply
        self._said: list[Said] = []
        self._open: str | None = None  # the reply that has begun and not ended
        self._heard_out = asyncio.Event()  # an answer has come to its end
        self._uttered: str | None = None  # and not yet understood
        self._calls: list[str] = []  # ids of the client's tool calls
        self._answering: list[asyncio.Task[None]] = []
        self._memory: list[list[str]] | None = None
        self.stored_at_cut: Any = None  # called with this call when it is cut, before it comes back

    # --- the call ---------------------------------------------------------------------------------------------------

    async def run(self) -> Verdict:
        mouth = asyncio.create_task(self._speak())
        ear = asyncio.create_task(self._listen())
        script = asyncio.create_task(self._converse())
        try:
            done, _ = await asyncio.wait({mouth, ear, script}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except (ClientError, SessionClosed, TimeoutError) as error:
            return Verdict([f"{type(error).__name__}: {error}"], self.cut)
        finally:
            tasks = (mouth, ear, script, *self._answering)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._client:
                with contextlib.suppress(ClientError, SessionClosed):
                    await self._client.end()
                await self._client.close()
        return self._judge()

    async def _converse(self) -> None:
        await self._answered(None)
        while not self.finish.is_set():
            await self._turn(self._rng.choice((CHAT, PAY, PAY, LOOK, CONFIRM)))
            await asyncio.sleep(self._rng.uniform(0, 0.6))
        await self._turn(CHAT)
        await self._turn(REPORT)

    async def _turn(self, words: str) -> None:
        for _ in range(3):
            self._heard_out.clear()
            self._uttered = words
            self._speech += CODE.speak(words, RATE)[0]
            if await self._answered(words):
                return
        raise TimeoutError(f"nobody answers {words!r}")

    async def _answered(self, words: str | None) -> bool:
        try:
            await asyncio.wait_for(self._heard_out.wait(), ANSWER_WITHIN)
        except TimeoutError:
            return False
        await asyncio.sleep(max(0.0, self._playback.ends - self._loop.time()))
        return True

    # --- mouth ------------------------------------------------------------------------------------------------------

    async def _speak(self) -> None:
        """A frame every FRAME; what is said while cut off is kept, and sent first when there is a line again."""
        size, due = round(RATE * FRAME) * 2, self._loop.time()
        while True:
            frame = bytes(self._speech[:size]).ljust(size, b"\0")
            del self._speech[:size]
            self._kept.append(frame)
            if client := self._client:
                kept, self._kept = self._kept, []
                try:
                    await client.send_audio(b"".join(kept))
                except (ClientError, SessionClosed):
                    self._kept = kept + self._kept
            due += FRAME
            await asyncio.sleep(due - self._loop.time())

    # --- ear --------------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        client = await self._begin()
        while True:
            telling = asyncio.create_task(self._acknowledge(client))
            try:
                while (event := await client.next_event()) is not None:
                    await self._take(client, event)
                raise ConnectionLost("the session ended")
            except (ConnectionLost, Refused):
                self._cut_off()
            finally:
                telling.cancel()
            if self.stored_at_cut:
                await self.stored_at_cut(self)
            client = await self._come_back()

    async def _begin(self) -> Client:
        client = Client(self._url, extensions=self._extensions)
        await client.__aenter__()
        ready = await client.configure(greeting=GREETING, tools=CLIENT_TOOLS)
        self.session_id = ready.session_id
        self._client = client
        self._back.set()
        return client

    async def _come_back(self) -> Client:
        until = self._loop.time() + COME_BACK_WITHIN
        while True:
            client = Client(self._url, extensions=self._extensions, timeout=5.0)
            try:
                await client.__aenter__()
                ready = await client.resume(self.session_id)
            except (CannotConnect, ConnectionLost, Refused) as error:
                await client.close()
                final = isinstance(error, Refused) and error.code.startswith("session_")
                if final or self._loop.time() > until:
                    raise
                await asyncio.sleep(TRY_EVERY)
                continue
            assert self.cut and ready.session_id == self.session_id
            self.cut.back = self._loop.time()
            self._client = client
            self._back.set()
            return client

    def _cut_off(self) -> None:
        now = self._loop.time()
        self._client = None
        self._back.clear()
        self._playback.flush(now)
        played = self._playback.played(self._open, now) if self._open else 0
        self.cut = Cut(now, self._open, played)
        if self._uttered:  # it may have been understood, and nobody told so
            words = Said.exactly("user", self._uttered)
            self._said.append(Said("user", words.words, 0, words.most))
        if self._open:
            self._said.append(self._heard(self._open, played))
        self._open = None

    def _heard(self, reply_id: str, played: int) -> Said:
        """Of a reply that was cut off: the words that began until then, TOLERANCE more or less."""
        words = CODE.decode(bytes(self._received.get(reply_id, b"")), RATE)
        slack = round(TOLERANCE * RATE)
        begun = [sum(word.start_sample <= played + more for word in words) for more in (-slack, slack)]
        return Said("assistant", tuple(word.text for word in words), begun[0], begun[1])

    async def _take(self, client: Client, event: ev.Event) -> None:
        match event:
            case ev.ReplyStarted(reply_id=reply_id):
                self._open = reply_id
                if self.cut and self.cut.audible is None and self.cut.back:
                    self.cut.audible = self._loop.time()
            case ev.ReplyAudio(reply_id=reply_id, data=data):
                self._received.setdefault(reply_id, bytearray()).extend(data)
                self._playback.receive(reply_id, data, self._loop.time())
            case ev.TranscriptUser(text=text):
                self._said.append(Said.exactly("user", text))
                self._uttered = None
            case ev.TranscriptAgent(text=text):
                self._said.append(Said.exactly("assistant", text))
                self._open = None
                words = text.strip(" .").split()
                if words and words[-1] in ENDINGS:
                    self._heard_out.set()
            case ev.ToolCall(call_id=call_id, name=name, arguments=arguments):
                self._calls.append(call_id)
                if name == "report":
                    self._memory = arguments["memory"]
                self._answering.append(asyncio.create_task(self._answer(call_id, slow=name != "report")))

    async def _answer(self, call_id: str, *, slow: bool) -> None:
        """On whatever line there is by then."""
        await asyncio.sleep(TOOL_TAKES if slow else 0.0)
        await self._back.wait()
        with contextlib.suppress(ClientError, SessionClosed):
            if self._client:
                await self._client.tool_result(call_id, "done")

    async def _acknowledge(self, client: Client) -> None:
        if not self._extensions:
            return
        told: dict[str, int] = {}
        with contextlib.suppress(ClientError, SessionClosed):
            while True:
                await asyncio.sleep(ACKNOWLEDGE_EVERY)
                for reply_id in list(self._received)[-1:]:
                    samples = self._playback.played(reply_id, self._loop.time())
                    if samples > told.get(reply_id, 0):
                        told[reply_id] = samples
                        await client.playout_position(reply_id, samples)

    # --- the verdict ------------------------------------------------------------------------------------------------

    def _judge(self) -> Verdict:
        faults = []
        if self._memory is None:
            faults.append("the agent did not tell what it remembers")
        else:
            remembered = [(role, word) for role, text in self._memory for _, word in words_of(text)]
            expected = self._said[: self._reported()]
            if not fits(expected, remembered):
                faults.append(f"remembered {remembered!r}, said {expected!r}")
        return Verdict(faults, self.cut, len(self._calls) - len(set(self._calls)))

    def _reported(self) -> int:
        """How much had been said before the report was asked for."""
        asked = Said.exactly("user", REPORT)
        return max(n for n, said in enumerate(self._said) if said == asked)


def fits(said: Sequence[Said], remembered: Sequence[tuple[str, str]]) -> bool:
    """Is this what may be remembered of what was said?"""
    if not said:
        return not remembered
    first = said[0]
    for count in range(first.most, first.least - 1, -1):
        begins = [(first.role, word) for word in first.words[:count]]
        if list(remembered[:count]) == begins and fits(said[1:], remembered[count:]):
            return True
    return False
