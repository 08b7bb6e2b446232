"""The anthropic provider against a server on the loopback interface: requests, answers, failures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon.errors import (
    AuthError,
    BadRequest,
    ConfigError,
    Disconnected,
    Overloaded,
    ProviderError,
    ProviderTimeout,
    QuotaError,
    RateLimited,
)
from antiphon.providers.base import LlmEvent, LlmRequest, TextDelta, Usage, Working
from antiphon.providers.llm.anthropic import Anthropic
from antiphon.types import Message, Role, ToolCall, ToolSpec
from tests.emulators.anthropic_messages import AnthropicMessages, Reply, text, thinking, tool_use

ASKED = LlmRequest((Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "Hello")))
CALL = ToolCall("toolu_1", "clock", {"zone": "UTC"})
CLOCK = ToolSpec("clock", "Tells the time.", {"type": "object", "properties": {"zone": {"type": "string"}}})


def run(test: Callable[[Anthropic, AnthropicMessages], Awaitable[None]], model: str = "toy", **options: Any) -> None:
    async def main() -> None:
        async with AnthropicMessages() as server:
            llm = Anthropic(model, base_url=server.url, api_key="secret", **options)
            try:
                await test(llm, server)
            finally:
                await llm.aclose()

    asyncio.run(main())


async def events(llm: Anthropic, request: LlmRequest = ASKED) -> list[LlmEvent]:
    return [event async for event in llm.stream(request) if not isinstance(event, Working)]


def replied(reply: Reply) -> list[LlmEvent]:
    """What the provider makes of one reply, but for what it says of the input at the start."""
    got: list[LlmEvent] = []

    async def test(llm: Anthropic, server: AnthropicMessages) -> None:
        server.replies.append(reply)
        got.extend(await events(llm))

    run(test)
    assert isinstance(got[0], Usage)
    return got[1:]


def failed(reply: Reply, **options: Any) -> ProviderError:
    async def test(llm: Anthropic, server: AnthropicMessages) -> None:
        server.replies.append(reply)
        await events(llm)

    with pytest.raises(ProviderError) as caught:
        run(test, **options)
    assert (caught.value.stage, caught.value.provider) == ("llm", "anthropic/toy")
    return caught.value


def sent(request: LlmRequest, model: str = "toy", **options: Any) -> dict[str, Any]:
    """The body the vendor gets, once it has accepted it."""
    bodies: list[dict[str, Any]] = []

    async def test(llm: Anthropic, server: AnthropicMessages) -> None:
        await events(llm, request)
        bodies.append(server.requests[0].body)

    run(test, model, **options)
    return bodies[0]


def test_text_comes_in_pieces_and_usage_at_both_ends() -> None:
    usage = {"input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20}
    got = replied(Reply(usage=usage, output=7))
    assert got == [TextDelta("Hello "), TextDelta("there."), Usage(input=125, output=7, cached=100, cache_written=20)]


def test_what_was_read_is_known_of_an_answer_cut_off() -> None:
    async def test(llm: Anthropic, server: AnthropicMessages) -> None:
        server.replies.append(Reply(end="hang"))
        stream = llm.stream(ASKED)
        assert await anext(stream) == Usage(input=9, output=1)
        await stream.aclose()
        await asyncio.wait_for(server.someone_left.wait(), 5)

    run(test)


def test_the_request_is_what_the_vendor_expects() -> None:
    history = (
        *ASKED.messages,
        Message(Role.ASSISTANT, "Let me look.", tool_calls=(CALL,)),
        Message(Role.TOOL, "noon", call_id="toolu_1"),
    )
    body = sent(LlmRequest(history, tools=(CLOCK, ToolSpec("now")), max_tokens=50, temperature=0.5))
    assert (body["model"], body["stream"], body["max_tokens"]) == ("toy", True, 50)
    assert body["system"][0]["text"] == "Be brief."
    assert body["messages"][1]["content"][1]["input"] == {"zone": "UTC"}
    assert body["messages"][2]["content"][0]["content"] == "noon"
    assert body["tools"][1]["input_schema"] == {"type": "object", "properties": {}}


def test_the_key_and_the_version_are_sent() -> None:
    async def test(llm: Anthropic, server: AnthropicMessages) -> None:
        await llm.warm()
        await events(llm)
        for request in server.requests:
            assert request.headers["authorization"] == "Bearer secret"
            assert request.headers["anthropic-version"] == "2026-10-21"
        assert server.connections == 1

    run(test)


def test_what_stays_from_turn_to_turn_is_cached() -> None:
    only_now = Message(Role.SYSTEM, "Say it in French.")
    body = sent(LlmRequest((*ASKED.messages, only_now), tools=(ToolSpec("now"), CLOCK)))
    said, instructions = body["messages"][0]["content"]
    assert "cache_control" in said and "cache_control" not in instructions
    assert "cache_control" in body["system"][0]
    assert ["cache_control" in tool for tool in body["tools"]] == [False, True]


@pytest.mark.parametrize(
    "history",
    [
        (Message(Role.ASSISTANT, "Hi, how can I help?"), Message(Role.USER, "Hello")),
        (Message(Role.USER, "Hello"), Message(Role.ASSISTANT, "Hi.")),
        (Message(Role.USER, "Hello"), Message(Role.ASSISTANT, ""), Message(Role.USER, "Hello?")),
        (Message(Role.USER, "Hello"), Message(Role.SYSTEM, "Go on."), Message(Role.ASSISTANT, "Hi.")),
        (Message(Role.USER, "Hello"), Message(Role.USER, "Hello?")),
        (Message(Role.ASSISTANT, "", tool_calls=(CALL,)), Message(Role.TOOL, "", call_id="toolu_1")),
    ],
)
def test_turns_alternate_whoever_began(history: tuple[Message, ...]) -> None:
    assert sent(LlmRequest(history))["messages"]


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("claude-haiku-5-5", {"type": "disabled"}),
        ("claude-sonnet-5-5", {"type": "between_tools"}),
        ("claude-opus-5-5", None),
        ("claude-haiku-4-5-20251001", None),
    ],
)
def test_it_thinks_as_little_as_the_model_allows(model: str, thinking: dict[str, str] | None) -> None:
    body = sent(ASKED, model)
    assert (body["model"], body.get("thinking")) == (model, thinking)


def test_extra_fields_are_added_and_taken_out() -> None:
    body = sent(ASKED, "claude-haiku-5-5", extra={"thinking": None, "inference_geo": "eu"})
    assert "thinking" not in body and body["inference_geo"] == "eu"


def test_tool_calls_are_put_together() -> None:
    calls = [tool_use("a", "clock", '{"zone":', ' "UTC"}'), tool_use("b", "now")]
    got = replied(Reply(blocks=[text("One moment."), *calls], stop_reason="tool_use"))
    assert got[:3] == [TextDelta("One moment."), ToolCall("a", "clock", {"zone": "UTC"}), ToolCall("b", "now", {})]


def test_thoughts_are_never_spoken() -> None:
    assert replied(Reply(blocks=[thinking("Hm.", "Well."), text("Yes.")]))[0] == TextDelta("Yes.")


def test_a_call_in_the_writing_is_a_sign_of_life() -> None:
    async def test(llm: Anthropic, server: AnthropicMessages) -> None:
        server.replies.append(Reply(blocks=[tool_use("a", "clock", '{"zone":', ' "UTC"}')]))
        assert [event async for event in llm.stream(ASKED)].count(Working()) >= 2

    run(test)


def test_a_call_that_max_tokens_cut_short_is_an_error() -> None:
    error = failed(Reply(blocks=[tool_use("a", "clock", '{"zo')], stop_reason="max_tokens"))
    assert isinstance(error, BadRequest)


def test_a_refusal_is_an_error_unless_something_was_said() -> None:
    assert isinstance(failed(Reply(blocks=[], stop_reason="refusal")), BadRequest)
    assert replied(Reply(blocks=[text("I'd rather not.")], stop_reason="refusal"))[0] == TextDelta("I'd rather not.")


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, None, AuthError),
        (402, None, QuotaError),
        (429, None, RateLimited),
        (429, {"details": {"error_code": "enforced_spend_limit_reached"}}, QuotaError),
        (400, None, BadRequest),
        (404, None, BadRequest),
        (500, None, Overloaded),
        (529, None, Overloaded),
        (504, {"type": "timeout_error"}, ProviderTimeout),
    ],
)
def test_a_status_is_a_kind_of_error(status: int, error: dict[str, Any] | None, kind: type[ProviderError]) -> None:
    assert type(failed(Reply(status=status, error=error))) is kind


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(end="error"), Overloaded),
        (Reply(end="error", error={"type": "rate_limit_error", "message": "slower"}), RateLimited),
        (Reply(end="close"), Disconnected),
        (Reply(end="reset"), Disconnected),
        (Reply(raw=b"event: ping\ndata: {oh no\n\n"), Disconnected),
    ],
)
def test_an_answer_that_breaks_off_is_an_error(reply: Reply, kind: type[ProviderError]) -> None:
    assert type(failed(reply)) is kind


def test_silence_is_a_timeout() -> None:
    assert isinstance(failed(Reply(end="hang"), first_timeout=0.2, gap_timeout=0.1), ProviderTimeout)


def test_a_key_is_sent_only_where_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "mine")

    async def main() -> None:
        async with AnthropicMessages() as server:
            other = Anthropic("toy", base_url=server.url)
            await events(other)
            monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
            named = Anthropic("toy")
            await events(named)
            assert ["authorization" in request.headers for request in server.requests] == [False, True]
            await asyncio.gather(other.aclose(), named.aclose())

    asyncio.run(main())


def test_without_a_key_or_a_model_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    with pytest.raises(AuthError, match="ANTHROPIC_API_KEY"):
        asyncio.run(events(Anthropic("claude-haiku-5-5")))
    with pytest.raises(ConfigError, match="claude-haiku-5-5"):
        Anthropic()


def test_the_emulator_satisfies_the_official_client() -> None:
    anthropic = pytest.importorskip("anthropic")

    async def main() -> None:
        async with AnthropicMessages() as server:
            client = anthropic.AsyncAnthropic(base_url=server.url, api_key="k", max_retries=0)
            ask = {"model": "toy", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
            server.replies.append(Reply(blocks=[thinking("Hm."), text("Hi."), tool_use("a", "clock", '{"z": 1}')]))
            async with client.messages.stream(**ask) as stream:
                message = await stream.get_final_message()
            assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
            assert message.content[2].input == {"z": 1} and message.usage.output_tokens == 2
            server.replies.append(Reply(status=529))
            with pytest.raises(anthropic.APIStatusError):
                await client.messages.create(**ask, stream=True)
            server.replies.append(Reply(end="error"))
            with pytest.raises(anthropic.APIStatusError):
                _ = [event async for event in await client.messages.create(**ask, stream=True)]
            await client.close()

    asyncio.run(main())
