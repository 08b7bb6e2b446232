"""Reading the prompt ahead: while the caller thinks and speaks, a model that runs here can do most of its work."""

from __future__ import annotations

import asyncio
from typing import cast

from antiphon.conversation.state import State
from antiphon.providers.base import Llm, LlmRequest, PrimingLlm
from antiphon.session.tasks import Tasks


class Primer:
    """Primes a session's model with what its next request will begin with, if the model gains from it."""

    def __init__(self, llm: Llm, tasks: Tasks) -> None:
        self._llm = cast(PrimingLlm, llm) if llm.capabilities.primes else None
        self._tasks = tasks
        self._priming: asyncio.Task[None] | None = None

    def prime(self, state: State) -> None:
        self.stop()
        if self._llm:
            messages = state.history.request(system_prompt=state.settings.system_prompt)
            self._priming = self._tasks.spawn(self._llm.prime(LlmRequest(messages, state.settings.tools)), "prime")

    def stop(self) -> None:
        """A real request begins: it should not have to share the machine."""
        if self._priming:
            self._priming.cancel()
            self._priming = None
