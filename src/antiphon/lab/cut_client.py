"""A client that may lose its connection, keeps what its caller says meanwhile, and comes back."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec import UNSET

from antiphon.client import events as of
from antiphon.client.playback import Playback
from antiphon.lab.event_order import EventOrder
from antiphon.lab.memory_socket import MemorySocket
from antiphon.lab.simulated_call import SimulatedCaller, Spoken
from antiphon.lab.simulated_client import Network
from antiphon.lab.tones import ToneCode, begun
from antiphon.protocols.voice_agent import messages
from antiphon.types import PCM_24K

PARK_TAKES = 1.0  # seconds this client's tool takes
ACKNOWLEDGE_EVERY = 0.1  # seconds
SILENCE = 8.0  # seconds after which an agent that was to say something has said it; longer than its tools take
_ENCODER = msgspec.json.Encoder()


class CutClient:
    """`counts`: it uses the extensions "seq" and "playout". Times are the loop's."""

    def __init__(
        self,
        serve: Callable[[Any], Awaitable[None]],
        *,
        code: ToneCode,
        network: Network,
        counts: bool,
        rng: random.Random,
    ) -> None:
        self._serve = serve
        self._network = network
        self._counts = counts
        self._rng = rng
        self._code = code
        self._loop = asyncio.get_running_loop()
        self._socket: MemorySocket | None = None
        self._order = EventOrder()
        self._kept: deque[bytes] = deque()  # frames of the caller's, said while there was no connection
        self._news = asyncio.Event()
        self._caller = SimulatedCaller(PCM_24K, self._frame)
        self._tasks: list[asyncio.Task[None]] = []
        self.playback = Playback(PCM_24K.sample_rate)
        self.session_id = ""
        self.last_seq: int | None = None
        self.wrong: list[str] = []  # what came that may not come
        self.runs: dict[str, int] = {}  # of its tool, by call
        self._done: set[str] = set()  # the runs that are over
        self.results: set[str] = set()  # calls it has answered, once at least
        self.texts: list[str] = []  # what it was told the agent said, reply by reply
        self.spoken: list[Spoken] = []  # by its caller
        self.log: list[tuple[float, of.Event]] = []
        self.returned: float | None = None  # when it asked for its session again
        self.goodbye: float | None = None  # when it ended the session
        self.cut_in = ""  # the reply it was hearing when the connection was cut
        self.ended = False

    # --- what it does ---------------------------------------------------------------------------------------------

    async def begin(self, **session: Any) -> None:
        self._tasks.append(asyncio.create_task(self._caller.run()))
        if self._counts:
            self._tasks.append(asyncio.create_task(self._acknowledge()))
        self._connect()
        self._send(messages.SessionUpdate(session=session))

    def say(self, text: str) -> None:
        self.texts.clear()
        self.spoken.append(self._caller.say(self._code.speak(text, self._caller.rate)[0]))

    def lose(self, *, dead: bool, away: float) -> None:
        """The connection is cut; the client is back after so many seconds."""
        if self._socket is None or self.ended:
            return
        pieces, now = self.playback.pieces, self._loop.time()
        self.cut_in = pieces[-1].reply_id if pieces and self.playback.ends > now else ""
        self._socket.cut(dead=dead)
        self._order.ready = False
        self._loop.call_later(away, self._return)

    async def end(self) -> None:
        while not self.connected:
            await self._wait()
        self.goodbye = self._loop.time()
        self._send(messages.SessionEnd())
        while not self.ended:
            await self._wait()

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connected(self) -> bool:
        """There is a session at the other end."""
        return self._socket is not None and self._socket.open and self._order.ready

    async def heard_out(self, *answers: str, patience: float) -> bool:
        """Waits until the agent has ended one of the answers; or has been silent for so long that it has nothing to
        say: False if it has said nothing at all since the caller spoke. Raises TimeoutError."""
        ends = {answer.split()[-1] for answer in answers}
        async with asyncio.timeout(patience):
            while self._last_word() not in ends:
                spoken = self.spoken[-1].ends if self.spoken else 0.0
                since = max(self.playback.ends, spoken, self.returned or 0.0)
                if self.connected and self._loop.time() - since > SILENCE:
                    return self.playback.ends > spoken
                await asyncio.sleep(0.1)
        return True

    def _last_word(self) -> str:
        """Of the reply that ended last."""
        return self.texts[-1].split()[-1] if self.texts and self.texts[-1] else ""

    def words(self, reply_id: str, text: str) -> list[str]:
        """The words of a reply, whose text is known, whose sound began."""
        pcm = b"".join(bytes(piece.pcm) for piece in self.playback.pieces if piece.reply_id == reply_id)
        return begun(self._code.decode(pcm, self.playback.rate, text=text))

    # --- connections ----------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        query = "extensions=seq,playout" if self._counts else ""
        if not (self._counts and self.session_id):  # else the events go on where they broke off
            self._order = EventOrder()
        self._socket = MemorySocket(
            self._serve,
            query=query,
            network=self._network,
            on_text=self._hear,
            on_close=self._closed,
            rng=self._rng,
        )

    def _return(self) -> None:
        self.returned = self._loop.time()
        self._connect()
        last_seq = self.last_seq if self._counts else None
        self._send(messages.SessionResume(session_id=self.session_id, last_seq=last_seq))

    def _closed(self, code: int) -> None:
        if not self.ended:
            self.wrong.append(f"closed with {code}")
        self._news.set()

    def _send(self, message: msgspec.Struct) -> None:
        assert self._socket
        self._socket.send(_ENCODER.encode(message).decode())

    def _frame(self, data: bytes) -> None:
        if self.connected:
            self._send(messages.InputAudio(audio=data))
        elif self.session_id:
            self._kept.append(data)

    # --- what comes -----------------------------------------------------------------------------------------------

    def _hear(self, text: str) -> None:
        event = of.decode(text)
        if wrong := self._order.see(event):
            self.wrong.append(wrong)
        if self._counts:
            self._count(event)
        now = self._loop.time()
        self.log.append((now, event))
        match event:
            case of.SessionReady(session_id=session_id):
                self._ready(session_id)
                if event.replayed is False:  # what is open is told anew
                    self._order = EventOrder()
                    self._order.ready = True
            case of.SessionEnded():
                self.ended = True
            case of.SessionError(code=code, message=message):
                self.wrong.append(f"{code}: {message}")
            case of.ReplyAudio(reply_id=reply_id, data=data):
                self.playback.receive(reply_id, data, now)
            case of.InputSpeechStarted() | of.ReplyDone(status="interrupted"):
                self.playback.flush(now)
            case of.TranscriptAgent(text=said):
                self.texts.append(said)
            case of.ToolCall(call_id=call_id):
                self._called(call_id)
        self._news.set()

    def _count(self, event: of.Event) -> None:
        seq = UNSET if isinstance(event, of.Unknown) else event.seq
        opens = isinstance(event, of.SessionReady | of.SessionUpdated) and self.returned is not None
        if seq is UNSET:
            self.wrong.append(f"{type(event).__name__} without a number")
        elif opens:  # outside the numbering
            self.wrong += [f"goes on after {seq}, not {self.last_seq}"] if seq != self.last_seq else []
        elif seq != (self.last_seq or 0) + 1:
            self.wrong.append(f"number {seq} after {self.last_seq}")
        if seq is not UNSET:
            self.last_seq = seq

    def _ready(self, session_id: str) -> None:
        if self.session_id not in ("", session_id):
            self.wrong.append("another session")
        self.session_id = session_id
        while self._kept:
            self._send(messages.InputAudio(audio=self._kept.popleft()))
        for call_id in self._done - self.results:
            self._answer(call_id)

    def _called(self, call_id: str) -> None:
        """A call that is known is not run again, and who counts knows that it may be asked for the result again."""
        if call_id in self.runs:
            if not self._counts:
                self.wrong.append(f"{call_id} was asked for twice")
            elif call_id in self._done:
                self._answer(call_id)
            return
        self.runs[call_id] = 1
        self._loop.call_later(PARK_TAKES, self._ran, call_id)

    def _ran(self, call_id: str) -> None:
        self._done.add(call_id)
        if self.connected:
            self._answer(call_id)

    def _answer(self, call_id: str) -> None:
        self.results.add(call_id)
        self._send(messages.ToolResultMessage(call_id=call_id, result="done"))

    async def _acknowledge(self) -> None:
        told: dict[str, int] = {}
        while True:
            await asyncio.sleep(ACKNOWLEDGE_EVERY)
            now = self._loop.time()
            for reply_id in {piece.reply_id: None for piece in self.playback.pieces[-2:]}:
                samples = self.playback.played(reply_id, now)
                if samples > told.get(reply_id, 0) and self.connected:
                    told[reply_id] = samples
                    self._send(messages.PlayoutPositionMessage(reply_id=reply_id, samples=samples))

    async def _wait(self) -> None:
        self._news.clear()
        await self._news.wait()
