"""Language models as one: the next answers where one cannot.

Until the first word is out, another model may begin anew. After it nothing is said twice: the next model is asked to go
on from the very words there are, and if none will, the answer ends there, with the error that broke it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import cast

from antiphon.errors import Disconnected, ProviderError
from antiphon.providers.base import Llm, LlmCapabilities, LlmEvent, LlmRequest, PrimingLlm, TextDelta, Usage
from antiphon.providers.fallback import budget
from antiphon.providers.fallback.attempt import Attempt, first_of
from antiphon.providers.fallback.breaker import Health
from antiphon.providers.fallback.chain import LEAST, PATIENCE, Chain, Member, any_works, may_be_repeated
from antiphon.providers.fallback.limits import Limits
from antiphon.providers.fallback.seam import Seam, to_go_on
from antiphon.types import ToolCall


class FallbackLlm(Chain[Llm]):
    """The LLM that is the first of `models` to answer. Its window is that of the smallest, its tools those of all."""

    def __init__(self, models: Sequence[Llm], *, limits: Limits | None = None) -> None:
        super().__init__("llm", models, limits=limits or Limits())
        all_of = [model.capabilities for model in models]
        self.capabilities = LlmCapabilities(
            tools=all(capabilities.tools for capabilities in all_of),
            context_window=min(capabilities.context_window for capabilities in all_of),
            primes=any(capabilities.primes for capabilities in all_of),
            own_machine=all(capabilities.own_machine for capabilities in all_of),
        )

    async def prime(self, request: LlmRequest) -> None:
        first = self.order()[0].provider
        if first.capabilities.primes:
            await cast(PrimingLlm, first).prime(request)

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        """One answer, whoever gives it. Raises what went wrong last when nobody can, or the budget is spent."""
        answer = _Answer(self, request)
        try:
            async with aclosing(answer.events()) as events:
                async for event in events:
                    yield event
        finally:
            await answer.aclose()


class _Answer:
    """One answer in the making. Owns its attempts: one, or two for a moment if it is hedged."""

    def __init__(self, chain: FallbackLlm, request: LlmRequest) -> None:
        self._chain = chain
        self._request = request
        self._limits = chain.limits
        self._budget = budget.current()
        self._loop = asyncio.get_running_loop()
        self._unasked = chain.order()
        self._failures: list[tuple[Member[Llm], ProviderError]] = []
        self._repeated = False  # a member that failed was asked again
        self._attempts: list[Attempt] = []
        self._said = ""
        self._spent: dict[str, Usage] = {}  # by each member, in the attempts that came to nothing

    async def aclose(self) -> None:
        await self._drop(*self._attempts)

    async def events(self) -> AsyncGenerator[LlmEvent, None]:
        while True:
            try:
                attempt = await self._begin()
            except ProviderError:
                for usage in self._spent.values():
                    yield usage
                raise
            try:
                async with aclosing(self._read(attempt)) as events:
                    async for event in events:
                        yield event
                attempt.member.breaker.succeeded()
                return
            except ProviderError as error:
                self._failed(attempt, error)
            await self._drop(attempt)

    async def _begin(self) -> Attempt:
        """An attempt that has begun to answer. Raises the last error if there is nobody to ask any more."""
        hedge_at = self._ask()
        while True:
            await first_of(self._attempts, until=hedge_at)
            for attempt in tuple(self._attempts):
                if error := attempt.error:
                    self._failed(attempt, error)
                    await self._drop(attempt)
                elif attempt.has_begun:
                    losers = [other for other in self._attempts if other is not attempt]
                    for loser in losers:
                        self._came_to_nothing(loser)
                    await self._drop(*losers)
                    attempt.member.breaker.succeeded(took=attempt.took)
                    return attempt
            if not self._attempts:
                hedge_at = self._ask()
            elif self._loop.time() >= hedge_at:
                hedge_at = math.inf
                self._ask(hedging=self._attempts[0].member)

    def _ask(self, *, hedging: Member[Llm] | None = None) -> float:
        """Makes a request of the next one there is. Returns when it should be hedged, in loop time."""
        member = self._next() or hedging
        if member is None:
            raise self._failures[-1][1]
        request = to_go_on(self._request, self._said) if self._said else self._request
        within = min(self._limits.first_token if any_works(self._unasked) else math.inf, self._left())
        self._attempts.append(Attempt(member, request, within=within))
        p80 = member.breaker.p80 if self._limits.hedge and not hedging else None
        return math.inf if p80 is None else self._loop.time() + p80

    def _next(self) -> Member[Llm] | None:
        """Who was not asked yet; else, once, and if nothing was said, the one that was fastest to fail of something
        that may pass. Nobody, if there is no time left for an answer."""
        if self._failures and self._left() < LEAST:
            return None
        if self._said:
            self._unasked = [member for member in self._unasked if member.breaker.health is not Health.OPEN]
        if self._unasked:
            return self._unasked.pop(0)
        if self._said or self._repeated or self._attempts:
            return None
        self._repeated = True
        again = [(error.elapsed or 0.0, member) for member, error in self._failures if may_be_repeated(error)]
        return min(again, key=lambda pair: pair[0])[1] if again else None

    def _left(self) -> float:
        """Seconds for the first piece. Once something was said, the caller is listening: only the limits hold."""
        return math.inf if self._said else self._budget.left

    async def _read(self, attempt: Attempt) -> AsyncGenerator[LlmEvent, None]:
        seam, gap = Seam(self._said), self._limits.gap * (1 if any_works(self._unasked) else PATIENCE)
        before, answered = self._spent.get(attempt.by, Usage(by=attempt.by)), bool(self._said)
        for usage in self._spent_so_far(attempt):
            yield usage
        while (event := await attempt.next(within=gap)) is not None:
            if isinstance(event, TextDelta):
                answered = answered or bool(event.text.strip())
                event = self._say(seam.feed(event.text))
            elif isinstance(event, Usage):
                event = _sum(before, event)
            answered = answered or isinstance(event, ToolCall)
            if event:
                yield event
        if event := self._say(seam.end()):
            yield event
        if not answered:
            raise Disconnected("the model's answer was empty", stage="llm", provider=attempt.member.provider.name)

    def _say(self, text: str) -> TextDelta | None:
        self._said += text
        return TextDelta(text) if text else None

    def _failed(self, attempt: Attempt, error: ProviderError) -> None:
        self._chain.failed(attempt.member, error)
        self._failures.append((attempt.member, error))
        self._came_to_nothing(attempt)

    def _came_to_nothing(self, attempt: Attempt) -> None:
        """It is paid for all the same."""
        if spent := attempt.spent:
            self._spent[attempt.by] = _sum(self._spent.get(attempt.by, Usage(by=attempt.by)), spent)

    def _spent_so_far(self, attempt: Attempt) -> list[Usage]:
        """By all, if there was an attempt before this one. This one's comes last: it is the one that goes on."""
        if not self._spent:
            return []
        others = [usage for by, usage in self._spent.items() if by != attempt.by]
        present = attempt.spent or Usage(by=attempt.by)
        return [*others, _sum(self._spent.get(attempt.by, Usage(by=attempt.by)), present)]

    async def _drop(self, *attempts: Attempt) -> None:
        for attempt in attempts:
            self._attempts.remove(attempt)
        await asyncio.gather(*(attempt.aclose() for attempt in attempts))


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        input=one.input + other.input,
        output=one.output + other.output,
        cached=one.cached + other.cached,
        cache_written=one.cache_written + other.cache_written,
        by=one.by,
        estimated=one.estimated or other.estimated,
    )
