"""Looks at every provider from here: is there a key, is it accepted, how long to connect, how long to a first result.

Every step is bounded, vendors are asked at the same time and models that run here one after the other, so that they do
not slow each other. Making a first result costs what a few words cost. No key is ever part of what is found.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from antiphon.errors import (
    AntiphonError,
    AuthError,
    ConfigError,
    MissingDependency,
    ModelStoreError,
    ProviderError,
    QuotaError,
)
from antiphon.lab.doctor_measures import Speech, final_transcript, first_sound, first_token, time_to_connect
from antiphon.lab.doctor_secrets import Secrets
from antiphon.providers import registry
from antiphon.providers.cost import Prices, billed_as
from antiphon.providers.keys import find_key
from antiphon.providers.registry import Stage
from antiphon.providers.vendors import ALIASES, FETCHES, VENDORS, Region, Vendor

CLOSE_TIMEOUT = 3.0  # seconds
STAGES: tuple[Stage, ...] = ("stt", "llm", "tts", "vad")
NEARER = 15.0  # ms by which another region must be nearer to be looked at


class Status(StrEnum):
    WORKS = "works"
    NO_KEY = "no key"
    REFUSED = "refused"  # the key or the account
    FAILED = "failed"
    MISSING = "not installed"
    UNTRIED = "not tried"


@dataclass(slots=True)
class Subject:
    """A provider to be looked at, as a user names it."""

    stage: Stage
    spec: str
    options: Mapping[str, Any] = field(default_factory=dict)
    named: bool = False  # by the user, and not merely because it exists

    @property
    def name(self) -> str:
        name = self.spec.partition("/")[0]
        return registry.LOCAL[self.stage] if name == "local" else ALIASES.get((self.stage, name), name)

    @property
    def vendor(self) -> Vendor | None:
        return VENDORS.get((self.stage, self.name))


@dataclass(slots=True)
class Finding:
    """Times in ms; None: not measured."""

    subject: Subject
    provider: str  # its full name, "openai/gpt-6-luna"
    status: Status
    here: bool = False  # it runs on this machine
    key: bool | None = None  # there is one; None: none is needed, or nobody knows
    message: str = ""
    connect_ms: float | None = None  # to its default region
    ready_ms: float | None = None  # connected and the key accepted; of a model that runs here, loaded
    first_ms: float | None = None  # to the first token, the first sound, or the final transcript after the speech
    regions: dict[str, float | None] = field(default_factory=dict)  # to connect to each
    region: str | None = None  # the one to use from here; None: there is but one
    options: dict[str, Any] = field(default_factory=dict)  # of the provider, for that region


def everyone() -> list[Subject]:
    """Every provider that can be named, with a model to try."""
    found: list[Subject] = []
    for stage in STAGES:
        for name in registry.names(stage):
            vendor = VENDORS.get((stage, name))
            if (stage, name) not in ALIASES:
                found.append(Subject(stage, f"{name}/{vendor.model}" if vendor and vendor.model else name))
    return found


def named_by(stages: Mapping[Stage, Any]) -> list[Subject]:
    """Those that an agent names, in its own terms (see `antiphon.providers.fallback.resolve`)."""
    found: list[Subject] = []
    for stage, given in stages.items():
        for one in _flat(given):
            options = dict(one) if isinstance(one, Mapping) else {}
            spec = options.pop("provider", None) if isinstance(one, Mapping) else one
            if not isinstance(spec, str):
                raise ConfigError(f"{stage}: only what is named by a string can be examined")
            found.append(Subject(stage, spec, options, named=True))
    return found


def _flat(given: Any) -> list[Any]:
    if isinstance(given, Mapping) and "fallback" in given:
        return _flat(given["fallback"])
    return [member for one in given for member in _flat(one)] if isinstance(given, list | tuple) else [given]


async def examine(
    subjects: Sequence[Subject],
    *,
    speech: Speech,
    results: bool = True,
    timeout: float = 10.0,
    connect: Callable[[str], Awaitable[float | None]] = time_to_connect,
) -> list[Finding]:
    """What is found of each, in their order. `results` False: nothing is made that costs anything. `timeout` bounds
    each step, in seconds. `connect` measures the way to a host."""
    doctor = _Doctor(speech, results=results, timeout=timeout, connect=connect)
    made = [(subject, *doctor.make(subject)) for subject in subjects]
    await asyncio.gather(*(doctor.visit(finding, provider) for _, finding, provider in made if not finding.here))
    for _, finding, provider in made:
        if finding.here:
            await doctor.visit(finding, provider)
    return [finding for _, finding, _ in made]


class _Doctor:
    def __init__(
        self,
        speech: Speech,
        *,
        results: bool,
        timeout: float,
        connect: Callable[[str], Awaitable[float | None]],
    ) -> None:
        self._speech = speech
        self._results = results
        self._timeout = timeout
        self._connect_to = connect
        self._prices = Prices()
        self._secrets = Secrets()

    def make(self, subject: Subject) -> tuple[Finding, Any]:
        """The provider, not connected yet; None where it cannot be made."""
        finding = Finding(subject, subject.spec, Status.FAILED, key=_has_key(subject))
        self._secrets.add(subject.options)
        if (subject.stage, subject.name) in FETCHES and not subject.named:
            finding.status, finding.here = Status.UNTRIED, True
            finding.message = "its model is downloaded when it is first used; name it in an agent file to try it"
        try:
            provider = self._create(finding)
        except AntiphonError as error:
            self._blame(finding, error)
            return finding, None
        finding.provider = provider.name
        price = None if subject.stage == "vad" else self._prices.of(subject.stage, billed_as(provider))
        finding.here = subject.stage == "vad" or (price is not None and price.free)
        return finding, None if finding.status is Status.UNTRIED else provider

    def _create(self, finding: Finding) -> Any:
        """With the vendor's first region, where nothing says which and one is needed."""
        subject = finding.subject
        try:
            return registry.create(subject.stage, subject.spec, **subject.options)
        except ConfigError:
            if subject.named or subject.vendor is None or not subject.vendor.regions[0].options:
                raise
            finding.options = dict(subject.vendor.regions[0].options)
            return registry.create(subject.stage, subject.spec, **finding.options)

    async def visit(self, finding: Finding, provider: Any) -> None:
        """Fills in the finding, and closes the provider."""
        try:
            await self._connect(finding)
            if provider is not None:
                await self._use(finding, provider)
            if finding.status is Status.WORKS and not finding.here:
                await self._try_nearer(finding)
        finally:
            await self._close(provider)

    async def _connect(self, finding: Finding) -> None:
        """How far the regions are, key or not."""
        regions = _regions(finding.subject)
        times = await asyncio.gather(*(self._connect_to(region.host) for region in regions))
        finding.regions = {region.name: ms for region, ms in zip(regions, times, strict=True)}
        finding.connect_ms = times[0] if times else None

    async def _use(self, finding: Finding, provider: Any) -> None:
        loop = asyncio.get_running_loop()
        try:
            began = loop.time()
            async with asyncio.timeout(self._timeout):
                await provider.warm()
            finding.ready_ms = (loop.time() - began) * 1000
            if self._results and finding.subject.stage != "vad":
                speaking = self._speech.seconds if finding.subject.stage == "stt" else 0.0
                async with asyncio.timeout(speaking + self._timeout):
                    finding.first_ms = await self._first_result(finding.subject.stage, provider)
            finding.status, finding.message = Status.WORKS, ""
        except (AntiphonError, TimeoutError) as error:
            self._blame(finding, error)
        except Exception as error:  # noqa: BLE001 - a provider of somebody else's: its fault is a finding, not ours
            self._blame(finding, ProviderError(f"{type(error).__name__}: {error}"))

    async def _try_nearer(self, finding: Finding) -> None:
        """If another region is clearly nearer, and accepts the key, it is the one to use."""
        regions = [(ms, region) for region in _regions(finding.subject) if (ms := finding.regions[region.name])]
        if len(regions) < 2 or finding.connect_ms is None:
            return
        nearest, region = min(regions, key=lambda pair: pair[0])
        finding.region = next(iter(finding.regions))
        if nearest > finding.connect_ms - NEARER:
            return
        subject = finding.subject
        other = Finding(subject, finding.provider, Status.FAILED)
        provider = registry.create(subject.stage, subject.spec, **{**subject.options, **region.options})
        try:
            await self._use(other, provider)
        finally:
            await self._close(provider)
        if other.status is Status.WORKS:
            finding.region, finding.options = region.name, dict(region.options)
            finding.ready_ms, finding.first_ms = other.ready_ms, other.first_ms

    async def _first_result(self, stage: Stage, provider: Any) -> float:
        match stage:
            case "llm":
                return await first_token(provider)
            case "tts":
                return await first_sound(provider)
        return await final_transcript(provider, self._speech)

    async def _close(self, provider: Any) -> None:
        if hasattr(provider, "aclose"):
            with contextlib.suppress(Exception):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await provider.aclose()

    def _blame(self, finding: Finding, error: Exception) -> None:
        match error:
            case MissingDependency() | ModelStoreError():
                finding.status = Status.MISSING
            case AuthError() if finding.key is False:
                finding.status = Status.NO_KEY
            case AuthError() | QuotaError():
                finding.status = Status.REFUSED
            case ConfigError() if finding.key is False:
                finding.status = Status.NO_KEY
            case _:
                finding.status = Status.FAILED
        said = str(error.args[0] if isinstance(error, ProviderError) else error)
        said = f"no answer within {self._timeout:g} s" if isinstance(error, TimeoutError) else said
        finding.message = self._secrets.hide(" ".join(said.split()))


def _has_key(subject: Subject) -> bool | None:
    vendor = subject.vendor
    if vendor is None:
        return None
    given = any(subject.options.get(name) for name in ("api_key", "credentials_file", "access_key_id", "profile"))
    return given or find_key(None, *vendor.keys) is not None


def _regions(subject: Subject) -> tuple[Region, ...]:
    """Where it may be reached: at its vendor's, or where its options say."""
    for option in ("base_url", "endpoint_url", "endpoint"):
        if address := subject.options.get(option):
            return (Region("given", str(address)),)
    if subject.vendor is None:
        return ()
    chosen = [
        region
        for region in subject.vendor.regions
        if region.options and all(subject.options.get(name) == value for name, value in region.options.items())
    ]
    return (*chosen, *(region for region in subject.vendor.regions if region not in chosen))
