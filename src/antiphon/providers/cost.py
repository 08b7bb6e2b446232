"""From what was used to what it costs. Pure: the prices are a dated table, over which a user may lay another.

A price that is not known is None, and makes the sum unknown too: nothing here guesses.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date as Date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

import msgspec
import yaml
from msgspec import Meta, Struct

from antiphon.conversation.history import CHARS_PER_TOKEN, MESSAGE_TOKENS, estimate_tokens
from antiphon.errors import ConfigError
from antiphon.providers.base import LlmRequest, Usage
from antiphon.types import Cost

Dollars = Annotated[float, Meta(ge=0)]
MILLION = 1_000_000


class LongPrice(Struct, frozen=True, forbid_unknown_fields=True):
    """Of requests with more than `above` tokens of input. Dollars per million tokens."""

    above: Annotated[int, Meta(ge=1)]
    input: Dollars
    output: Dollars
    cached: Dollars | None = None  # None: as input that is not cached
    cache_write: Dollars | None = None


class Price(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the table; its comment says what each field means."""

    free: bool = False
    per_hour: Dollars | None = None
    per_minute: Dollars | None = None
    counts: Literal["audio", "connection"] = "audio"
    input: Dollars | None = None
    cached: Dollars | None = None
    cache_write: Dollars | None = None
    output: Dollars | None = None
    long: LongPrice | None = None
    characters: Dollars | None = None
    date: Date | None = None
    source: str = ""

    def seconds(self, seconds: float) -> float | None:
        if self.free:
            return 0.0
        if self.per_hour is not None:
            return seconds * self.per_hour / 3600
        return None if self.per_minute is None else seconds * self.per_minute / 60

    def tokens(self, usage: Usage) -> float | None:
        if self.free:
            return 0.0
        price: Price | LongPrice = self.long if self.long and usage.input > self.long.above else self
        if price.input is None or price.output is None:
            return None
        cached = price.input if price.cached is None else price.cached
        written = price.input if price.cache_write is None else price.cache_write
        fresh = usage.input - usage.cached - usage.cache_written
        dollars = fresh * price.input + usage.cached * cached + usage.cache_written * written
        return (dollars + usage.output * price.output) / MILLION

    def speech(self, characters: int, seconds: float) -> float | None:
        if self.free:
            return 0.0
        return self.seconds(seconds) if self.characters is None else characters * self.characters / MILLION


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    stt: dict[str, Price] = {}
    llm: dict[str, Price] = {}
    tts: dict[str, Price] = {}


class Prices:
    """The table: `of("llm", "openai/gpt-6-luna")`."""

    def __init__(self, own: Mapping[str, Any] | str | Path | None = None) -> None:
        """`own` is laid over the package's table: plain data of its form, or a YAML file. Raises ConfigError."""
        table = _packaged()
        mine = _read(own, source="prices") if isinstance(own, Mapping) else _from_file(own) if own else _Table()
        self._entries: dict[str, dict[str, Price]] = {
            "stt": {**table.stt, **mine.stt},
            "llm": {**table.llm, **mine.llm},
            "tts": {**table.tts, **mine.tts},
        }

    def of(self, stage: Literal["stt", "llm", "tts"], provider: str) -> Price | None:
        """The price of a provider by its string; None where the table has none."""
        entries = self._entries[stage]
        if provider in entries:
            return entries[provider]
        fitting = [name for name in entries if name.endswith("*") and provider.startswith(name[:-1])]
        return entries[max(fitting, key=len)] if fitting else None


def billed_as(provider: Any) -> str:
    """The name in the table of a provider: its string, unless it says that someone else is behind it."""
    return str(getattr(provider, "billed_as", provider.name))


@runtime_checkable
class BilledStream(Protocol):
    """A stream of which someone else than the provider it was opened at may do the work: a chain's."""

    @property
    def used(self) -> Mapping[str, tuple[int, float]]:
        """By whom, as named in the table: characters sent to be spoken, and seconds of audio, sent or made."""


@cache
def _packaged() -> _Table:
    return _read(
        yaml.safe_load(files(__package__).joinpath("prices.yaml").read_text(encoding="utf-8")), source="prices"
    )


def _from_file(path: str | Path) -> _Table:
    try:
        loaded = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from error
    return _read(loaded, source=str(path))


def _read(loaded: Any, *, source: str) -> _Table:
    try:
        return msgspec.convert(loaded, _Table)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"{source}: {error}; write it as 'llm: {{openai/gpt-6-luna: {{input: 0.1, output: 0.5}}}}'"
        ) from error


# --- what was used ------------------------------------------------------------------------------------------------


def stt_cost(price: Price | None, *, seconds: float, connected: float) -> Cost:
    """`seconds` of audio were sent, over connections that were open for `connected` seconds."""
    if not seconds and not connected:
        return Cost()
    charged = connected if price and price.counts == "connection" else seconds
    return Cost(stt_seconds=seconds, stt_usd=price.seconds(charged) if price else None)


def estimated_usage(request: LlmRequest, *, written: int = 0) -> Usage:
    """What a request takes to answer of which nobody told, when so many bytes of text were written."""
    tools = sum(len(f"{tool.name} {tool.description} {tool.parameters}") for tool in request.tools)
    rest = int(tools / CHARS_PER_TOKEN) + MESSAGE_TOKENS * len(request.tools)
    read = sum(map(estimate_tokens, request.messages)) + rest
    return Usage(input=read, output=round(written / CHARS_PER_TOKEN), estimated=True)


def llm_cost(price: Price | None, usage: Usage, *, estimated: bool = False) -> Cost:
    """One request."""
    return Cost(
        input_tokens=usage.input,
        cached_tokens=usage.cached,
        output_tokens=usage.output,
        llm_usd=price.tokens(usage) if price else None,
        estimated=estimated or usage.estimated,
    )


def tts_cost(price: Price | None, *, characters: int, seconds: float) -> Cost:
    """`characters` were sent to be spoken, `seconds` of audio came back."""
    if not characters and not seconds:
        return Cost()
    usd = price.speech(characters, seconds) if price else None
    return Cost(tts_characters=characters, tts_seconds=seconds, tts_usd=usd)
