"""Every vendor of language models, with its emulator: what the one contract suite runs over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from antiphon.providers.base import Llm
from antiphon.providers.llm.anthropic import Anthropic
from antiphon.providers.llm.google import Gemini
from antiphon.providers.llm.openai import OpenAI
from tests.emulators import anthropic_messages, gemini, openai_chat
from tests.emulators.anthropic_messages import AnthropicMessages
from tests.emulators.faults import HTTP_FAULTS, Fault
from tests.emulators.gemini import GeminiServer
from tests.emulators.http_server import Answer, HttpServer
from tests.emulators.openai_chat import OpenAIChat
from tests.providers.live import at_the_vendor

KEY = "sk-a-secret"
PATIENT = {"first_timeout": 4.0, "gap_timeout": 4.0}  # seconds: the machine may be busy
IMPATIENT = {"first_timeout": 0.3, "gap_timeout": 0.3}  # for vendors that would be waited for in vain


@dataclass(frozen=True)
class Vendor:
    """`saying` is an answer of these pieces of text, `calling` one that calls two tools, named `clock` and `now`."""

    name: str
    emulator: Callable[..., HttpServer[Any]]
    provider: Callable[..., Llm]
    saying: Callable[..., Answer]
    calling: Callable[[], Answer]
    live_key: str  # the variable that holds a real key
    live: Callable[[], Llm]
    faults: tuple[Fault, ...] = HTTP_FAULTS
    real: bool = False  # it is the vendor itself, and no emulator

    @asynccontextmanager
    async def running(self, fault: Fault | None = None, **options: float) -> AsyncIterator[tuple[Llm, Any]]:
        if self.real:
            async with at_the_vendor(self.live, self.live_key) as pair:
                yield pair
            return
        options = (IMPATIENT if fault in (Fault.HANG, Fault.SLOW_FIRST_BYTE, Fault.STALL) else PATIENT) | options
        async with self.emulator(fault=fault) as server:
            llm = self.provider(base_url=server.url, api_key=KEY, **options)
            try:
                yield llm, server
            finally:
                await llm.aclose()

    def __repr__(self) -> str:
        return self.name


def _openai_calls() -> Answer:
    first = {"index": 0, "id": "a", "function": {"name": "clock", "arguments": '{"zone":'}}
    rest = {"index": 0, "function": {"arguments": ' "UTC"}'}}
    second = {"index": 1, "id": "b", "function": {"name": "now", "arguments": "{}"}}
    deltas = [{"tool_calls": [part]} for part in (first, rest, second)]
    return openai_chat.Reply(deltas=deltas, finish="tool_calls")


def _anthropic_calls() -> Answer:
    tool_use = anthropic_messages.tool_use
    blocks = [tool_use("a", "clock", '{"zone":', ' "UTC"}'), tool_use("b", "now")]
    return anthropic_messages.Reply(blocks=blocks, stop_reason="tool_use")


VENDORS = [
    Vendor(
        name="openai",
        emulator=OpenAIChat,
        provider=lambda **options: OpenAI("toy", **options),
        saying=lambda *pieces, **how: openai_chat.Reply(deltas=openai_chat.text(*pieces), **how),
        calling=_openai_calls,
        live_key="OPENAI_API_KEY",
        live=lambda: OpenAI("gpt-6-luna"),
    ),
    Vendor(
        name="anthropic",
        emulator=AnthropicMessages,
        provider=lambda **options: Anthropic("toy", **options),
        saying=lambda *pieces, **how: anthropic_messages.Reply(blocks=[anthropic_messages.text(*pieces)], **how),
        calling=_anthropic_calls,
        live_key="ANTHROPIC_API_KEY",
        live=lambda: Anthropic("claude-haiku-5-5"),
    ),
    Vendor(
        name="google",
        emulator=GeminiServer,
        provider=lambda **options: Gemini("gemini-3.5-flash-lite", **options),
        saying=lambda *pieces, **how: gemini.Reply(parts=gemini.text(*pieces), **how),
        calling=lambda: gemini.Reply(
            parts=[gemini.call("clock", {"zone": "UTC"}, call_id="a"), gemini.call("now", {}, call_id="b")]
        ),
        live_key="GEMINI_API_KEY",
        live=lambda: Gemini("gemini-3.5-flash-lite"),
    ),
]
