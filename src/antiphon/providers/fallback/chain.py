"""What the chains of all stages share: their members, who may be tried, and the probes of those who failed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from antiphon.errors import AntiphonError, ConfigError, ProviderError, RateLimited
from antiphon.providers.base import rewarm
from antiphon.providers.cost import billed_as
from antiphon.providers.fallback.breaker import Breaker, Health
from antiphon.providers.fallback.limits import Limits

log = logging.getLogger("antiphon.providers")

PROBE_TIMEOUT = 10.0  # seconds a probe may take
LEAST = 0.3  # seconds of the turn's budget below which nothing more is tried
PATIENCE = 3  # times as long a pause in the middle is borne where there is nobody else to ask


class _Provider(Protocol):
    name: str

    async def warm(self) -> None: ...

    async def aclose(self) -> None: ...


P = TypeVar("P", bound=_Provider)


@dataclass(eq=False, slots=True)
class Member(Generic[P]):
    provider: P
    breaker: Breaker
    probe: asyncio.Task[None] | None = None


class Chain(Generic[P]):
    """Providers of one stage, the preferred one first. Owns the probes; one at most for each member."""

    def __init__(self, stage: str, providers: Sequence[P], *, limits: Limits) -> None:
        if not providers:
            raise ConfigError(f"{stage}: the list of providers is empty")
        self.stage = stage
        self.limits = limits
        self.members = [Member(provider, Breaker(cooldown=limits.cooldown)) for provider in providers]
        self.name = " > ".join(provider.name for provider in providers)
        self.billed_as = billed_as(providers[0])  # what an answer cost of which nobody told; else each tells its own
        weights = [weight for provider in providers for weight in getattr(provider, "weights", ())]
        self.weights: tuple[str, ...] = tuple(dict.fromkeys(weights))
        self.on_failure: Callable[[str, str, ProviderError], None] | None = None  # told the stage, whose, and what
        self._closed = False

    def order(self) -> list[Member[P]]:
        """Whom to try: those that work, in the order given, then those left out. Nobody is left out for good: an
        attempt that is likely to fail is better than silence."""
        return sorted(self.members, key=lambda member: member.breaker.health is Health.OPEN)

    def failed(self, member: Member[P], error: ProviderError) -> None:
        log.warning("%s", error.brief)
        log.debug("%s", error)
        if self.on_failure:
            self.on_failure(self.stage, member.provider.name, error)
        member.breaker.failed(error, asyncio.get_running_loop().time())
        if member.breaker.health is Health.OPEN and member.probe is None and not self._closed:
            member.probe = asyncio.get_running_loop().create_task(self._probe(member), name=f"probe:{self.stage}")

    async def warm(self) -> None:
        """Warms all at once. One is enough; what is wrong with the others is logged. Raises if all fail."""
        results = await asyncio.gather(*(self._warm(member) for member in self.members), return_exceptions=True)
        wrong = [result for result in results if isinstance(result, BaseException)]
        for error in wrong:
            if not isinstance(error, AntiphonError):
                raise error
        if len(wrong) == len(self.members):
            raise wrong[0]

    async def rewarm(self) -> None:
        """Sees to it that the one that is asked first finds a connection open."""
        await rewarm(self.order()[0].provider)

    async def aclose(self) -> None:
        self._closed = True
        probes = [member.probe for member in self.members if member.probe]
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)
        await asyncio.gather(*(member.provider.aclose() for member in self.members), return_exceptions=True)

    async def _warm(self, member: Member[P]) -> None:
        try:
            await member.provider.warm()
        except AntiphonError as error:
            self.failed(member, self._blamed(error, member))
            raise

    async def _probe(self, member: Member[P]) -> None:
        """Asks a provider that failed whether it is there again, until it is, or a request has shown that it is."""
        loop = asyncio.get_running_loop()
        try:
            while member.breaker.health is Health.OPEN:
                await asyncio.sleep(max(member.breaker.probe_at - loop.time(), 0.0))
                try:
                    async with asyncio.timeout(PROBE_TIMEOUT):
                        await member.provider.warm()
                    member.breaker.recovered()
                except (AntiphonError, TimeoutError) as error:
                    member.breaker.failed(self._blamed(error, member), loop.time())
        finally:
            member.probe = None

    def _blamed(self, error: Exception, member: Member[P]) -> ProviderError:
        if isinstance(error, ProviderError):
            return error
        return ProviderError(str(error) or "no answer in time", stage=self.stage, provider=member.provider.name)


def any_works(members: Sequence[Member[P]]) -> bool:
    """Whether one of them works, as far as anyone knows: if not, whoever is asked now is as good as the last."""
    return any(member.breaker.health is not Health.OPEN for member in members)


def may_be_repeated(error: ProviderError) -> bool:
    """Whether the same provider may be asked again at once."""
    return error.retryable and not (isinstance(error, RateLimited) and error.retry_after)
