"""A client in the same process: it plays what a session sends it, and knows afterwards what was heard of each reply."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from antiphon.audio.g711 import codec
from antiphon.client.playback import Playback
from antiphon.conversation import notices as out
from antiphon.lab.tones import ToneCode, begun
from antiphon.types import AudioFormat

T = TypeVar("T")
N = TypeVar("N", bound=out.Notice)

ACKNOWLEDGE_EVERY = 0.1  # seconds between two words of a client that says what it has played


@dataclass(frozen=True, slots=True)
class Network:
    """Seconds each way; each message is late by up to `jitter` more or less, and none overtakes another."""

    delay: float = 0.0
    jitter: float = 0.0


class Line(Generic[T]):
    """One direction of a network."""

    def __init__(self, network: Network, deliver: Callable[[T], None], rng: random.Random) -> None:
        self._network = network
        self._deliver = deliver
        self._rng = rng
        self._loop = asyncio.get_running_loop()
        self._latest = 0.0  # when the last item sent so far arrives
        self._down = False
        self._cuts = 0

    def send(self, item: T) -> None:
        if self._down:
            return
        if not self._network.delay and not self._network.jitter:
            self._deliver(item)
            return
        late = self._network.delay + self._rng.uniform(-self._network.jitter, self._network.jitter)
        # Timers of one time may fire in any order, so two items are never due at the same one.
        self._latest = max(self._latest + 1e-6, self._loop.time() + late)
        self._loop.call_at(self._latest, self._arrive, item, self._cuts)

    def stall(self, seconds: float) -> None:
        """Nothing arrives for so long, and then all of it at once. Needs a network that takes time."""
        self._latest = max(self._latest, self._loop.time() + seconds)

    def cut(self) -> None:
        """What is under way is lost, and so is what is sent until `mend`."""
        self._down = True
        self._cuts += 1

    def mend(self) -> None:
        self._down, self._latest = False, self._loop.time()

    @property
    def behind(self) -> float:
        """Seconds until all that was sent has arrived."""
        return max(self._latest - self._loop.time(), 0.0)

    def _arrive(self, item: T, cuts: int) -> None:
        if cuts == self._cuts:
            self._deliver(item)


class SimulatedClient:
    """The session's peer. It flushes when the caller takes the floor and when a reply ends interrupted, as clients do.

    `acknowledge`, if given, is told every 0.1 s how many samples of a reply have been played. Times are the loop's.
    """

    def __init__(
        self,
        audio_format: AudioFormat,
        *,
        network: Network | None = None,
        acknowledge: Callable[[str, int], None] | None = None,
        seed: int = 0,
    ) -> None:
        self.notices: list[tuple[float, out.Notice]] = []  # as the session sent them, and when
        self.arrived: list[tuple[float, out.Notice]] = []  # the same as they came
        self.playback = Playback(audio_format.sample_rate)
        self._decode = codec(audio_format).decode
        self._loop = asyncio.get_running_loop()
        rng = random.Random(f"client {seed}")
        self.line: Line[out.Notice] = Line(network or Network(), self._take, rng)
        self._acknowledge = acknowledge
        self._acks: Line[tuple[str, int]] = Line(network or Network(), self._say_played, rng)
        self._told: dict[str, int] = {}
        self._ticking = False
        self._news = asyncio.Event()

    # --- the session's peer ---------------------------------------------------------------------------------------

    def send(self, notice: out.Notice) -> None:
        self.notices.append((self._loop.time(), notice))
        self.line.send(notice)
        self._news.set()

    @property
    def congested(self) -> bool:
        return False

    def is_there(self, since: float) -> bool:
        return True

    # --- what came ------------------------------------------------------------------------------------------------

    async def until(self, kind: type[N], *, count: int = 1, timeout: float = 60.0) -> N:
        """Waits for the session's notice of this kind, the `count`th since the call began."""
        async with asyncio.timeout(timeout):
            while len(found := self.all(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return found[count - 1]

    def all(self, kind: type[N]) -> list[N]:
        return [notice for _, notice in self.notices if isinstance(notice, kind)]

    def times(self, kind: type[Any]) -> list[float]:
        """When the session sent its notices of this kind."""
        return [at for at, notice in self.notices if isinstance(notice, kind)]

    # --- what was heard -------------------------------------------------------------------------------------------

    def pcm(self, reply_id: str) -> bytes:
        """All that was played of a reply, replayed stretches as often as they were."""
        return b"".join(bytes(piece.pcm) for piece in self.playback.pieces if piece.reply_id == reply_id)

    def words(self, reply_id: str, code: ToneCode, *, text: str) -> list[str]:
        """The words of a reply, whose whole text is known, whose audio began to play; each once."""
        return begun(code.decode(self.pcm(reply_id), self.playback.rate, text=text))

    def last_sound(self, reply_id: str) -> float | None:
        """When the last sample of a reply was played, or will be; None if there is none."""
        ends = [
            piece.begins + piece.samples / self.playback.rate
            for piece in self.playback.pieces
            if piece.reply_id == reply_id
        ]
        return max(ends, default=None)

    def _take(self, notice: out.Notice) -> None:
        now = self._loop.time()
        self.arrived.append((now, notice))
        match notice:
            case out.ReplyAudio(reply_id, data):
                self.playback.receive(reply_id, self._decode(data), now)
                if self._acknowledge and not self._ticking:
                    self._ticking = True
                    self._loop.call_later(ACKNOWLEDGE_EVERY, self._tick)
            case out.SpeechStarted() | out.ReplyDone(status=out.ReplyStatus.INTERRUPTED):
                self.playback.flush(now)

    def _tick(self) -> None:
        now, again = self._loop.time(), False
        for reply_id in {piece.reply_id: None for piece in self.playback.pieces[-2:]}:
            samples = self.playback.played(reply_id, now)
            if samples > self._told.get(reply_id, 0):
                self._told[reply_id] = samples
                self._acks.send((reply_id, samples))
                again = True
        self._ticking = again or self.playback.ends > now
        if self._ticking:
            self._loop.call_later(ACKNOWLEDGE_EVERY, self._tick)

    def _say_played(self, played: tuple[str, int]) -> None:
        assert self._acknowledge
        self._acknowledge(*played)
