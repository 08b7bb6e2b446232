"""What the servers behind the chat completions protocol take, and what they would choke on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from antiphon.errors import ConfigError

_NO_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatServer:
    """One kind of server. The flags may be set one by one, with the option `flags` of the provider."""

    url: str = ""
    key_names: tuple[str, ...] = ()  # variables of the environment; (): it takes no key
    context_window: int = 128_000  # tokens, of its models as a rule

    # Flags
    limit: str = "max_tokens"  # the field that limits the answer
    usage: bool = True  # it takes `stream_options`, and tells how many tokens were used
    tools: bool = True  # it takes tools
    stream_tools: bool = True  # it streams while it is offered tools; False: then it is asked for whole answers
    # What keeps a model from thinking before it speaks: fields, by the beginning of its name; the first that fits.
    quiet: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    def with_flags(self, flags: Mapping[str, Any]) -> ChatServer:
        known = [field.name for field in fields(self) if field.name in ("limit", "usage", "tools", "stream_tools")]
        if wrong := sorted(flags.keys() - set(known)):
            raise ConfigError(f"openai: there is no flag {', '.join(wrong)}; there are: {', '.join(known)}")
        return replace(self, **flags)

    def quieting(self, model: str) -> Mapping[str, Any]:
        return next((fields for beginning, fields in self.quiet if model.startswith(beginning)), {})


SERVERS: dict[str, ChatServer] = {
    "openai": ChatServer(
        url="https://api.openai.com/v1",
        key_names=("OPENAI_API_KEY",),
        limit="max_completion_tokens",
        # Thinking takes seconds; and these models call tools here only when they do not think.
        quiet=(("gpt-6", {"reasoning_effort": "none"}),),
    ),
    "groq": ChatServer(
        url="https://api.groq.com/openai/v1",
        key_names=("GROQ_API_KEY",),
        limit="max_completion_tokens",
        quiet=(
            ("openai/gpt-oss", {"reasoning_effort": "low", "include_reasoning": False}),
            ("qwen", {"reasoning_effort": "none"}),
        ),
    ),
    # What is too long for it is cut without a word, the system prompt first. So it is not given more than it takes.
    "ollama": ChatServer(
        url="http://localhost:11434/v1",
        context_window=4096,
        quiet=(("gpt-oss", {"reasoning_effort": "low"}), ("", {"reasoning_effort": "none"})),
    ),
    "vllm": ChatServer(url="http://localhost:8000/v1", quiet=(("", _NO_THINKING),)),
    "llamacpp": ChatServer(url="http://localhost:8080/v1", quiet=(("", _NO_THINKING),)),
}

COMPATIBLE = ChatServer()  # of which nothing is known
