"""The one error tree.

AntiphonError
├── ConfigError            the user's configuration is wrong; the message says what to change
├── MissingDependency      an extra, a system library or a weight is not there; the message says how to get it
├── ModelStoreError        a weight could not be fetched, or is not what it should be
├── ProtocolError          a wire message broke the protocol; carries the code the peer is told
├── SessionClosed          an operation on a session that has ended
└── ProviderError          an STT, LLM or TTS failed; says by whose fault and whether a retry can help
    ├── AuthError              the key is missing or refused            fail over at once
    ├── QuotaError             the account is out of money or quota     fail over at once
    ├── BadRequest             the provider refuses what we sent        fail over at once
    ├── RateLimited            too many requests; `retry_after`         may be retried
    ├── Overloaded             the provider has no room now             may be retried
    ├── ProviderTimeout        no answer, or no progress, in time       may be retried
    ├── Disconnected           the connection broke                     may be retried
    └── AtCapacity             a local model has no free slot           may be retried
"""

from __future__ import annotations

import re
import traceback


class AntiphonError(Exception):
    """The root of every error Antiphon raises on purpose."""


class ConfigError(AntiphonError):
    """The configuration is wrong. The message names the field and says what to write instead."""


class MissingDependency(AntiphonError):
    """Something that must be installed is not. The message says how to get it."""


class ModelStoreError(AntiphonError):
    """A model's weights could not be fetched, or their hash is wrong."""


class ProtocolError(AntiphonError):
    """A message from the peer breaks the protocol.

    `code` is the wire's error code, `param` the path of the offending field, `fatal` whether the connection must close.
    """

    def __init__(self, message: str, *, code: str, param: str | None = None, fatal: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.fatal = fatal


class SessionClosed(AntiphonError):
    """The session has ended; nothing more can be asked of it."""


class ProviderError(AntiphonError):
    """A provider failed. `retryable` says whether the same request may succeed if made again.

    `stage` ("stt", "llm", "tts"), `provider` (its string, "openai/gpt-6-luna") and `elapsed` (seconds since the request
    began) are filled in where the failure is known, so a log line needs nothing else.
    """

    retryable = False

    def __init__(self, message: str, *, stage: str = "", provider: str = "", elapsed: float | None = None) -> None:
        super().__init__(message)
        self.stage = stage
        self.provider = provider
        self.elapsed = elapsed

    def __str__(self) -> str:
        where = " ".join(part for part in (self.stage, self.provider) if part)
        took = f" after {self.elapsed:.2f} s" if self.elapsed is not None else ""
        return f"{where}{took}: {self.args[0]}" if where else f"{self.args[0]}{took}"

    @property
    def status(self) -> int | None:
        """The HTTP status that the provider answered with, where it did: messages begin with it."""
        found = re.match(r"[1-5]\d\d\b", str(self.args[0]))
        return int(found[0]) if found else None

    @property
    def brief(self) -> str:
        """The same for logs: without the provider's own words, which may repeat a key or what a caller said."""
        where = " ".join(part for part in (self.stage, self.provider) if part)
        took = f" after {self.elapsed:.2f} s" if self.elapsed is not None else ""
        what = f"{type(self).__name__} {self.status}" if self.status else type(self).__name__
        return f"{where}{took}: {what}" if where else f"{what}{took}"


class AuthError(ProviderError):
    """The key is missing, wrong, or not allowed to do this."""


class QuotaError(ProviderError):
    """The account has no money or quota left; waiting will not help."""


class BadRequest(ProviderError):
    """The provider refuses the request as it stands."""


class RateLimited(ProviderError):
    """Too many requests. `retry_after` is in seconds where the provider said."""

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        stage: str = "",
        provider: str = "",
        elapsed: float | None = None,
    ) -> None:
        super().__init__(message, stage=stage, provider=provider, elapsed=elapsed)
        self.retry_after = retry_after


class Overloaded(ProviderError):
    """The provider has no room now (503, 529 and the like)."""

    retryable = True


class ProviderTimeout(ProviderError):
    """No answer, or no progress, within the time allowed."""

    retryable = True


class Disconnected(ProviderError):
    """The connection broke, or the provider ended it."""

    retryable = True


class AtCapacity(ProviderError):
    """A local model has no free slot for another request."""

    retryable = True


def without_words(error: BaseException) -> str:
    """What an exception nobody foresaw is, and where it came from, for logs: without its message, which may hold what
    a caller said. The message itself is for the debug level."""
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__))
    return "\n".join((type(error).__name__, *(frame.rstrip() for frame in frames)))
