"""How long each step may take before the next provider is tried."""

from __future__ import annotations

from dataclasses import dataclass, fields

from antiphon.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds, except where it says otherwise. They hold for every member of a chain but the last that may be tried:
    that one has whatever remains of the turn's budget, and may pause three times as long."""

    connect: float = 0.7  # an STT's stream
    final: float = 1.0  # from asking an STT for the final transcript to any sign of life
    first_token: float = 1.2  # from the request to the first thing a model writes
    first_audio: float = 0.7  # from text sent to its first audio
    gap: float = 1.5  # of silence between two pieces of an answer, or of audio
    cooldown: float = 5.0  # a member that failed is left out for so long; doubled each time in a row, up to a minute
    hedge: bool = False  # a second request is made once the first has taken longer than 80 % of those before it

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "hedge":
                if not isinstance(value, bool):
                    raise ConfigError("hedge: true or false")
            elif isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise ConfigError(f"{field.name}: a number of seconds above 0, not {value!r}")
