"""Where vendors are, as data: the variables that hold their keys, their regions, and a model to try.

A provider that is not here is used all the same: what it cannot say is merely not told (see `lab.doctor`). Regions of
which a vendor has one alone, or that need a contract, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from antiphon.providers.registry import Stage


@dataclass(frozen=True, slots=True)
class Region:
    name: str
    host: str
    options: Mapping[str, Any] = field(default_factory=dict)  # of the provider, to use it; none for its default


@dataclass(frozen=True, slots=True)
class Vendor:
    keys: tuple[str, ...]  # variables of the environment; one is enough
    regions: tuple[Region, ...]  # the default one first
    model: str = ""  # to try, where the provider has no default of its own


def _one(host: str) -> tuple[Region, ...]:
    return (Region("everywhere", host),)


def _hosts(option: str, **hosts: str) -> tuple[Region, ...]:
    """Regions by their addresses, the first of which is the default."""
    default = next(iter(hosts))
    return tuple(
        Region(name, urlsplit(url).hostname or url, {} if name == default else {option: url})
        for name, url in hosts.items()
    )


def _aws(service: str, *names: str) -> tuple[Region, ...]:
    return tuple(Region(name, f"{service}.{name}.amazonaws.com", {"region": name}) for name in names)


_OPENAI = ("OPENAI_API_KEY",)
_GOOGLE = ("GOOGLE_APPLICATION_CREDENTIALS",)
_SPEECH_LOCATIONS = ("us", "eu", "asia-southeast1", "asia-northeast1")  # that have chirp_3

VENDORS: dict[tuple[Stage, str], Vendor] = {
    ("stt", "assemblyai"): Vendor(
        ("ASSEMBLYAI_API_KEY",),
        _hosts("base_url", everywhere="wss://streaming.assemblyai.com", eu="wss://streaming.eu.assemblyai.com"),
    ),
    ("stt", "deepgram"): Vendor(
        ("DEEPGRAM_API_KEY",),
        _hosts(
            "base_url",
            everywhere="wss://api.deepgram.com",
            eu="wss://api.eu.deepgram.com",
            au="wss://api.au.deepgram.com",
            india="wss://api.in.deepgram.com",
        ),
    ),
    ("stt", "google"): Vendor(
        _GOOGLE,
        tuple(Region(name, f"{name}-speech.googleapis.com", {"location": name}) for name in _SPEECH_LOCATIONS),
    ),
    ("stt", "openai"): Vendor(_OPENAI, _one("api.openai.com")),
    ("stt", "openai-realtime"): Vendor(_OPENAI, _one("api.openai.com")),
    ("llm", "anthropic"): Vendor(("ANTHROPIC_API_KEY",), _one("api.anthropic.com"), "claude-haiku-5-5"),
    ("llm", "google"): Vendor(
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"), _one("generativelanguage.googleapis.com"), "gemini-3.5-flash-lite"
    ),
    ("llm", "openai"): Vendor(_OPENAI, _one("api.openai.com"), "gpt-6-luna"),
    ("tts", "cartesia"): Vendor(("CARTESIA_API_KEY",), _one("api.cartesia.ai")),
    ("tts", "elevenlabs"): Vendor(
        ("ELEVENLABS_API_KEY",),
        _hosts(
            "base_url",
            everywhere="wss://api.elevenlabs.io",
            us="wss://api.us.elevenlabs.io",
            eu="wss://api.eu.residency.elevenlabs.io",
        ),
    ),
    ("tts", "google"): Vendor(
        _GOOGLE,
        _hosts("endpoint", everywhere="texttospeech.googleapis.com", eu="eu-texttospeech.googleapis.com"),
    ),
    ("tts", "openai"): Vendor(_OPENAI, _one("api.openai.com"), "gpt-4o-mini-tts"),
    ("tts", "openai-realtime"): Vendor(_OPENAI, _one("api.openai.com")),
    ("tts", "polly"): Vendor(
        ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"),
        _aws("polly", "us-east-1", "us-west-2", "eu-central-1", "eu-west-1", "ap-southeast-1", "ap-northeast-1"),
    ),
}

# Second names.
ALIASES: dict[tuple[Stage, str], str] = {("llm", "gemini"): "google"}

# Providers whose `warm` may download what is large: not tried unless somebody names them.
FETCHES = frozenset({("stt", "whisper")})
