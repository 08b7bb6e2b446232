"""The google provider against a server on the loopback interface: requests, answers, failures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
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
from antiphon.providers import registry
from antiphon.providers.base import LlmEvent, LlmRequest, TextDelta, Usage, Working
from antiphon.providers.llm.google import UNSIGNED, Gemini
from antiphon.types import Message, Role, ToolCall, ToolSpec
from tests.emulators.gemini import GeminiServer, Reply, call, text

MODEL = "gemini-3.5-flash-lite"
ASKED = LlmRequest((Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "Hello")))
CLOCK = ToolSpec("clock", "Tells the time.", {"type": "object", "properties": {"zone": {"type": "string"}}})


def run(test: Callable[[Gemini, GeminiServer], Awaitable[None]], model: str = MODEL, **options: Any) -> None:
    async def main() -> None:
        async with GeminiServer() as server:
            llm = Gemini(model, base_url=server.url, api_key="secret", **options)
            try:
                await test(llm, server)
            finally:
                await llm.aclose()

    asyncio.run(main())


async def events(llm: Gemini, request: LlmRequest = ASKED) -> list[LlmEvent]:
    return [event async for event in llm.stream(request) if not isinstance(event, Usage | Working)]


def replied(reply: Reply) -> list[LlmEvent]:
    got: list[LlmEvent] = []

    async def test(llm: Gemini, server: GeminiServer) -> None:
        server.replies.append(reply)
        got.extend(await events(llm))

    run(test)
    return got


def failed(reply: Reply, **options: Any) -> ProviderError:
    async def test(llm: Gemini, server: GeminiServer) -> None:
        server.replies.append(reply)
        await events(llm)

    with pytest.raises(ProviderError) as caught:
        run(test, **options)
    assert (caught.value.stage, caught.value.provider) == ("llm", f"google/{MODEL}")
    return caught.value


def sent(request: LlmRequest, model: str = MODEL, **options: Any) -> dict[str, Any]:
    """The body the vendor gets, once it has accepted it."""
    bodies: list[dict[str, Any]] = []

    async def test(llm: Gemini, server: GeminiServer) -> None:
        await events(llm, request)
        bodies.append(server.requests[0].body)

    run(test, model, **options)
    return bodies[0]


def answered(calls: tuple[ToolCall, ...]) -> LlmRequest:
    """The next request after the model made these calls."""
    results = (Message(Role.TOOL, "noon", call_id=call.call_id) for call in calls)
    return LlmRequest((*ASKED.messages, Message(Role.ASSISTANT, "", tool_calls=calls), *results), tools=(CLOCK,))


def test_text_comes_in_pieces() -> None:
    assert replied(Reply()) == [TextDelta("Hello "), TextDelta("there.")]


def test_usage_counts_thoughts_as_output_and_tells_the_cached() -> None:
    async def test(llm: Gemini, server: GeminiServer) -> None:
        counts = {"candidatesTokenCount": 2, "thoughtsTokenCount": 5, "cachedContentTokenCount": 4}
        server.replies.append(Reply(usage=counts))
        got = [event async for event in llm.stream(ASKED)]
        assert (got[0], got[-1]) == (Usage(9), Usage(9, 7, 4))

    run(test)


def test_the_request_is_what_the_vendor_expects() -> None:
    request = answered((ToolCall("c1", "clock", {"zone": "UTC"}),))
    body = sent(LlmRequest(request.messages, (CLOCK, ToolSpec("now")), max_tokens=50, temperature=0.5))
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["generationConfig"]["temperature"] == 0.5
    assert body["contents"][1]["parts"][0]["functionCall"]["args"] == {"zone": "UTC"}
    answer = body["contents"][2]["parts"][0]["functionResponse"]
    assert (answer["name"], answer["response"]) == ("clock", {"result": "noon"})
    clock, now = body["tools"][0]["functionDeclarations"]
    assert clock["parametersJsonSchema"] == CLOCK.parameters and "parametersJsonSchema" not in now


def test_the_address_names_the_model_and_the_key_is_a_header() -> None:
    async def test(llm: Gemini, server: GeminiServer) -> None:
        await llm.warm()
        await events(llm)
        assert server.requests[1].path == f"/v1/models/{MODEL}:streamGenerateContent?alt=sse"
        assert server.requests[1].headers["x-goog-api-key"] == "secret"
        assert server.connections == 1

    run(test)


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("gemini-3.5-flash-lite", {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.8-flash", {"thinkingLevel": "LOW"}),
        ("gemini-2.5-flash-lite", {"thinkingBudget": 0}),
        ("gemini-9", None),
    ],
)
def test_it_thinks_as_little_as_the_model_allows(model: str, thinking: dict[str, Any] | None) -> None:
    generation = sent(ASKED, model)["generationConfig"]
    assert generation.get("thinkingConfig") == thinking
    assert (generation["maxOutputTokens"] == 150) == (not thinking or thinking.get("thinkingBudget") == 0)


def test_calls_come_whole_and_their_signatures_go_back() -> None:
    async def test(llm: Gemini, server: GeminiServer) -> None:
        first = call("clock", {"zone": "UTC"}, signature="c2ln")
        server.replies.append(Reply(parts=[*text("One moment."), first, call("clock", {"zone": "CET"}, call_id="b")]))
        said, one, two = await events(llm)
        assert said == TextDelta("One moment.")
        assert isinstance(one, ToolCall) and isinstance(two, ToolCall)
        assert (one.arguments, two.call_id) == ({"zone": "UTC"}, "b") and one.call_id
        await events(llm, answered((one, two)))
        parts = server.requests[1].body["contents"][1]["parts"]
        assert [part.get("thoughtSignature") for part in parts] == ["c2ln", None]

    run(test)


def test_a_call_of_another_model_is_said_to_be_unsigned() -> None:
    body = sent(answered((ToolCall("call_1", "clock", {}), ToolCall("call_2", "clock", {}))))
    assert [part.get("thoughtSignature") for part in body["contents"][1]["parts"]] == [UNSIGNED, None]
    body = sent(answered((ToolCall("call_1", "clock", {}),)), "gemini-2.5-flash")
    assert "thoughtSignature" not in body["contents"][1]["parts"][0]


@pytest.mark.parametrize(
    "history",
    [
        (Message(Role.ASSISTANT, "Hi, how can I help?"), Message(Role.USER, "Hello")),
        (Message(Role.USER, "Hello"), Message(Role.ASSISTANT, ""), Message(Role.USER, "Hello?")),
        (Message(Role.USER, "Hello"), Message(Role.ASSISTANT, "Hi."), Message(Role.SYSTEM, "Go on.")),
    ],
)
def test_turns_alternate_whoever_began(history: tuple[Message, ...]) -> None:
    roles = [turn["role"] for turn in sent(LlmRequest(history))["contents"]]
    assert all(one != two for one, two in pairwise(roles))


def test_thoughts_are_never_spoken() -> None:
    assert replied(Reply(parts=[{"text": "Hm.", "thought": True}, *text("Yes.")])) == [TextDelta("Yes.")]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(parts=[], finish="MALFORMED_FUNCTION_CALL"), Disconnected),
        (Reply(parts=[], finish="SAFETY"), BadRequest),
        (Reply(raw=b'data: {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}\n\n'), BadRequest),
        (Reply(end="error"), Overloaded),
        (Reply(end="close"), Disconnected),
        (Reply(end="reset"), Disconnected),
        (Reply(raw=b"data: {oh no\n\n"), Disconnected),
        (Reply(raw=b"<html>"), Disconnected),
    ],
)
def test_an_answer_that_is_none_is_an_error(reply: Reply, kind: type[ProviderError]) -> None:
    assert type(failed(reply)) is kind


DAILY = {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, None, AuthError),
        (403, None, AuthError),
        (400, {"details": [{"reason": "API_KEY_INVALID"}]}, AuthError),
        (400, None, BadRequest),
        (404, None, BadRequest),
        (429, {"details": [DAILY, {"retryDelay": "40s"}]}, QuotaError),
        (500, None, Overloaded),
        (503, None, Overloaded),
    ],
)
def test_a_status_is_a_kind_of_error(status: int, error: dict[str, Any] | None, kind: type[ProviderError]) -> None:
    assert type(failed(Reply(status=status, error=error))) is kind


def test_how_long_to_wait_is_passed_on() -> None:
    error = failed(Reply(status=429, error={"details": [{"retryDelay": "12s"}]}))
    assert isinstance(error, RateLimited) and error.retry_after == 12


def test_silence_is_a_timeout() -> None:
    assert isinstance(failed(Reply(end="hang"), first_timeout=0.2, gap_timeout=0.1), ProviderTimeout)


def test_closing_the_stream_reaches_the_server() -> None:
    async def test(llm: Gemini, server: GeminiServer) -> None:
        server.replies.append(Reply(parts=text(*["word "] * 1000), delay=0.01))
        stream = llm.stream(ASKED)
        await anext(stream)
        await stream.aclose()
        await asyncio.wait_for(server.someone_left.wait(), 5)
        assert server.left[0] < 100

    run(test)


def test_it_has_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "mine")
    assert isinstance(registry.create("llm", "gemini/toy"), Gemini)
    assert registry.create_llm("google/toy").name == "google/toy"


def test_without_a_key_or_a_model_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(AuthError, match="GEMINI_API_KEY"):
        asyncio.run(events(Gemini(MODEL)))
    with pytest.raises(ConfigError, match="gemini"):
        Gemini()


def test_the_emulator_satisfies_the_official_client() -> None:
    genai = pytest.importorskip("google.genai")
    from google.genai import errors, types

    async def main() -> None:
        async with GeminiServer() as server:
            client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=server.url))
            server.replies.append(Reply(parts=[*text("Hello ", "there."), call("clock", {"z": 1}, signature="c2ln")]))
            chunks = [c async for c in await client.aio.models.generate_content_stream(model=MODEL, contents="Hi")]
            assert "".join(chunk.text or "" for chunk in chunks[:2]) == "Hello there."
            assert chunks[2].function_calls[0].args == {"z": 1}
            server.replies.append(Reply(status=429))
            with pytest.raises(errors.ClientError):
                _ = [c async for c in await client.aio.models.generate_content_stream(model=MODEL, contents="Hi")]
            await client.aio.aclose()

    asyncio.run(main())
