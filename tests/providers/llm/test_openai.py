"""The openai provider against a server on the loopback interface: requests, answers, stopping, failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, cast

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
from antiphon.providers.llm.openai import OpenAI
from antiphon.types import Message, Role, ToolCall, ToolSpec
from tests.emulators.openai_chat import OpenAIChat, Reply, text

ASKED = LlmRequest((Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "Hello")))


def run(test: Callable[[OpenAI, OpenAIChat], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        async with OpenAIChat() as server:
            llm = OpenAI("toy", base_url=server.url, **options)
            try:
                await test(llm, server)
            finally:
                await llm.aclose()

    asyncio.run(main())


async def events(llm: OpenAI, request: LlmRequest = ASKED) -> list[LlmEvent]:
    return [event async for event in llm.stream(request) if not isinstance(event, Working)]


def said(got: list[LlmEvent]) -> str:
    return "".join(event.text for event in got if isinstance(event, TextDelta))


def replied(reply: Reply) -> list[LlmEvent]:
    """What the provider makes of one reply."""
    got: list[LlmEvent] = []

    async def test(llm: OpenAI, server: OpenAIChat) -> None:
        server.replies.append(reply)
        got.extend(await events(llm))

    run(test)
    return got


def failed(reply: Reply, **options: Any) -> ProviderError:
    """The error a reply ends in."""

    async def test(llm: OpenAI, server: OpenAIChat) -> None:
        server.replies.append(reply)
        await events(llm)

    with pytest.raises(ProviderError) as caught:
        run(test, **options)
    assert (caught.value.stage, caught.value.provider) == ("llm", "openai/toy")
    assert caught.value.elapsed is not None
    return caught.value


def test_text_comes_in_pieces_and_usage_at_the_end() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    assert replied(Reply(usage=usage)) == [TextDelta("Hello "), TextDelta("there."), Usage(9, 2, 4)]


def test_the_request_is_what_servers_expect() -> None:
    async def test(llm: OpenAI, server: OpenAIChat) -> None:
        call = ToolCall("c1", "clock", {"zone": "UTC"})
        tool = ToolSpec("clock", "Tells the time.", {"type": "object", "properties": {"zone": {"type": "string"}}})
        history = (
            *ASKED.messages,
            Message(Role.ASSISTANT, "", tool_calls=(call,)),
            Message(Role.TOOL, "noon", call_id="c1"),
        )
        await events(llm, LlmRequest(history, tools=(tool, ToolSpec("now")), max_tokens=50, temperature=0.5))
        body = server.requests[0].body
        assert (body["model"], body["stream"], body["max_tokens"], body["temperature"]) == ("toy", True, 50, 0.5)
        assert body["stream_options"] == {"include_usage": True}
        assert body["messages"][2]["tool_calls"][0]["function"] == {"name": "clock", "arguments": '{"zone": "UTC"}'}
        assert body["messages"][2]["content"] is None
        assert body["messages"][3] == {"role": "tool", "tool_call_id": "c1", "content": "noon"}
        assert body["tools"][1]["function"]["parameters"] == {"type": "object", "properties": {}}
        assert "authorization" not in server.requests[0].headers

    run(test)


def test_a_key_is_sent_only_where_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")

    async def keyless(llm: OpenAI, server: OpenAIChat) -> None:
        await events(llm)
        assert "authorization" not in server.requests[0].headers
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        named = OpenAI("toy")
        await events(named)
        await named.aclose()
        assert server.requests[1].headers["authorization"] == "Bearer secret"

    run(keyless)


def test_openai_without_a_key_is_an_auth_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(AuthError, match="OPENAI_API_KEY"):
        asyncio.run(events(OpenAI("gpt-6-luna")))


def test_openai_itself_gets_its_own_fields() -> None:
    body = OpenAI("gpt-6-luna", api_key="k")._body(ASKED)
    assert (body["max_completion_tokens"], body["reasoning_effort"]) == (150, "none")
    assert "max_tokens" not in body and "temperature" not in body


def test_extra_fields_are_added_and_taken_out() -> None:
    body = OpenAI("m", base_url="http://x/v1", extra={"stream_options": None, "keep_alive": -1})._body(ASKED)
    assert "stream_options" not in body and body["keep_alive"] == -1


def test_tool_calls_are_put_together() -> None:
    deltas = [
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "clock", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"zone":'}}]},
        {"tool_calls": [{"index": 1, "id": "b", "function": {"name": "now", "arguments": None}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ' "UTC"}'}}]},
    ]
    got = replied(Reply(deltas=deltas, finish="tool_calls"))
    assert got == [ToolCall("a", "clock", {"zone": "UTC"}), ToolCall("b", "now", {})]


@pytest.mark.parametrize(
    "parts",
    [
        [
            {"function": {"name": "one", "arguments": '{"x": '}},
            {"function": {"arguments": "1}"}},
        ],  # neither index nor id
        [{"index": 0, "function": {"name": "one", "arguments": {"x": 1}}}],  # arguments as an object
        [{"index": None, "id": "z", "function": {"name": "one", "arguments": '{"x": 1}'}}],
    ],
)
def test_calls_of_careless_servers_are_understood(parts: list[dict[str, Any]]) -> None:
    (call,) = replied(Reply(deltas=[{"tool_calls": [part]} for part in parts]))
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments) == ("one", {"x": 1}) and call.call_id


def test_two_calls_under_one_index_stay_two() -> None:
    parts = [{"index": 0, "id": name, "function": {"name": name, "arguments": "{}"}} for name in ("a", "b")]
    assert replied(Reply(deltas=[{"tool_calls": parts}])) == [ToolCall("a", "a", {}), ToolCall("b", "b", {})]


def test_arguments_that_are_no_object_are_an_error() -> None:
    deltas = [{"tool_calls": [{"index": 0, "id": "a", "function": {"name": "clock", "arguments": '{"zo'}}]}]
    error = failed(Reply(deltas=deltas, finish="length"))
    assert isinstance(error, BadRequest) and "max_tokens" in str(error)


def test_thoughts_are_never_spoken() -> None:
    deltas = [
        {"reasoning_content": "Hm."},
        {"reasoning": "Hm."},
        *text("<thi", "nk>Let me", " see</th", "ink>\n\n", "It is "),
    ]
    assert said(replied(Reply(deltas=[*deltas, *text("1 < 2", " <b", ">.")]))) == "It is 1 < 2 <b>."


def test_a_thought_without_an_end_is_dropped() -> None:
    assert said(replied(Reply(deltas=text("Yes. ", "<think>or", " no")))) == "Yes. "


def test_content_in_parts_is_text() -> None:
    parts = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Yes."}]
    assert said(replied(Reply(deltas=[{"content": parts}, {"content": None}, {}]))) == "Yes."


@pytest.mark.parametrize("chop", [1, 3, 7])
def test_how_the_bytes_are_cut_changes_nothing(chop: int) -> None:
    assert said(replied(Reply(deltas=text("Grüße ", "日本\u2028語"), chop=chop))) == "Grüße 日本\u2028語"


def test_comments_and_bare_ends_are_understood() -> None:
    raw = b': wait\r\n\r\ndata: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\r\n\r\n: bye\r\n'
    assert said(replied(Reply(raw=raw, end="no_done"))) == "Hi"


def test_the_connection_is_used_again() -> None:
    async def test(llm: OpenAI, server: OpenAIChat) -> None:
        await llm.warm()
        for _ in range(3):
            assert said(await events(llm)) == "Hello there."
        assert server.connections == 1

    run(test)


def begin(llm: OpenAI) -> AsyncGenerator[LlmEvent, None]:
    return cast(AsyncGenerator[LlmEvent, None], llm.stream(ASKED))


def test_closing_the_stream_reaches_the_server() -> None:
    async def test(llm: OpenAI, server: OpenAIChat) -> None:
        server.replies.append(Reply(deltas=text(*["word "] * 1000), delay=0.01))
        stream = begin(llm)
        await anext(stream)
        await stream.aclose()
        await asyncio.wait_for(server.someone_left.wait(), 5)
        assert server.left[0] < 100

    run(test)


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(end="hang")])
def test_cancelling_the_task_reaches_the_server(reply: Reply) -> None:
    async def test(llm: OpenAI, server: OpenAIChat) -> None:
        await llm.warm()  # the first request waits for certificates to be read
        server.replies.append(reply)
        task = asyncio.create_task(events(llm))
        await server.asked.wait()
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.someone_left.wait(), 5)

    run(test)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, {"message": "bad key", "code": "invalid_api_key"}, AuthError),
        (403, {"message": "not you"}, AuthError),
        (402, {"message": "pay"}, QuotaError),
        (429, {"message": "spent", "type": "insufficient_quota"}, QuotaError),
        (429, {"message": "spent", "code": "project_spend_limit_exceeded"}, QuotaError),
        (429, {"message": "slower", "code": "rate_limit_exceeded"}, RateLimited),
        (400, {"message": "no such field"}, BadRequest),
        (404, {"message": "no such model"}, BadRequest),
        (500, {"message": "oh"}, Overloaded),
        (503, {"message": "busy", "code": "server_is_overloaded"}, Overloaded),
    ],
)
def test_a_status_is_a_kind_of_error(status: int, error: dict[str, Any], kind: type[ProviderError]) -> None:
    got = failed(Reply(status=status, error=error))
    assert type(got) is kind
    assert error["message"] in str(got)


@pytest.mark.parametrize(("header", "value"), [("retry-after", "7"), ("retry-after-ms", "7000")])
def test_how_long_to_wait_is_passed_on(header: str, value: str) -> None:
    got = failed(Reply(status=429, headers={header: value}))
    assert isinstance(got, RateLimited) and got.retry_after == 7


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(end="close"), Disconnected),
        (Reply(end="reset"), Disconnected),
        (Reply(raw=b"data: {oh no\n\n"), Disconnected),
        (Reply(raw=b"data: \xff\xfe\n\n"), Disconnected),
        (Reply(raw=b"<html>welcome</html>"), Disconnected),
        (Reply(end="error", error={"message": "slower", "code": 429}), RateLimited),
        (Reply(end="error", error={"message": "busy", "type": "server_error"}), Overloaded),
    ],
)
def test_an_answer_that_breaks_off_is_an_error(reply: Reply, kind: type[ProviderError]) -> None:
    got = failed(reply)
    assert type(got) is kind and got.retryable


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(end="hang"), Reply(deltas=[], end="hang")])
def test_silence_is_a_timeout(reply: Reply) -> None:
    assert isinstance(failed(reply, first_timeout=0.1, gap_timeout=0.1), ProviderTimeout)


def test_a_server_that_is_not_there_is_disconnected() -> None:
    async def test(llm: OpenAI, server: OpenAIChat) -> None:
        gone = OpenAI("toy", base_url="http://127.0.0.1:9/v1")
        with pytest.raises(Disconnected):
            await gone.warm()
        with pytest.raises(Disconnected):
            await events(gone)

    run(test)


def test_warming_proves_the_key_and_forgives_a_missing_list() -> None:
    async def test(llm: OpenAI, server: OpenAIChat) -> None:
        server.replies.append(Reply(status=401, error={"message": "bad key"}))
        with pytest.raises(AuthError, match="bad key"):
            await llm.warm()
        server.replies.append(Reply(status=404))
        await asyncio.gather(llm.warm(), llm.warm())

    run(test)


def test_a_model_must_be_named() -> None:
    with pytest.raises(ConfigError, match="gpt-6-luna"):
        OpenAI()


def test_the_emulator_satisfies_the_official_client() -> None:
    openai = pytest.importorskip("openai")

    async def main() -> None:
        async with OpenAIChat() as server:
            client = openai.AsyncOpenAI(base_url=server.url, api_key="k", max_retries=0)
            ask = {"model": "toy", "messages": [{"role": "user", "content": "Hi"}]}
            stream = await client.chat.completions.create(**ask, stream=True)
            assert "".join([c.choices[0].delta.content or "" async for c in stream]) == "Hello there."
            server.replies.append(Reply(status=429, headers={"retry-after": "7"}, error={"message": "slower"}))
            with pytest.raises(openai.RateLimitError):
                await client.chat.completions.create(**ask, stream=True)
            await client.close()

    asyncio.run(main())
