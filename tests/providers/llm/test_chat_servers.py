"""What the servers behind the chat completions protocol are asked for, each in its own way."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from antiphon.errors import AuthError, ConfigError
from antiphon.providers import registry
from antiphon.providers.base import LlmRequest, TextDelta, Usage
from antiphon.providers.llm.openai import OpenAI
from antiphon.types import Message, Role, ToolCall, ToolSpec
from tests.emulators.openai_chat import OpenAIChat, Reply

ASKED = LlmRequest((Message(Role.USER, "Hello"),), max_tokens=50)
WITH_TOOLS = LlmRequest(ASKED.messages, tools=(ToolSpec("clock"),))


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "GROQ_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("spec", "field", "quiet"),
    [
        ("openai/gpt-6-luna", "max_completion_tokens", {"reasoning_effort": "none"}),
        ("openai/gpt-4.1", "max_completion_tokens", {}),
        ("groq/llama-3.1-8b-instant", "max_completion_tokens", {}),
        ("groq/openai/gpt-oss-120b", "max_completion_tokens", {"reasoning_effort": "low", "include_reasoning": False}),
        ("ollama/qwen3:4b", "max_tokens", {"reasoning_effort": "none"}),
        ("ollama/gpt-oss:20b", "max_tokens", {"reasoning_effort": "low"}),
        ("vllm/Qwen/Qwen3-8B", "max_tokens", {"chat_template_kwargs": {"enable_thinking": False}}),
        ("llamacpp/qwen3", "max_tokens", {"chat_template_kwargs": {"enable_thinking": False}}),
    ],
)
def test_each_kind_of_server_is_asked_in_its_own_way(spec: str, field: str, quiet: dict[str, Any]) -> None:
    llm = registry.create("llm", spec)
    body = llm._body(ASKED)
    assert (llm.name, body["model"], body[field]) == (spec, spec.partition("/")[2], 50)
    known = {"model", "messages", "stream", "stream_options", field}
    assert {name: value for name, value in body.items() if name not in known} == quiet


@pytest.mark.parametrize(("spec", "tokens"), [("ollama/llama3.2", 4096), ("vllm/any", 128_000)])
def test_a_server_is_given_no_more_than_it_takes(spec: str, tokens: int) -> None:
    assert registry.create("llm", spec).capabilities.context_window == tokens
    assert registry.create("llm", spec, context_window=32_000).capabilities.context_window == 32_000


def test_of_a_server_behind_another_address_nothing_is_taken_for_granted() -> None:
    body = OpenAI("gpt-6-luna", base_url="https://proxy.example/v1")._body(ASKED)
    assert body["max_tokens"] == 50 and "reasoning_effort" not in body
    body = OpenAI("qwen3", base_url="http://10.0.0.7:9000/v1", server="vllm")._body(ASKED)
    assert body["chat_template_kwargs"] == {"enable_thinking": False}


def test_flags_say_what_a_server_cannot_do() -> None:
    llm = OpenAI("m", base_url="http://x/v1", flags={"usage": False, "tools": False, "limit": "n_predict"})
    body = llm._body(WITH_TOOLS)
    assert not llm.capabilities.tools
    assert "stream_options" not in body and "tools" not in body and body["n_predict"] == 150
    with pytest.raises(ConfigError, match="stream_tools"):
        OpenAI("m", flags={"tolls": False})


def test_a_server_that_cannot_stream_with_tools_is_asked_for_whole_answers() -> None:
    message = {
        "role": "assistant",
        "content": "One moment.",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "clock", "arguments": '{"zone": "UTC"}'}}],
    }
    whole = {
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 5},
    }

    async def main() -> None:
        async with OpenAIChat() as server:
            llm = OpenAI("toy", base_url=server.url, flags={"stream_tools": False})
            server.replies.append(Reply(raw=json.dumps(whole).encode(), content_type="application/json"))
            got = [event async for event in llm.stream(WITH_TOOLS)]
            assert got == [TextDelta("One moment."), ToolCall("a", "clock", {"zone": "UTC"}), Usage(9, 5)]
            assert server.requests[0].body["stream"] is False
            assert TextDelta("Hello ") in [event async for event in llm.stream(ASKED)]
            assert server.requests[1].body["stream"] is True
            await llm.aclose()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("spec", "name"), [("groq/llama-3.1-8b-instant", "GROQ_API_KEY"), ("openai/m", "OPENAI_API_KEY")]
)
def test_a_vendors_key_is_asked_for_by_its_name(spec: str, name: str) -> None:
    async def ask() -> None:
        _ = [event async for event in registry.create("llm", spec).stream(ASKED)]

    with pytest.raises(AuthError, match=name):
        asyncio.run(ask())


@pytest.mark.parametrize("spec", ["ollama/llama3.2", "vllm/any", "llamacpp/any"])
def test_a_server_of_ones_own_takes_its_time_and_no_key(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    llm = registry.create("llm", spec)
    assert llm.capabilities.own_machine and llm._headers() == {}


def test_what_it_is_billed_as() -> None:
    assert registry.create("llm", "groq/llama-3.1-8b-instant").billed_as == "groq/llama-3.1-8b-instant"
    assert OpenAI("m", base_url="https://api.example/v1").billed_as == "api.example/m"


def test_an_unknown_kind_of_server_is_refused() -> None:
    with pytest.raises(ConfigError, match="llamacpp"):
        OpenAI("m", server="lmstudio")
