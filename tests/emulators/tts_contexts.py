"""What the emulators share that speak several contexts on one socket: segments spoken in order within a context, side
by side between contexts, and when a client cancelled one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from tests.emulators.faults import Fault
from tests.emulators.voice import CHARACTER, cut, speech
from tests.emulators.websocket import Visit, WebSocketEmulator

STEP = 5  # characters in a piece of audio


class ContextEmulator(WebSocketEmulator):
    """`texts` is what it was asked to speak, `cancelled` the contexts that a client closed before they were spoken."""

    def __init__(self, fault: Fault | None = None, *, pace: float = 0.0) -> None:
        super().__init__(fault)
        self.pace = pace  # seconds between pieces
        self.texts: list[str] = []
        self.cancelled: list[str] = []
        self.stopped_at: float | None = None  # loop time of the last of those

    async def converse(self, visit: Visit) -> None:
        async with asyncio.TaskGroup() as tasks:
            contexts: dict[str, Spoken] = {}
            while (message := await visit.receive()) is not None:
                assert isinstance(message, dict)
                await self.heard(visit, message, contexts, tasks)
            for context in contexts.values():
                context.task.cancel()

    async def heard(
        self, visit: Visit, message: dict[str, Any], contexts: dict[str, Spoken], tasks: asyncio.TaskGroup
    ) -> None:
        """A message of the vendor's protocol."""
        raise NotImplementedError

    async def speak(self, visit: Visit, context: Spoken, text: str) -> None:
        """Sends the audio of a segment."""
        raise NotImplementedError

    async def over(self, visit: Visit, context: Spoken) -> None:
        """Says that a context has ended."""
        raise NotImplementedError

    def context(self, visit: Visit, context_id: str, contexts: dict[str, Spoken], tasks: asyncio.TaskGroup) -> Spoken:
        """The context of that name, which is made if there is none."""
        if context_id not in contexts:
            contexts[context_id] = context = Spoken(context_id)
            context.task = tasks.create_task(self._run(visit, context, contexts))
        return contexts[context_id]

    def asked(self, context: Spoken, text: str) -> None:
        self.texts.append(text)
        context.asked += 1
        context.texts.put_nowait(text)

    def cancel(self, context: Spoken) -> None:
        self.cancelled.append(context.id)
        self.stopped_at = asyncio.get_running_loop().time()
        self.someone_left.set()

    async def _run(self, visit: Visit, context: Spoken, contexts: dict[str, Spoken]) -> None:
        with suppress(asyncio.CancelledError):
            while (text := await context.texts.get()) is not None:
                await self.speak(visit, context, text)
                context.spoken += 1
            del contexts[context.id]
            await self.over(visit, context)

    async def pieces(self, text: str, rate: int) -> AsyncIterator[tuple[bytes, dict[int, float]]]:
        """The audio of a text in pieces, each with the characters that begin in it, by place, and when, in seconds."""
        each = 2 * round(CHARACTER * rate)  # bytes
        at = 0
        for pcm in cut(speech(text, rate), 333 if self.fault is Fault.ODD_BYTES else STEP * each):
            await asyncio.sleep(self.pace)
            begins = range(-(-at // each), -(-(at + len(pcm)) // each))
            yield pcm, {place: (place * each - at) / 2 / rate for place in begins}
            at += len(pcm)


class Spoken:
    """A context as the emulator sees it."""

    def __init__(self, context_id: str) -> None:
        self.id = context_id
        self.texts: asyncio.Queue[str | None] = asyncio.Queue()  # None: the context ends
        self.asked = self.spoken = 0  # segments
        self.origin = 0.0  # seconds of audio before the present segment
        self.rate = 0  # Hz
        self.task: asyncio.Task[None]
