"""Whether a provider may be tried. Pure: no clock of its own, no I/O.

closed ──failure──▶ open ──a probe goes well──▶ half open ──success──▶ closed
                     ▲                             │
                     └───────────failure───────────┘ and twice as long until the next probe

One failure opens it: the caller of the next turn should not wait for the same provider again.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto

from antiphon.errors import AuthError, BadRequest, ProviderError, QuotaError, RateLimited

LONGEST = 60.0  # seconds until the next probe of a provider that keeps failing
HOPELESS = 300.0  # the same of one whose key is refused, or whose account is empty
REMEMBERED = 50  # times of first results
FEWEST = 10  # of them, below which nothing is concluded


class Health(Enum):
    CLOSED = auto()  # it works, as far as anyone knows
    HALF_OPEN = auto()  # it failed, and seems to be there again
    OPEN = auto()  # it failed, and is left out


class Breaker:
    """What is known about one provider. Times are seconds of any one clock."""

    def __init__(self, *, cooldown: float) -> None:
        """`cooldown`: seconds from a first failure to the first probe."""
        self._cooldown = cooldown
        self._failures = 0  # in a row
        self._times: deque[float] = deque(maxlen=REMEMBERED)  # from a request to its first result
        self.health = Health.CLOSED
        self.probe_at = 0.0  # when it should be asked whether it is there again, if it is open

    def failed(self, error: ProviderError, now: float) -> None:
        """A request that the provider refuses as it stands says nothing about the next one."""
        if isinstance(error, BadRequest):
            return
        self._failures += 1
        wait = min(self._cooldown * 2 ** (self._failures - 1), LONGEST)
        if isinstance(error, AuthError | QuotaError):
            wait = HOPELESS
        elif isinstance(error, RateLimited) and error.retry_after is not None:
            wait = max(error.retry_after, self._cooldown)
        self.health, self.probe_at = Health.OPEN, now + wait

    def recovered(self) -> None:
        """A probe went well. What that is worth, only a real request can say."""
        if self.health is Health.OPEN:
            self.health = Health.HALF_OPEN

    def succeeded(self, *, took: float | None = None) -> None:
        """`took`: seconds to the first result, where they say something about the provider's pace."""
        self._failures, self.health = 0, Health.CLOSED
        if took is not None:
            self._times.append(took)

    @property
    def p80(self) -> float | None:
        """Seconds in which four of five first results have come; None: too few to say."""
        if len(self._times) < FEWEST:
            return None
        return sorted(self._times)[int(0.8 * len(self._times))]
