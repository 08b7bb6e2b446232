"""Sounds over the agent, through a real session in virtual time: does it hold, does it give way, does it go on?

The VAD and the STT are the local ones, model and TTS are scripted; the agent speaks in tones, so that every word that
was heard is known. Beside it, what an agent that goes by its VAD alone would have done with the same audio.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from antiphon.audio.pcm import FULL_SCALE, SAMPLE_BYTES, Int16, samples_of, to_int16
from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.settings import Settings
from antiphon.lab.eval.corpus import RATE
from antiphon.lab.eval.sounds import Kind, Sound
from antiphon.lab.scripted import ScriptedLlm, ScriptedTts
from antiphon.lab.scripted.tts import Voice
from antiphon.lab.simulated_call import FRAME, SimulatedCall
from antiphon.lab.tones import ToneCode, words_of
from antiphon.providers.base import Stt, Vad
from antiphon.session.makings import Hooks, SessionOptions, Stages
from antiphon.session.voice import VoiceGate
from antiphon.types import AudioFormat, Role, SessionConfig, TurnDetection

REPLY = (
    "We have several tables tonight, one by the window, another near our kitchen, and a quiet corner upstairs. "
    "Which of these would you like me to reserve for your party?"
)
SETTINGS = Settings(max_tokens=1000, idle_after=None, filler_after=None)
# What an agent says whose voice comes back: one text would be one case, however often it were said.
ECHOED = (
    REPLY,
    "Your order has been shipped and should arrive on Thursday. Would you like me to send you the tracking number?",
    "I found three flights in the morning. The first one leaves at seven and takes two hours, with no stops at all.",
    "Thanks for waiting. The technician can come on Monday afternoon, or on Tuesday before noon, if that suits you.",
    "Sure, I can help with that. First I need your name, then your account number, and then we can get started.",
    "Wait times are short today. Please hold the button for five seconds, until the light stops blinking, and let go.",
)
WIRE = AudioFormat(sample_rate=RATE)
WITHIN = 2.0  # seconds from the first sound in which a real interruption must be given way to
VAD_ONLY = (0.2, 0.5)  # seconds of voice at which the baselines give way
AFTERWARDS = 0.5  # seconds that a call goes on after that


@dataclass(frozen=True, slots=True)
class Story:
    """One call to look at: peaks from 0 to 1, and what was decided. Seconds from the sound's first sample."""

    begins: float
    every: float
    caller: tuple[float, ...]
    agent: tuple[float, ...]
    events: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Seconds from the sound's first sample; None: it did not come to that."""

    name: str
    kind: Kind
    synthetic: bool
    held: float | None = None
    yielded: float | None = None  # the caller has the floor
    stopped: float | None = None  # the last sound of the agent's, if it gave way
    gaps: tuple[float, ...] = ()  # of silence in a reply that went on
    lost: int = 0  # words of a reply that was said to its end
    doubled: int = 0
    spoke: float = 0.0  # seconds of the reply that were played
    ended: bool = True  # the reply came to an end of one kind or the other
    story: Story | None = None
    vad_only: tuple[float | None, ...] = ()  # when each baseline would have given way

    @property
    def gave_way(self) -> bool:
        return self.yielded is not None and self.yielded <= WITHIN

    @property
    def kept(self) -> bool:
        return self.yielded is None and self.ended


@dataclass(frozen=True, slots=True)
class Manner:
    """How the agent is run; a baseline or a replay has another."""

    settings: Settings = SETTINGS
    detection: TurnDetection = field(default_factory=TurnDetection)


@dataclass(slots=True)
class _Ordered:
    holds: list[float] = field(default_factory=list)
    resumes: list[float] = field(default_factory=list)

    def journal(self, now: float, event: ev.Event, actions: list[act.Action]) -> None:
        self.holds += [now for action in actions if isinstance(action, act.HoldPlayout)]
        self.resumes += [now for action in actions if isinstance(action, act.ResumePlayout)]


class Room:
    """Noise that never stops, and the agent's own voice coming back. A `Room` of simulated callers."""

    def __init__(self, noise: Int16, dbfs: float, *, seed: int, echo: Echo | None = None) -> None:
        level = np.sqrt((noise.astype(np.float64) ** 2).mean()) + 1e-9
        self._noise = noise * (10 ** (dbfs / 20) * FULL_SCALE / level)
        self._at = random.Random(seed).randrange(len(noise))
        self._echo = echo
        self.peaks: list[tuple[float, float]] = []  # of each frame, after its time

    def __call__(self, began: float, pcm: bytes) -> bytes:
        count = len(pcm) // SAMPLE_BYTES
        noise = np.take(self._noise, range(self._at, self._at + count), mode="wrap")
        self._at += count
        heard = samples_of(pcm) + noise
        if self._echo:
            heard += self._echo(began, count)
        self.peaks.append((began, float(np.abs(heard).max()) / FULL_SCALE))
        return to_int16(heard).tobytes()


@dataclass(slots=True)
class Echo:
    """What a call's client plays, so much quieter and so much later."""

    call: SimulatedCall
    db: float = -20.0
    delay: float = 0.2  # seconds

    def __call__(self, began: float, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        heard, first = np.zeros(count), began - self.delay
        for piece in self.call.client.playback.pieces[-4:]:
            offset = round((first - piece.begins) * RATE)  # of the frame in the piece
            begin, end = max(offset, 0), min(offset + count, piece.samples)
            if begin < end:
                played = samples_of(bytes(piece.pcm[SAMPLE_BYTES * begin : SAMPLE_BYTES * end]))
                heard[begin - offset : end - offset] = played * 10 ** (self.db / 20)
        return heard


@dataclass(frozen=True, slots=True)
class Table:
    """What all calls of a process share."""

    stt: Stt
    vad: Vad
    noise: Int16
    voice: Voice | None = None  # the agent's; None: tones
    echo: float | None = None  # dB; None: there is none

    async def hear(self, sound: Sound, manner: Manner | None = None, *, seed: int = 0) -> Outcome:
        """One call: the agent speaks, and the sound comes over it."""
        manner, ordered, code = manner or Manner(), _Ordered(), ToneCode([REPLY])
        text = REPLY if self.voice is None else ECHOED[seed % len(ECHOED)]
        call = SimulatedCall(
            code,
            stages=self._stages(code, text, seed),
            config=SessionConfig(input_format=WIRE, output_format=WIRE, turn_detection=manner.detection),
            options=SessionOptions(settings=manner.settings),
            hooks=Hooks(journal=ordered.journal),
            seed=seed,
        )
        async with call:
            echo = None if self.echo is None else Echo(call, self.echo)
            room = call.caller.room = Room(self.noise, sound.noise, seed=seed, echo=echo)
            call.session.add_message(Role.USER, "Which tables do you have?")
            call.session.reply()
            reply = await call.client.until(out.ReplyStarted)
            await asyncio.sleep(sound.after)
            spoken = call.play(sound.samples.tobytes(), RATE)
            if sound.kind is Kind.INTERRUPTION:
                await asyncio.sleep(spoken.begins - _now() + WITHIN + AFTERWARDS)
            else:
                await self._hear_out(call, spoken.ends)
            found = _judge(sound, call, reply.reply_id, spoken.begins, ordered, tones=self.voice is None)
            story = _story(call, room, spoken.begins, ordered)
        return replace(found, story=story, vad_only=self.vad_only(sound, seed=seed))

    def vad_only(self, sound: Sound, *, seed: int = 0) -> tuple[float | None, ...]:
        """When so much voice had been heard, without a pause, of the same audio."""
        lead = 1.0
        quiet = np.zeros(round(lead * RATE), dtype=np.int16)
        room = Room(self.noise, sound.noise, seed=seed)
        pcm = room(0.0, np.concatenate((quiet, sound.samples, quiet)).tobytes())
        gate, onset = VoiceGate(), None
        found: list[float | None] = [None for _ in VAD_ONLY]
        for i, probability in enumerate(self.vad.open().feed(pcm)):
            now = (i + 1) * 0.032 - lead
            if change := gate.feed(probability):
                onset = change.at / 1000 - lead if change.started else None
            if onset is None or now < 0:
                continue
            for which, least in enumerate(VAD_ONLY):
                if found[which] is None and now - onset >= least:
                    found[which] = now
        return tuple(found)

    def _stages(self, code: ToneCode, text: str, seed: int) -> Stages:
        tts = ScriptedTts(self.voice or code, sample_rates=(RATE,), seed=seed)
        return Stages(stt=self.stt, llm=ScriptedLlm(text, seed=seed), tts=tts, vad=self.vad)

    async def _hear_out(self, call: SimulatedCall, until: float) -> None:
        await asyncio.sleep(until - _now())
        try:
            await call.client.until(out.ReplyDone, timeout=30.0)
        except TimeoutError:
            return
        await asyncio.sleep(2 * FRAME)


def _judge(
    sound: Sound, call: SimulatedCall, reply_id: str, onset: float, ordered: _Ordered, *, tones: bool
) -> Outcome:
    done = {notice.reply_id: notice.status for notice in call.client.all(out.ReplyDone)}
    status = done.get(reply_id)
    cut = status is out.ReplyStatus.INTERRUPTED
    last = call.client.last_sound(reply_id) if cut else None
    outcome = Outcome(
        sound.name,
        sound.kind,
        sound.synthetic,
        held=_since(onset, ordered.holds),
        yielded=_since(onset, call.client.times(out.SpeechStarted)) if cut else None,
        stopped=None if last is None else last - onset,
        spoke=round(len(call.client.pcm(reply_id)) / SAMPLE_BYTES / RATE, 3),
        ended=reply_id in done or sound.kind is Kind.INTERRUPTION,
    )
    if status is not out.ReplyStatus.COMPLETED:
        return outcome
    if not tones:
        return replace(outcome, gaps=_gaps(call, reply_id))
    heard, written = call.heard(0, REPLY), [word for _, word in words_of(REPLY)]
    missing = len(set(written) - set(heard))
    return replace(
        outcome, gaps=_gaps(call, reply_id), lost=missing, doubled=max(len(heard) + missing - len(written), 0)
    )


def _story(call: SimulatedCall, room: Room, onset: float, ordered: _Ordered) -> Story:
    begins = max(room.peaks[0][0], onset - 2.0)
    caller = [peak for at, peak in room.peaks if at >= begins]
    agent = [0.0] * len(caller)
    for piece in call.client.playback.pieces:
        frames = samples_of(bytes(piece.pcm))
        for i, start in enumerate(range(0, len(frames), round(FRAME * RATE))):
            at = round((piece.begins - begins) / FRAME) + i
            if 0 <= at < len(agent):
                agent[at] = (
                    float(np.abs(frames[start : start + round(FRAME * RATE)].astype(np.float64)).max()) / FULL_SCALE
                )
    named = {"hold": ordered.holds, "resume": ordered.resumes, "floor": call.client.times(out.SpeechStarted)}
    events = [(round(at - onset, 3), name) for name, times in named.items() for at in times if at >= begins]
    texts = [(at, notice.text) for at, notice in call.client.notices if isinstance(notice, out.UserTranscript)]
    events += [(round(at - onset, 3), f"heard: {text[:40]}") for at, text in texts]
    return Story(begins - onset, FRAME, _shown(caller), _shown(agent), tuple(events))


def _shown(peaks: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(peak, 3) for peak in peaks)


def _gaps(call: SimulatedCall, reply_id: str) -> tuple[float, ...]:
    pieces = [piece for piece in call.client.playback.pieces if piece.reply_id == reply_id]
    ends = [piece.begins + piece.samples / RATE for piece in pieces]
    gaps = [after.begins - end for end, after in zip(ends, pieces[1:], strict=False)]
    return tuple(round(gap, 3) for gap in gaps if gap > FRAME)


def _since(onset: float, times: Sequence[float]) -> float | None:
    return next((at - onset for at in times if at >= onset), None)


def _now() -> float:
    return asyncio.get_running_loop().time()
