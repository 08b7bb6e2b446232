"""The `session` object: what one session is set to, as the wire sees it.

`Session` is the whole resolved object. It is what `session.updated` echoes, what the next `session.update` is merged
into, and what is kept for a resume; unset values are None, never a default number. Ranges are part of the types, so
one conversion checks nearly everything; what spans several fields is checked in `_check` below it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from antiphon import types
from antiphon.protocols.voice_agent import refusals
from antiphon.protocols.voice_agent.webhook import Webhook

Unit = Annotated[float, Meta(ge=0, le=1)]
Silence = Annotated[int, Meta(ge=50, le=10_000)]  # ms
Delay = Annotated[int, Meta(ge=0, le=1_000)]  # ms

# The keys that `session` may have. Those of MERGED_FIELDS are the resolved session's own.
MERGED_FIELDS = frozenset({"system_prompt", "greeting", "input", "output", "tools", "llm", "pre_connect_requests"})
SESSION_FIELDS = MERGED_FIELDS | {"agent_id", "webhook"}

# The vendor's voices at the time of generation N. Only strict servers insist on them.
VOICES = frozenset(
    "alba anna charles estelle eve george giovanni iris jane jean "
    "juergen lola mary michael paul rafael reid vera".split()
)
DEFAULT_VOICE = "anna"
LANGUAGES = frozenset("en es de fr pt it tr nl sv no da fi hi vi ar he ja zh".split())

_DEEPEST_SCHEMA = 64  # levels of a tool's JSON Schema: more cannot be echoed safely


class PCM(Struct, frozen=True, tag_field="encoding", tag="audio/pcm"):
    sample_rate: Literal[24_000] = 24_000  # Hz


class PCMU(Struct, frozen=True, tag_field="encoding", tag="audio/pcmu"):
    sample_rate: Literal[8_000] = 8_000


class PCMA(Struct, frozen=True, tag_field="encoding", tag="audio/pcma"):
    sample_rate: Literal[8_000] = 8_000


Format = PCM | PCMU | PCMA


Mode = Literal["min_latency", "balanced", "max_accuracy"]


class TurnDetection(Struct, frozen=True):
    vad_threshold: Unit | None = None
    min_silence: Silence | None = None
    max_silence: Silence | None = None
    interrupt_response: bool | None = None
    interruption_delay: Delay | None = None
    type: Literal["server_vad", "semantic_vad"] | None = None  # of an older generation; without effect
    uninterruptible_turns: tuple[str, ...] | None = None
    speculation: Literal["off", "llm", "llm+tts"] | UnsetType | None = (
        UNSET  # extension: what is prepared before its end
    )


class Input(Struct, frozen=True):
    type: Literal["audio"] = "audio"
    format: Format = PCM()
    turn_detection: TurnDetection | None = None
    keyterms: Annotated[tuple[str, ...], Meta(max_length=100)] | None = None
    transcription_mode: Mode | None = None
    transcription_prompt: Annotated[str, Meta(max_length=1750)] | None = None
    language_codes: tuple[str, ...] | None = None
    voice_focus: Literal["near-field", "far-field"] | None = None
    voice_focus_threshold: Unit | None = None
    continuous_partials: bool | None = None


class Output(Struct, frozen=True):
    type: Literal["audio"] = "audio"
    voice: Annotated[str, Meta(min_length=1)] = DEFAULT_VOICE
    format: Format = PCM()
    volume: Annotated[float, Meta(ge=0, le=100)] | None = None  # percent


class ResponseInstructions(Struct, frozen=True):
    """How the reply is to be that speaks of a tool's result: for that reply only."""

    success: Annotated[str, Meta(max_length=500)] | None = None
    error: Annotated[str, Meta(max_length=500)] | None = None


class Tool(Struct, frozen=True):
    name: Annotated[str, Meta(min_length=1)]
    type: Literal["function"] = "function"
    description: str = ""
    parameters: dict[str, Any] | None = None  # JSON Schema of an object
    execution_mode: Literal["interactive", "hold"] = "interactive"
    timeout_seconds: Annotated[float, Meta(ge=1, le=300)] = 120.0
    http: dict[str, Any] | None = None  # stored agents only: the server runs the tool itself
    response_instructions: ResponseInstructions | None = None
    idempotent: bool | UnsetType = UNSET  # extension: may be run again when its outcome is unknown


class Session(Struct, frozen=True):
    id: str
    system_prompt: str = ""
    greeting: str | None = None
    input: Input = Input()
    output: Output = Output()
    tools: tuple[Tool, ...] = ()
    llm: tuple[dict[str, Any], ...] = ()
    pre_connect_requests: tuple[dict[str, Any], ...] = ()


class Settings(Struct, frozen=True):
    """All that a session keeps of what its client said. A resume takes it up elsewhere, so it can be encoded."""

    session: Session
    voice: str | None = None  # None: never named; the echo shows the default and the TTS chooses its own
    webhook: Webhook | None = None
    context: dict[str, Any] = {}  # what was found out about the call before it began, by the names an agent gave it
    old_client: bool = False  # a client of the first generation: it looks for `args` in tool.call


def merge(settings: Settings, update: dict[str, Any]) -> Settings:
    """`settings` with a `session` object laid over: objects field by field, lists and audio formats whole.

    Raises ProtocolError: `invalid_format` where a field directly under `session` has the wrong type, `invalid_value`
    with the field's path everywhere below.
    """
    merged = msgspec.to_builtins(settings.session)
    for name, value in update.items():
        merged[name] = _overlay(merged[name], value)
    try:
        session = msgspec.convert(merged, Session)
    except msgspec.ValidationError as failure:
        raise _refusal(failure) from failure
    _check_tools(session.tools)
    _check_turn_detection(session.input.turn_detection)
    named = (update.get("output") or {}).get("voice")
    return msgspec.structs.replace(settings, session=session, voice=named or settings.voice)


def changed_field(before: Session, after: Session) -> str | None:
    """The path of a field that may not change after the first update, and did; None when all is well."""
    if after.greeting != before.greeting:
        return "greeting"
    if after.output.voice != before.output.voice:
        return "output.voice"
    if after.output.format != before.output.format:
        return "output.format"
    return None


def check_names(session: Session) -> None:
    """What only a strict server insists on: that voices and languages are the vendor's own."""
    if session.output.voice not in VOICES:
        raise refusals.invalid_value("output.voice", f"must be one of {', '.join(sorted(VOICES))}")
    for n, code in enumerate(session.input.language_codes or ()):
        if code not in LANGUAGES:
            raise refusals.invalid_value(f"input.language_codes[{n}]", f"must be one of {', '.join(sorted(LANGUAGES))}")


def to_config(settings: Settings) -> types.SessionConfig:
    """The wire's session in Antiphon's own terms."""
    session = settings.session
    return types.SessionConfig(
        system_prompt=session.system_prompt,
        greeting=session.greeting or None,
        input_format=_to_format(session.input.format),
        output_format=_to_format(session.output.format),
        voice=settings.voice,
        volume=100.0 if session.output.volume is None else session.output.volume,
        turn_detection=_to_turn_detection(
            session.input.turn_detection or TurnDetection(), session.input.transcription_mode
        ),
        keyterms=session.input.keyterms or (),
        language_codes=session.input.language_codes or (),
        tools=tuple(_to_tool(tool) for tool in session.tools),
    )


def _overlay(below: Any, above: Any) -> Any:
    """One field of the session with its update laid over. A null directly under `session` means "not given"."""
    if above is None:
        return below
    if isinstance(above, list):
        return [_given(item) for item in above]
    if not isinstance(above, dict) or not isinstance(below, dict):
        return above
    merged = {**below, **above}
    if isinstance(below.get("turn_detection"), dict) and isinstance(above.get("turn_detection"), dict):
        merged["turn_detection"] = {**below["turn_detection"], **above["turn_detection"]}
    merged["format"] = _given(merged["format"])
    return _given(merged)


def _given(value: Any) -> Any:
    """An object without its nulls, which unset a field; anything else as it is."""
    if not isinstance(value, dict):
        return value
    return {name: item for name, item in value.items() if item is not None}


def _refusal(failure: msgspec.ValidationError) -> Exception:
    """msgspec ends its messages with the path: "Expected `int` >= 50 - at `$.input.turn_detection.min_silence`"."""
    why, _, path = str(failure).rpartition(" - at `$.")
    param = path.removesuffix("`")
    if "." not in param and "[" not in param:
        return refusals.invalid_message("session.update")
    return refusals.invalid_value(param, why[:1].lower() + why[1:])


def _check_tools(tools: tuple[Tool, ...]) -> None:
    names: set[str] = set()
    for n, tool in enumerate(tools):
        if tool.name in names:
            raise refusals.invalid_value(f"tools[{n}].name", f"two tools are called {tool.name!r}")
        names.add(tool.name)
        if not isinstance((tool.parameters or {}).get("properties", {}), dict):
            raise refusals.invalid_value(f"tools[{n}].parameters.properties", "expected `object`")
        for name in ("parameters", "http"):
            if why := _unstorable(getattr(tool, name), _DEEPEST_SCHEMA):
                raise refusals.invalid_value(f"tools[{n}].{name}", why)


def _unstorable(value: object, levels: int) -> str:
    """Why free-form JSON can neither be echoed nor kept; empty when it can."""
    if isinstance(value, dict | list):
        if levels == 0:
            return f"nested deeper than {_DEEPEST_SCHEMA} levels"
        items = value.values() if isinstance(value, dict) else value
        return next((why for item in items if (why := _unstorable(item, levels - 1))), "")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return "holds a number of more than 64 bits"
    return ""


def _check_turn_detection(turn: TurnDetection | None) -> None:
    if turn is None or turn.min_silence is None or turn.max_silence is None:
        return
    if turn.min_silence >= turn.max_silence:
        raise refusals.invalid_value(
            "input.turn_detection.min_silence", f"must be less than max_silence ({turn.max_silence} ms)"
        )


def _to_format(wire: Format) -> types.AudioFormat:
    match wire:
        case PCM():
            return types.PCM_24K
        case PCMU():
            return types.ULAW_8K
        case PCMA():
            return types.ALAW_8K


def _to_turn_detection(turn: TurnDetection, mode: Mode | None) -> types.TurnDetection:
    """Unset values take the types' defaults; a default never contradicts the value that was set. A pause that was set
    is kept to: the mode then changes nothing."""
    default = types.TurnDetection()
    shortest, longest = turn.min_silence, turn.max_silence
    if shortest is None:
        shortest = min(default.min_silence, longest or default.max_silence)
    if longest is None:
        longest = max(default.max_silence, shortest)
    return types.TurnDetection(
        vad_threshold=default.vad_threshold if turn.vad_threshold is None else turn.vad_threshold,
        min_silence=shortest,
        max_silence=longest,
        interrupt_response=default.interrupt_response if turn.interrupt_response is None else turn.interrupt_response,
        fixed=turn.min_silence is not None or turn.max_silence is not None,
        mode=mode,
        speculation=turn.speculation or None,
    )


def _to_tool(tool: Tool) -> types.ToolSpec:
    return types.ToolSpec(
        name=tool.name,
        description=tool.description,
        parameters=tool.parameters or {},
        hold=tool.execution_mode == "hold",
        timeout=tool.timeout_seconds,
        idempotent=tool.idempotent is True,
        on_success=(tool.response_instructions and tool.response_instructions.success) or "",
        on_error=(tool.response_instructions and tool.response_instructions.error) or "",
    )
