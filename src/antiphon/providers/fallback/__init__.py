"""Several providers of a stage, as one: when one fails, the next takes over, in the middle of the call.

`create` makes a chain of them, which is itself a provider and keeps the contract of its stage. A chain belongs to the
process, as every provider does, and so does what it has learned about its members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from antiphon.errors import ConfigError
from antiphon.providers import registry
from antiphon.providers.fallback.limits import Limits
from antiphon.providers.fallback.llm import FallbackLlm
from antiphon.providers.fallback.stt import FallbackStt
from antiphon.providers.fallback.tts import FallbackTts


def resolve(stage: registry.Stage, given: Any) -> Any:
    """The provider that a user asks for: by its string; by a mapping with `provider` and its options; by a list of
    these, of which the first that works is used; by a mapping with such a list as `fallback`, and `Limits`. A provider
    object is returned as it is. Raises as `registry.create` does."""
    if isinstance(given, str):
        return registry.create(stage, given)
    if isinstance(given, Mapping):
        options = dict(given)
        if "fallback" in options:
            return create(stage, options.pop("fallback"), **options)
        spec = options.pop("provider", None)
        if not isinstance(spec, str):
            raise ConfigError(f"{stage}: a mapping needs `provider`, like 'provider: local'")
        return registry.create(stage, spec, **options)
    return create(stage, given) if isinstance(given, list | tuple) else given


def create(stage: registry.Stage, given: Sequence[Any], **options: Any) -> Any:
    """The chain of these providers, the preferred one first. `options` are those of `Limits`."""
    try:
        limits = Limits(**options)
    except TypeError:
        wrong = ", ".join(sorted(options.keys() - set(Limits.__dataclass_fields__)))
        raise ConfigError(
            f"{stage}: a list of providers has no option {wrong}; there are: {', '.join(Limits.__dataclass_fields__)}"
        ) from None
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise ConfigError(f"{stage}: `fallback` is a list of providers, like [openai/gpt-6-luna, local]")
    providers = [resolve(stage, member) for member in given]
    match stage:
        case "llm":
            return FallbackLlm(providers, limits=limits)
        case "stt":
            return FallbackStt(providers, limits=limits)
        case "tts":
            return FallbackTts(providers, limits=limits)
    raise ConfigError(f"{stage} takes one provider, not a list of them")
