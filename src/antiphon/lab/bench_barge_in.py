"""How soon the agent stops when a person speaks over it, and whether it does.

Recorded speech, cut to begin with its first voiced sample, comes over a long reply. Real VAD and STT, scripted model
and TTS, on a virtual clock without a network. The STT's results come as late as their computing took, by the processor
time of its thread: as on a machine that does nothing else. The VAD's own computing, a fraction of a millisecond for
each window, costs nothing.

All times are from the first voiced sample:
  hold      the server stops sending audio. This can be taken back.
  decision  the caller has the floor: input.speech.started.
  stop      the last audible sample of the reply that the client ever plays, if it drops the rest at the decision.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, TypeVarTuple

from antiphon.audio.pcm import SAMPLE_BYTES, first_audible, samples_of
from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.settings import Settings
from antiphon.lab import orders
from antiphon.lab.machine import machine, percentile, today
from antiphon.lab.orders import Order
from antiphon.lab.scripted import ScriptedLlm
from antiphon.lab.simulated_call import SimulatedCall, scripted_stages
from antiphon.lab.tones import ToneCode
from antiphon.lab.virtual import VirtualLoop
from antiphon.providers.stt.moonshine import Moonshine
from antiphon.providers.vad.silero import Silero
from antiphon.session.makings import Hooks, SessionOptions, Stages
from antiphon.types import Role, SessionConfig

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

REPLY = "We have several tables tonight, one by the window, one near the kitchen, and a quiet one in the corner. " * 3
INTO_REPLY = (1.5, 3.0)  # seconds of the reply that have been heard when the caller speaks
AFTERWARDS = 4.0  # seconds after the caller's last word in which a reply that was not stopped shows itself


class ChargingLoop(VirtualLoop):
    """What an executor is given takes as long in virtual time as it took the processor."""

    def __init__(self) -> None:
        super().__init__()
        self.charged: list[float] = []  # seconds of each

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        began = time.thread_time()
        ready = super().run_in_executor(executor, func, *args)
        self.charged.append(time.thread_time() - began)
        if ready.exception() is not None:
            return ready
        late: asyncio.Future[T] = self.create_future()
        self.call_later(self.charged[-1], _deliver, late, ready.result())
        return late


def _deliver(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


@dataclass(slots=True)
class Interruption:
    """Milliseconds from the first voiced sample; None: it did not come to that."""

    name: str
    hold: float | None = None
    decision: float | None = None
    stop: float | None = None
    yielded: bool = False
    resumed_first: bool = False  # the agent went on before it gave way
    words: str = ""


@dataclass(slots=True)
class _Orders:
    """What the core ordered, and when."""

    holds: list[float] = field(default_factory=list)
    resumes: list[float] = field(default_factory=list)

    def journal(self, now: float, event: ev.Event, actions: list[act.Action]) -> None:
        self.holds += [now for action in actions if isinstance(action, act.HoldPlayout)]
        self.resumes += [now for action in actions if isinstance(action, act.ResumePlayout)]


def run(*, json: bool = False, recordings: int | None = None) -> dict[str, Any]:
    """One interruption with each recording, summed up."""
    callers = orders.load(recordings)
    with asyncio.Runner(loop_factory=ChargingLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, ChargingLoop)
        measured = runner.run(_measure(callers))
        charged = [1000 * seconds for seconds in loop.charged[2:]]  # the first two load the models
    return {
        **summary(measured),
        "stt_ms": {"p50": percentile(charged, 50), "p95": percentile(charged, 95), "runs": len(charged)},
        "clock": "virtual, without a network; the STT is charged with the processor time it took",
        "machine": machine(),
        "date": today(),
    }


def summary(measured: list[Interruption]) -> dict[str, Any]:
    yielded = [one for one in measured if one.yielded]
    return {
        "interruptions": len(measured),
        "yielded": len(yielded),
        "held_at_all": sum(one.hold is not None for one in measured),
        "resumed_first": sum(one.resumed_first for one in yielded),
        "hold_ms": _spread([one.hold for one in measured]),
        "decision_ms": _spread([one.decision for one in yielded]),
        "stop_ms": _spread([one.stop for one in yielded]),
        "not_yielded": ", ".join(one.name for one in measured if not one.yielded) or "none",
        "slowest": ", ".join(one.name for one in sorted(yielded, key=_stop, reverse=True)[:5]),
    }


def _stop(one: Interruption) -> float:
    return one.stop or 0.0


def _spread(values: list[float | None]) -> dict[str, float]:
    known = [value for value in values if value is not None]
    return {"p50": percentile(known, 50), "p95": percentile(known, 95), "max": max(known, default=float("nan"))}


async def _measure(callers: list[Order]) -> list[Interruption]:
    code = ToneCode([REPLY])
    stages = replace(scripted_stages(code), vad=Silero(), stt=Moonshine())
    await stages.vad.warm()
    await stages.stt.warm()
    return [await _interrupt(caller, code, stages, seed) for seed, caller in enumerate(callers)]


async def _interrupt(caller: Order, code: ToneCode, stages: Stages, seed: int) -> Interruption:
    ordered = _Orders()
    call = SimulatedCall(
        code,
        stages=replace(stages, llm=ScriptedLlm(REPLY, seed=seed)),
        config=SessionConfig(),
        options=SessionOptions(settings=Settings(max_tokens=1000)),
        hooks=Hooks(journal=ordered.journal),
        seed=seed,
    )
    async with call:
        call.session.add_message(Role.USER, "Which tables do you have?")
        call.session.reply()
        reply = await call.client.until(out.ReplyStarted)
        await asyncio.sleep(random.Random(seed).uniform(*INTO_REPLY))
        spoken = call.play(caller.speech(), caller.recording.rate)
        await asyncio.sleep(spoken.ends - asyncio.get_running_loop().time() + AFTERWARDS)
        return _judge(caller, call, reply.reply_id, spoken.begins, ordered)


def _judge(caller: Order, call: SimulatedCall, reply_id: str, onset: float, ordered: _Orders) -> Interruption:
    one = Interruption(caller.name)
    done = {notice.reply_id: notice.status for notice in call.client.all(out.ReplyDone)}
    one.yielded = done.get(reply_id) is out.ReplyStatus.INTERRUPTED
    one.hold = _since(onset, ordered.holds)
    one.decision = _since(onset, call.client.times(out.SpeechStarted))
    one.words = " ".join(notice.text for notice in call.client.all(out.UserTranscript))
    if one.yielded:
        one.stop = 1000 * (_last_audible(call, reply_id) - onset)
        decided = one.decision or 0.0
        one.resumed_first = any(1000 * (at - onset) < decided for at in ordered.resumes)
    return one


def _since(onset: float, times: list[float]) -> float | None:
    return next((1000 * (at - onset) for at in times if at >= onset), None)


def _last_audible(call: SimulatedCall, reply_id: str) -> float:
    """When the last audible sample of a reply was played."""
    playback, last = call.client.playback, float("-inf")
    for piece in playback.pieces:
        backwards = samples_of(bytes(piece.pcm))[::-1].tobytes()
        if piece.reply_id == reply_id and (silent := first_audible(backwards)) is not None:
            last = piece.begins + (len(piece.pcm) // SAMPLE_BYTES - silent) / playback.rate
    return last
