"""What a span says of a language model and of tools, by OpenTelemetry's conventions for generative AI (1.37: "Semantic
conventions for generative client AI spans", "Execute tool span")."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from antiphon.conversation.notices import ReplyMade
from antiphon.text.redaction import Redactor, redacted
from antiphon.types import Message, Role, ToolCall, ToolSpec

Attributes = dict[str, Any]

# The well-known names of `gen_ai.provider.name`, where they are not ours.
PROVIDERS = {"google": "gcp.gemini", "xai": "x_ai", "mistral": "mistral_ai"}
Shown = Callable[[Any], str]


def shown(redact: Redactor | None) -> Shown:
    """How plain data is written into an attribute: as JSON, redacted."""

    def show(value: Any) -> str:
        return json.dumps(redacted(value, redact) if redact else value, ensure_ascii=False, default=str)

    return show


def chat(made: ReplyMade, *, asked: str, session_id: str) -> Attributes:
    """Of a request to a model. `asked` is the provider's name, "openai/gpt-6-luna"; another of a chain may have
    answered."""
    vendor, model = split(asked)
    _, answered = split(made.llm or asked)
    attributes: Attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": vendor,
        "gen_ai.request.model": model,
        "gen_ai.response.model": answered,
        "gen_ai.conversation.id": session_id,
        "gen_ai.output.type": "text",
        "gen_ai.usage.input_tokens": made.cost.input_tokens,
        "gen_ai.usage.output_tokens": made.cost.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": made.cost.cached_tokens,
        "antiphon.usage.estimated": made.cost.estimated,
    }
    if made.cost.llm_usd is not None:
        attributes["antiphon.cost.usd"] = made.cost.llm_usd
    return attributes


def split(name: str) -> tuple[str, str]:
    """The vendor, as the conventions call it, and the model. Of a chain: the first that is asked."""
    vendor, _, model = name.partition(" > ")[0].partition("/")
    return PROVIDERS.get(vendor, vendor), model or vendor


def tool(call_id: str, name: str) -> Attributes:
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.id": call_id,
        "gen_ai.tool.type": "function",
    }


def asked_content(messages: Iterable[Message], tools: Iterable[ToolSpec], show: Shown) -> Attributes:
    """What the model was given."""
    system = [{"type": "text", "content": message.text} for message in messages if message.role is Role.SYSTEM]
    said = [_message(message) for message in messages if message.role is not Role.SYSTEM]
    return {
        "gen_ai.system_instructions": show(system),
        "gen_ai.input.messages": show(said),
        "gen_ai.tool.definitions": show([{"type": "function", "name": tool.name} for tool in tools]),
    }


def answered_content(text: str, calls: Iterable[ToolCall], show: Shown) -> Attributes:
    """What it wrote."""
    parts = [{"type": "text", "content": text}] if text else []
    message = {"role": "assistant", "parts": [*parts, *map(_call, calls)], "finish_reason": "stop"}
    return {"gen_ai.output.messages": show([message])}


def _message(message: Message) -> dict[str, Any]:
    if message.role is Role.TOOL:
        part = {"type": "tool_call_response", "id": message.call_id, "response": message.text}
        return {"role": "tool", "parts": [part]}
    text = [{"type": "text", "content": message.text}] if message.text else []
    return {"role": message.role.value, "parts": [*text, *map(_call, message.tool_calls)]}


def _call(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_call", "id": call.call_id, "name": call.name, "arguments": call.arguments}
