"""What a session is made of: the stages, the hooks, and how this server runs its sessions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from antiphon.conversation import actions as act
from antiphon.conversation import events as ev
from antiphon.conversation import notices as out
from antiphon.conversation.endpointing import Patience
from antiphon.conversation.ledger import BUDGETS
from antiphon.conversation.recovery import Recovered
from antiphon.conversation.settings import Settings, Speculation
from antiphon.providers.base import EndingReader, Llm, Stt, Tts, TurnDetector, Vad
from antiphon.providers.cost import Prices
from antiphon.session.budget import Budget
from antiphon.session.lines import Lines
from antiphon.tools.base import Tool
from antiphon.types import Cost, Message, SessionConfig, ToolCall, TurnDetection

if TYPE_CHECKING:
    from antiphon.session.session import Session


@dataclass(frozen=True, slots=True)
class Stages:
    """The providers of a session. They belong to the process and outlive it."""

    stt: Stt
    llm: Llm
    tts: Tts
    vad: Vad
    turn: TurnDetector | None = None  # None: turns end by silence and words
    reader: EndingReader | None = None  # None: nobody reads final transcripts
    lines: Lines | None = None  # what is spoken when the TTS cannot; None: nothing is


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the program that runs the agent may watch and change. Called on the event loop: they must not block."""

    on_session: Callable[[Session], None] | None = None  # it is about to begin; keep it to `say` or `interrupt` later
    on_turn: Callable[[out.UserTranscript], None] | None = None
    on_reply: Callable[[out.AgentTranscript], None] | None = None
    on_metrics: Callable[[out.TurnMetrics], None] | None = None
    on_cost: Callable[[out.ReplyCost], None] | None = None
    on_notice: Callable[[out.Notice], None] | None = None
    before_speech: Callable[[str], str] | None = None  # a clause as the model wrote it -> what is to be said of it
    summarise: Callable[[tuple[Message, ...]], str] | None = None  # of history that no longer fits
    journal: Callable[[float, ev.Event, list[act.Action]], None] | None = None  # every step of the core
    redact: Callable[[str], str] | None = None  # a text -> what may be kept of it, in the store and in logs
    # Stores the intent of a tool call, which `on_notice` and `journal` were told before: awaited before the call is
    # run, or the client asked to run it. If it raises, or takes longer than 2 s, the call is not run.
    before_tool: Callable[[ToolCall], Awaitable[None]] | None = None
    # Returns once all that `on_notice` and `journal` were told is stored, or cannot be: awaited before the client is
    # told of a turn, or of what was heard of a reply. It must be quick, and may not raise.
    stored: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What a session was in another process, which is gone."""

    found: Recovered
    cost: Cost = field(default_factory=Cost)
    lasted: float = 0.0  # seconds
    ids: int = 0  # more than it gave out


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How this server runs its sessions, whatever the client asks of them."""

    settings: Settings = field(default_factory=Settings)
    client_delay: float = 0.08  # seconds from sending audio to its being played, where no client says
    budgets: Mapping[str, float] = field(default_factory=lambda: dict(BUDGETS))  # ms, of the spans of a turn
    prices: Prices = field(default_factory=Prices)
    budget: Budget = field(default_factory=Budget)  # of one session
    language: str = "en"  # of the agent
    spoken_form: bool = True  # numbers, Markdown and the like are put into words before they are spoken


def spoken_language(config: SessionConfig, options: SessionOptions) -> str:
    """What the agent speaks: the one language that the client named, else the agent's own."""
    return config.language_codes[0] if len(config.language_codes) == 1 else options.language


def _patience(detection: TurnDetection, settings: Settings, stages: Stages) -> Patience | None:
    """None, a fixed pause, where one was asked for, or where nobody chose and no detector is there to know better."""
    if detection.fixed:
        return None
    if detection.mode is not None:
        return Patience(detection.mode)
    return settings.patience or (Patience.BALANCED if stages.turn else None)


def settings_for(
    config: SessionConfig, *, options: SessionOptions, stages: Stages, functions: Mapping[str, Tool]
) -> Settings:
    """The core's settings: the server's own, with what the session was asked to be. A function of the server's stands
    before a tool of the client's of the same name."""
    detection = config.turn_detection
    tools = {tool.name: tool for tool in config.tools}
    tools.update({name: function.spec for name, function in functions.items()})
    return replace(
        options.settings,
        speculation=Speculation(detection.speculation or options.settings.speculation),
        patience=_patience(detection, options.settings, stages),
        judges=stages.turn is not None,
        reads_endings=stages.reader is not None,
        min_silence=detection.min_silence,
        max_silence=detection.max_silence,
        early_final=min(options.settings.early_final, detection.min_silence),
        interruptible=detection.interrupt_response,
        language=config.language_codes[0] if config.language_codes else options.language,
        partials=stages.stt.capabilities.partials,
        system_prompt=config.system_prompt,
        tools=tuple(tools.values()) if stages.llm.capabilities.tools else (),
        context_window=stages.llm.capabilities.context_window,
    )
