"""The tasks of one session, and their end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from antiphon.errors import without_words

log = logging.getLogger("antiphon.session")

CLOSE_TIMEOUT = 2.0  # seconds the tasks have to end once they are told to


class Tasks:
    """Owns every task it spawns. One that fails for a reason nobody foresaw is logged, and `on_crash` is called."""

    def __init__(self, name: str, *, on_crash: Callable[[], None]) -> None:
        self._name = name
        self._on_crash = on_crash
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine, name=f"{name}:{self._name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("%s failed: %s", task.get_name(), without_words(error))
            log.debug("%s", task.get_name(), exc_info=error)
            self._on_crash()

    async def close(self) -> None:
        """Cancels all and waits for them, within CLOSE_TIMEOUT."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT)
            for task in stuck:
                log.error("%s did not stop in %g s", task.get_name(), CLOSE_TIMEOUT)
