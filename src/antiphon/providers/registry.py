"""From a string to a provider: `create("llm", "openai/gpt-6-luna", base_url=…)`.

The part before the first "/" names the provider, the rest is passed to it untouched as `model`. Third parties add
providers through entry points in the groups `antiphon.stt`, `antiphon.llm`, `antiphon.tts` and `antiphon.vad`: the
entry's name is the provider's, its object a callable `(model: str, **options)`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Literal, cast

from antiphon.errors import ConfigError, MissingDependency
from antiphon.providers.base import Llm, Stt, Tts, Vad

Stage = Literal["stt", "llm", "tts", "vad"]

_BUILT_IN: dict[Stage, dict[str, str]] = {
    "stt": {
        "assemblyai": "antiphon.providers.stt.assemblyai:AssemblyAI",
        "deepgram": "antiphon.providers.stt.deepgram:Deepgram",
        "google": "antiphon.providers.stt.google:Google",
        "moonshine": "antiphon.providers.stt.moonshine:Moonshine",
        "openai": "antiphon.providers.stt.openai:OpenAI",
        "openai-realtime": "antiphon.providers.stt.openai_realtime:OpenAIRealtime",
        "whisper": "antiphon.providers.stt.whisper:Whisper",
    },
    "llm": {
        "anthropic": "antiphon.providers.llm.anthropic:Anthropic",
        "gemini": "antiphon.providers.llm.google:Gemini",
        "google": "antiphon.providers.llm.google:Gemini",
        "groq": "antiphon.providers.llm.openai:groq",
        "llamacpp": "antiphon.providers.llm.openai:llamacpp",
        "ollama": "antiphon.providers.llm.openai:ollama",
        "openai": "antiphon.providers.llm.openai:OpenAI",
        "vllm": "antiphon.providers.llm.openai:vllm",
        "smollm2": "antiphon.providers.llm.smollm2:SmolLM2",
    },
    "tts": {
        "cartesia": "antiphon.providers.tts.cartesia:Cartesia",
        "elevenlabs": "antiphon.providers.tts.elevenlabs:ElevenLabs",
        "espeak": "antiphon.providers.tts.espeak:Espeak",
        "google": "antiphon.providers.tts.google:Google",
        "kokoro": "antiphon.providers.tts.kokoro:Kokoro",
        "openai": "antiphon.providers.tts.openai:OpenAI",
        "openai-realtime": "antiphon.providers.tts.openai_realtime:OpenAIRealtime",
        "piper": "antiphon.providers.tts.piper:Piper",
        "polly": "antiphon.providers.tts.polly:Polly",
    },
    "vad": {"silero": "antiphon.providers.vad.silero:Silero"},
}

# A user may write just "local".
LOCAL: dict[Stage, str] = {"stt": "moonshine", "llm": "smollm2", "tts": "espeak", "vad": "silero"}

# Which extra installs what a provider needs, where the base install does not.
_EXTRAS: dict[str, str] = {
    "moonshine": "local",
    "smollm2": "local",
    "espeak": "local",
    "kokoro": "local",
    "piper": "local",
    "google": "google",
    "polly": "aws",
    "whisper": "whisper",
}


def names(stage: Stage) -> list[str]:
    """Every provider that can be named for a stage, built in or installed."""
    return sorted({*_BUILT_IN[stage], *(entry.name for entry in entry_points(group=f"antiphon.{stage}"))})


def create(stage: Stage, spec: str, **options: Any) -> Any:
    """Makes the provider `spec` names. Raises ConfigError for an unknown name or option, MissingDependency when the
    extra it needs is not installed. Nothing is loaded or connected until its `warm()`."""
    name, _, model = spec.partition("/")
    name = LOCAL[stage] if name == "local" else name
    factory = _factory(stage, name)
    try:
        return factory(model=model, **options)
    except ImportError as error:
        how = f"; run: pip install 'antiphon[{_EXTRAS[name]}]'" if name in _EXTRAS else ""
        raise MissingDependency(f"{stage} {spec!r} needs a package that is not installed: {error}{how}") from error
    except TypeError as error:
        raise ConfigError(f"{stage} {spec!r} does not take these options: {error}") from error


def create_stt(spec: str, **options: Any) -> Stt:
    return cast(Stt, create("stt", spec, **options))


def create_llm(spec: str, **options: Any) -> Llm:
    return cast(Llm, create("llm", spec, **options))


def create_tts(spec: str, **options: Any) -> Tts:
    return cast(Tts, create("tts", spec, **options))


def create_vad(spec: str, **options: Any) -> Vad:
    return cast(Vad, create("vad", spec, **options))


def _factory(stage: Stage, name: str) -> Callable[..., Any]:
    if path := _BUILT_IN[stage].get(name):
        module, _, attribute = path.partition(":")
        return cast(Callable[..., Any], getattr(import_module(module), attribute))
    for entry in entry_points(group=f"antiphon.{stage}", name=name):
        return cast(Callable[..., Any], entry.load())
    raise ConfigError(f"no {stage} provider is called {name!r}; there are: {', '.join(names(stage))}")
