"""Local models on a virtual clock, their computing charged by a rule: the same calls come out on every machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

from antiphon.lab.eval.traces import transcribing
from antiphon.lab.virtual import VirtualLoop
from antiphon.providers.stt.moonshine import Moonshine
from antiphon.providers.stt.moonshine_model import Heard, MoonshineModel
from antiphon.providers.stt.segmented import Job
from antiphon.providers.stt.utterance import Floats

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class RuledLoop(VirtualLoop):
    """What an executor is given is done at once, and its result comes after what `charge` was told meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self._owed = 0.0

    def charge(self, seconds: float) -> None:
        self._owed += seconds

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        self._owed = 0.0
        ready = super().run_in_executor(executor, func, *args)
        if not self._owed or ready.exception() is not None:
            return ready
        late: asyncio.Future[T] = self.create_future()
        self.call_later(self._owed, _deliver, late, ready.result())
        return late


def _deliver(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


class RuledMoonshine(Moonshine):
    """Takes as long as the rule says. Runs in a RuledLoop."""

    def transcribe(self, model: MoonshineModel, audio: Floats, job: Job) -> Heard:
        loop = asyncio.get_event_loop()
        assert isinstance(loop, RuledLoop)
        loop.charge(transcribing(len(audio)))
        return super().transcribe(model, audio, job)
