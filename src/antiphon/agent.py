"""The facade: one object that says who the agent is and what it is made of.

from antiphon import Agent

agent = Agent(instructions="You take pizza orders.", greeting="Pizza Roma, what can I get you?")
agent.serve()
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from antiphon.conversation.settings import Mode, Settings, Speculation
from antiphon.errors import ConfigError, MissingDependency
from antiphon.protocols.phone import NUMBER
from antiphon.providers import registry
from antiphon.providers.base import Llm, Stt, Tts, Vad
from antiphon.providers.cost import Prices, billed_as
from antiphon.providers.fallback import resolve
from antiphon.server.runtime import Blueprint, Runtime
from antiphon.session.budget import Budget
from antiphon.session.lines import Lines
from antiphon.session.makings import Hooks, SessionOptions, Stages
from antiphon.text.redaction import chained, redactor
from antiphon.tools.base import Tool, ToolSource
from antiphon.tools.ending import end_call_tool
from antiphon.tools.function import as_tool

INSTRUCTIONS = (
    "You are a friendly voice assistant on a phone call. Answer in one or two short sentences of plain spoken English, "
    "without lists, markdown or emoji. If you do not know, say so."
)

OWN_MACHINE_WITHIN = 10.0  # seconds in which a model of one's own has to answer

# A stage as a user may write it: a provider's string, a mapping with its options, or a list of these and of provider
# objects, of which the first that works is used.
Spec = str | Mapping[str, Any] | Sequence[Any]


@dataclass(kw_only=True)
class Agent:
    """Who answers the call, and with which stages. Every field may be left out.

    `stt`, `llm`, `tts` and `vad` are strings ("openai/gpt-6-luna"), mappings with options
    ({"provider": "openai/llama3", "base_url": "http://localhost:11434/v1"}), or provider objects; "local" runs here.
    In a list of them each takes over where the one before it fails: `llm=["openai/gpt-6-luna", "local"]`.
    `preset` is one of "fast", "accurate", "private" and "cheap": what it decides holds where nothing else is given.
    `variables` replace {{name}} in `instructions` and `greeting`. Raises ConfigError for anything it cannot use.
    """

    instructions: str = INSTRUCTIONS
    greeting: str | None = "Hi, how can I help you?"
    preset: str | None = None
    stt: Spec | Stt | None = None  # None, of every stage: as the preset says, else "local"
    llm: Spec | Llm | None = None
    tts: Spec | Tts | None = None
    vad: Spec | Vad | None = None
    voice: str | None = None
    tools: Sequence[Tool | ToolSource | Callable[..., Any]] = ()  # functions, HttpTool, McpServer
    end_call: bool = False  # the agent may end the call itself, once its goodbye has been heard
    transfers: Mapping[str, str] = field(default_factory=dict)  # whom a phone call may be handed over to: name: number
    send_digits: bool = False  # the agent may press the keys of a telephone
    filler_lines: Sequence[str] | None = None  # what is said while a tool takes long; None: a few lines, in English
    mode: Literal["streaming", "cascade"] = "streaming"
    min_silence: int | None = None  # ms
    max_silence: int | None = None  # ms
    interruptible: bool = True
    max_tokens: int = 150
    language: str = "en"
    spoken_form: bool = True  # numbers, Markdown and the like are put into words before they are spoken
    # What is prepared of a reply before the turn is certain. None: all, if the model runs here, else nothing.
    speculation: Literal["off", "llm", "llm+tts"] | None = None
    idle_after: float | None = 30.0  # seconds of silence after which the caller is asked; None: never
    # Seconds from the end of the caller's turn to a sound; then the fallback line is spoken. None: 3, or 10 if the
    # model runs here or on a server of one's own.
    answer_within: float | None = None
    fallback_line: str | None = None  # None: a line in English
    farewell_line: str | None = None  # said before a session ends that must; None: a line in English
    consent_line: str | None = None  # said to its end before a call is recorded; None: nothing is
    limits: Budget | Mapping[str, Any] = field(default_factory=Budget)  # what one session may use
    variables: Mapping[str, str] = field(default_factory=dict)
    prices: str | Path | Mapping[str, Any] | None = None  # a file or data, laid over the package's prices.yaml
    # What is not kept of what is said: "card", "phone", "email", or a mapping of these to true and of names of your own
    # to patterns (RE2). Any other way of redacting is `Hooks.redact`.
    redact: Sequence[str] | Mapping[str, Any] = ()
    hooks: Hooks = field(default_factory=Hooks)
    settings: Settings | None = None  # every other rule of the conversation
    strict: bool = False  # refuse what only older generations of clients send

    def __post_init__(self) -> None:
        if self.preset is not None:
            from antiphon.agent_file import preset

            for name, value in preset(self.preset).items():
                if getattr(self, name) is None:
                    setattr(self, name, value)

    @classmethod
    def from_yaml(cls, path: str | Path, *, preset: str | None = None) -> Agent:
        """The agent a YAML file describes: a mapping of this class's fields. `preset`: in the place of the file's."""
        import yaml

        try:
            loaded = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error.strerror}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not valid YAML: {error}") from error
        if not isinstance(loaded, dict):
            raise ConfigError(f"{path} must be a mapping, like 'greeting: Hello'")
        fields = loaded if preset is None else {**loaded, "preset": preset}
        return cls.from_mapping(fields, source=str(path), folder=Path(path).parent)

    @classmethod
    def from_mapping(cls, fields: Mapping[str, Any], *, source: str = "the agent", folder: Path | None = None) -> Agent:
        """The agent that plain data describes; ConfigError names the field that is wrong. Modules of tools are looked
        for in `folder` first."""
        from antiphon.agent_file import check

        given = check(fields, source=source)
        if "tools" in given:
            from antiphon.tools.named import named_tools

            given["tools"] = named_tools(given["tools"], source=source, folder=folder)
        return cls(**given)

    # --- serving --------------------------------------------------------------------------------------------------

    def asgi(self) -> Any:
        """An ASGI application with `/v1/ws` and `/healthz`, to be served or mounted."""
        from antiphon.server.app import create_app

        return create_app(self.runtime())

    def serve(self, *, host: str = "127.0.0.1", port: int = 8000) -> None:
        """Serves until interrupted. Raises ConfigError when the address is taken."""
        from antiphon.server.run import serve

        asyncio.run(serve(self.runtime(), host=host, port=port))

    def runtime(self) -> Runtime:
        """The agent as a server runs it: stages made, defaults checked."""
        return Runtime(self.blueprint())

    def blueprint(self) -> Blueprint:
        stages, prices, budget = self.stages(), Prices(self.prices), self.budget()
        if budget.usd is not None:
            _check_prices(stages, prices)
        return Blueprint(
            stages=stages,
            defaults=self._defaults(),
            tools=self._tools(),
            hooks=self._hooks(),
            options=SessionOptions(
                settings=self._settings(stages),
                language=self.language,
                spoken_form=self.spoken_form,
                prices=prices,
                budget=budget,
            ),
            strict=self.strict,
            transfers=self._transfers(),
            send_digits=self.send_digits,
        )

    def _hooks(self) -> Hooks:
        steps = [step for step in (redactor(self.redact), self.hooks.redact) if step]
        return dataclasses.replace(self.hooks, redact=chained(steps) if steps else None)

    def _transfers(self) -> Mapping[str, str]:
        for name, number in self.transfers.items():
            if not NUMBER.fullmatch(number):
                raise ConfigError(f"transfers.{name}: {number!r} is no telephone number; write one like +15550100")
        return dict(self.transfers)

    def budget(self) -> Budget:
        """`limits`. Raises ConfigError."""
        if isinstance(self.limits, Budget):
            return self.limits
        try:
            return Budget(**self.limits)
        except TypeError as error:
            names = ", ".join(field.name for field in dataclasses.fields(Budget))
            raise ConfigError(f"limits: there are {names}, not {', '.join(self.limits)}") from error

    def _settings(self, stages: Stages) -> Settings:
        settings = self.settings or Settings()
        if self.settings is None and not self.language.startswith("en"):  # silence is better than another language
            settings = dataclasses.replace(settings, filler_lines=(), farewell_line="")
        if self.filler_lines is not None:
            settings = dataclasses.replace(settings, filler_lines=tuple(self.filler_lines))
        if self.fallback_line is not None:
            settings = dataclasses.replace(settings, fallback_line=self.fallback_line)
        if self.answer_within is not None:
            settings = dataclasses.replace(settings, answer_within=self.answer_within)
        elif self.settings is None and stages.llm.capabilities.own_machine:
            settings = dataclasses.replace(settings, answer_within=OWN_MACHINE_WITHIN)
        if self.consent_line is not None:
            settings = dataclasses.replace(settings, consent_line=self.consent_line)
        if self.farewell_line is not None:
            settings = dataclasses.replace(settings, farewell_line=self.farewell_line)
        return dataclasses.replace(
            settings,
            mode=Mode[self.mode.upper()],
            max_tokens=self.max_tokens,
            idle_after=self.idle_after,
            speculation=self._speculation(settings, stages),
        )

    def _tools(self) -> tuple[Tool | ToolSource, ...]:
        own = [end_call_tool()] if self.end_call else []
        return tuple(tool if isinstance(tool, ToolSource) else as_tool(tool) for tool in (*own, *self.tools))

    def _speculation(self, settings: Settings, stages: Stages) -> Speculation:
        """Preparing a reply that is thrown away costs nothing but time where the model runs here."""
        model = stages.llm.capabilities
        if self.speculation is not None:
            return Speculation(self.speculation)
        return Speculation.LLM_TTS if model.primes and model.own_machine else settings.speculation

    def stages(self) -> Stages:
        """The providers, made but not loaded."""
        tts = resolve("tts", "local" if self.tts is None else self.tts)
        return Stages(
            stt=resolve("stt", "local" if self.stt is None else self.stt),
            llm=resolve("llm", "local" if self.llm is None else self.llm),
            tts=tts,
            vad=resolve("vad", "local" if self.vad is None else self.vad),
            lines=Lines(tts, spare=_voice_of_this_machine),
        )

    def _defaults(self) -> dict[str, Any]:
        """What a client's own `session` object is laid over, in the wire's terms."""
        detection: dict[str, Any] = {"interrupt_response": self.interruptible}
        if self.min_silence is not None:
            detection["min_silence"] = self.min_silence
        if self.max_silence is not None:
            detection["max_silence"] = self.max_silence
        defaults: dict[str, Any] = {
            "system_prompt": fill(self.instructions, self.variables),
            "input": {"turn_detection": detection},
        }
        if self.greeting is not None:
            defaults["greeting"] = fill(self.greeting, self.variables)
        if self.voice is not None:
            defaults["output"] = {"voice": self.voice}
        return defaults


def _check_prices(stages: Stages, prices: Prices) -> None:
    """Money can be limited only where it is known what the stages cost."""
    named: tuple[tuple[Literal["stt", "llm", "tts"], Any], ...]
    named = (("stt", stages.stt), ("llm", stages.llm), ("tts", stages.tts))
    for stage, provider in named:
        name = billed_as(provider)
        if prices.of(stage, name) is None:
            raise ConfigError(f"limits.usd: the price of {stage} {name} is not known; give it under prices.{stage}")


def fill(text: str, variables: Mapping[str, str]) -> str:
    """`text` with each {{name}} replaced. Raises ConfigError for a name without a value."""

    def value(match: re.Match[str]) -> str:
        try:
            return str(variables[match[1]])
        except KeyError:
            raise ConfigError(f"{{{{{match[1]}}}}} has no value; give it in `variables`") from None

    return re.sub(r"\{\{\s*(\w+)\s*\}\}", value, text)


def _voice_of_this_machine() -> Tts | None:
    """For the line that is spoken when the agent's own TTS cannot be reached; None if there is none."""
    try:
        return registry.create_tts("local")
    except MissingDependency:
        return None
