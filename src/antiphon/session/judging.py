"""Asks the models of turns, off the loop: the detector about a pause, the model of language about a sentence's end.

A question that is not answered in time is dropped, as is one that a newer question replaces; and the core drops an
answer that concerns a pause no longer. A model that fails is one opinion less, not a failure of the session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from antiphon.conversation.events import EndingRead, Event, TurnJudged
from antiphon.errors import ProviderError
from antiphon.providers.base import EndingReader, TurnDetector
from antiphon.session.listening import Ear
from antiphon.session.tasks import Tasks

log = logging.getLogger("antiphon.session")

BEFORE = 500  # ms before the turn's first sound that the detector hears as well
WITHIN = 0.5  # seconds in which an answer is of use


class Judges:
    """One session's questions to the models of the process: at most one to each at a time."""

    def __init__(
        self,
        *,
        detector: TurnDetector | None,
        reader: EndingReader | None,
        ear: Ear,
        tasks: Tasks,
        post: Callable[[Event], None],
    ) -> None:
        self._detector = detector
        self._reader = reader
        self._ear = ear
        self._tasks = tasks
        self._post = post
        self._judging: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._failed: set[str] = set()  # models that have failed, and been complained of

    def judge(self, onset: int, last_voice: int) -> None:
        """The caller has been silent since `last_voice`, in a turn since `onset`; both ms of received audio."""
        if detector := self._detector:
            _drop(self._judging)
            pcm, silence = self._ear.since(onset - BEFORE), int(self._ear.received) - last_voice

            async def judge() -> None:
                probability = await self._ask(detector.name, detector.probability(pcm))
                if probability is not None:
                    self._post(TurnJudged(last_voice, silence, probability, int(self._ear.received)))

            self._judging = self._tasks.spawn(judge(), "judge")

    def read(self, text: str) -> None:
        if reader := self._reader:
            _drop(self._reading)

            async def read() -> None:
                probability = await self._ask(reader.name, reader.ends_sentence(text))
                if probability is not None:
                    self._post(EndingRead(text, probability, int(self._ear.received)))

            self._reading = self._tasks.spawn(read(), "read")

    async def _ask(self, name: str, answer: Awaitable[float]) -> float | None:
        try:
            async with asyncio.timeout(WITHIN):
                return await answer
        except TimeoutError:
            log.debug("%s took longer than %g s", name, WITHIN)
        except ProviderError as error:
            level = logging.DEBUG if name in self._failed else logging.WARNING
            self._failed.add(name)
            log.log(level, "%s failed: %s", name, error.brief)
        return None


def _drop(task: asyncio.Task[None] | None) -> None:
    if task:
        task.cancel()
