"""What an agent file may say, checked field by field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from antiphon.errors import ConfigError

_PRESETS = files("antiphon") / "presets"

Stage = str | dict[str, Any] | list[str | dict[str, Any]]


class Limits(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seconds: float | None = Field(None, gt=0)
    tokens: int | None = Field(None, gt=0)
    characters: int | None = Field(None, gt=0)
    usd: float | None = Field(None, gt=0)


def _off(value: Any) -> Any:
    """YAML reads a plain `off` as false."""
    return "off" if value is False else value


class AgentFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    preset: str | None = None
    instructions: str = ""
    greeting: str | None = None
    stt: Stage = "local"
    llm: Stage = "local"
    tts: Stage = "local"
    vad: Stage = "local"
    voice: str | None = None
    mode: Literal["streaming", "cascade"] = "streaming"
    min_silence: int | None = Field(None, ge=50, le=10_000)
    max_silence: int | None = Field(None, ge=50, le=10_000)
    interruptible: bool = True
    max_tokens: int = Field(150, ge=1)
    language: str = "en"
    spoken_form: bool = True
    speculation: Annotated[Literal["off", "llm", "llm+tts"] | None, BeforeValidator(_off)] = None
    idle_after: float | None = Field(30.0, gt=0)
    variables: dict[str, str] = {}
    answer_within: float | None = Field(None, ge=1)
    fallback_line: str | None = Field(None, min_length=1)
    farewell_line: str | None = None
    consent_line: str | None = None
    limits: Limits = Limits.model_validate({})
    prices: str | dict[str, Any] | None = None
    tools: list[Any] = []  # see tools/named.py
    end_call: bool = False
    transfers: dict[str, str] = {}
    send_digits: bool = False
    filler_lines: list[str] | None = None
    redact: list[str] | dict[str, bool | str] = []
    strict: bool = False


def check(fields: Mapping[str, Any], *, source: str) -> dict[str, Any]:
    """The fields that were given, checked. Raises ConfigError naming the first that is wrong."""
    try:
        return AgentFile.model_validate(dict(fields)).model_dump(exclude_unset=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        fields = Limits.model_fields if first["loc"][0] == "limits" else AgentFile.model_fields
        raise ConfigError(f"{source}: {where}: {_advice(first['type'], first['msg'], fields)}") from error


def presets() -> list[str]:
    """The names of the presets: stages by purpose, one file each in `presets/`."""
    return sorted(file.name.removesuffix(".yaml") for file in _PRESETS.iterdir() if file.name.endswith(".yaml"))


def preset(name: str) -> dict[str, Any]:
    """The fields of an agent that the preset decides. Raises ConfigError for a name that is none."""
    import yaml

    if name not in presets():
        raise ConfigError(f"preset: there is none called {name!r}; there are: {', '.join(presets())}")
    fields = yaml.safe_load((_PRESETS / f"{name}.yaml").read_text(encoding="utf-8"))
    fields.pop("date")  # of what it names, for whoever reads it
    return check(fields, source=f"the preset {name}")


def _advice(kind: str, message: str, fields: Iterable[str]) -> str:
    if kind == "extra_forbidden":
        return f"there is no such field; there are: {', '.join(fields)}"
    return message
