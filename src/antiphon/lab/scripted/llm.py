"""A language model that answers with what a function says, token by token."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass

from antiphon.errors import BadRequest, Disconnected, ProviderError
from antiphon.providers.base import LlmCapabilities, LlmEvent, LlmRequest, TextDelta, Usage
from antiphon.types import Message, Role, ToolCall

# What a request is answered with: a text, to be said token by token; events, as they are; or an error, at once. An
# error may also stand among the events.
Reply = str | Sequence[LlmEvent | ProviderError] | ProviderError

_TOKEN = re.compile(r"\s+|\S{1,6}\s*")  # a piece of a word, with the space after it
_TOKEN_CHARS = 4  # of prompts and tool calls


@dataclass(frozen=True, slots=True)
class LlmTiming:
    """Each delay is drawn anew, up to the fraction `jitter` shorter or longer."""

    first_token: float = 0.54  # seconds
    rate: float = 40.0  # tokens a second
    jitter: float = 0.2

    @classmethod
    def instant(cls) -> LlmTiming:
        return cls(first_token=0, rate=float("inf"), jitter=0)

    def draw(self, rng: random.Random, seconds: float) -> float:
        return seconds * rng.uniform(1 - self.jitter, 1 + self.jitter)


@dataclass(frozen=True, slots=True)
class LlmFaults:
    stall_after: int | None = None  # tokens after which nothing more comes, nor the end
    fail_after: int | None = None  # tokens after which `error` is raised
    error: ProviderError | None = None  # None: Disconnected


class ScriptedLlm:
    """Answers each request with `reply`, or with what it returns for the request.

    Requests that no vendor would take are refused: a tool call without its result, a result without its call, an empty
    message, more than the context window. A text ends after `max_tokens`, as it does with a real model.
    """

    def __init__(
        self,
        reply: str | Callable[[LlmRequest], Reply] = "Okay.",
        *,
        timing: LlmTiming | None = None,
        faults: LlmFaults | None = None,
        context_window: int = 128_000,
        seed: int = 0,
        name: str = "scripted/llm",
    ) -> None:
        self.name = name
        self.capabilities = LlmCapabilities(context_window=context_window)
        self.timing = timing or LlmTiming()
        self.faults = faults or LlmFaults()
        self._reply = reply
        self._seed = seed
        self.requests: list[LlmRequest] = []
        self.running = 0  # generations under way
        self.finished = 0  # those that came to their end
        self.failed = 0
        self.cancelled = 0  # those stopped before it, by `aclose` or with their task

    async def warm(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        self.requests.append(request)
        self.running += 1
        rng = random.Random(f"{self._seed} {len(self.requests)}")
        began = asyncio.get_running_loop().time()
        try:
            for at, tokens, event in self._schedule(request, rng):
                await _until(began + at)
                await self._misbehave(tokens)
                if isinstance(event, ProviderError):
                    raise event
                yield event
            self.finished += 1
        except ProviderError as error:
            self.failed += 1
            error.stage, error.provider = error.stage or "llm", error.provider or self.name
            error.elapsed = asyncio.get_running_loop().time() - began
            raise
        except (GeneratorExit, asyncio.CancelledError):
            self.cancelled += 1
            raise
        finally:
            self.running -= 1

    def _schedule(
        self, request: LlmRequest, rng: random.Random
    ) -> Iterator[tuple[float, int, LlmEvent | ProviderError]]:
        """Each event, after the seconds from the request to it and the number of tokens written by then."""
        at, written = self.timing.draw(rng, self.timing.first_token), 0
        for event in self._script(request):
            tokens = _tokens(event)
            at += self.timing.draw(rng, max(tokens if written else tokens - 1, 0) / self.timing.rate)
            written += tokens
            yield at, written, event

    def _script(self, request: LlmRequest) -> Iterator[LlmEvent | ProviderError]:
        if why := refusal(request, self.capabilities.context_window):
            yield BadRequest(why)
            return
        reply = self._reply if isinstance(self._reply, str) else self._reply(request)
        if isinstance(reply, ProviderError):
            yield reply
        elif isinstance(reply, str):
            tokens = tokens_of(reply)[: request.max_tokens]
            yield from map(TextDelta, tokens)
            yield Usage(input=sum(map(_size, request.messages)), output=len(tokens))
        else:
            yield from reply

    async def _misbehave(self, tokens: int) -> None:
        faults = self.faults
        if faults.fail_after is not None and tokens > faults.fail_after:
            raise faults.error or Disconnected("the connection broke")
        if faults.stall_after is not None and tokens > faults.stall_after:
            await asyncio.Event().wait()


def tokens_of(text: str) -> list[str]:
    """The deltas in which a text is said."""
    return _TOKEN.findall(text)


async def _until(time: float) -> None:
    """Waits for the time to come. Lets others run even if it has come."""
    await asyncio.sleep(max(time - asyncio.get_running_loop().time(), 0))


def _tokens(event: LlmEvent | ProviderError) -> int:
    """How much of the model's output an event is. Each delta is one token: that is how models stream."""
    if isinstance(event, ToolCall):
        return 1 + (len(event.name) + len(str(event.arguments))) // _TOKEN_CHARS
    return 1 if isinstance(event, TextDelta) else 0


def _size(message: Message) -> int:
    """Tokens of a prompt's message, by the rule of thumb."""
    calls = sum(len(call.name) + len(str(call.arguments)) for call in message.tool_calls)
    return 1 + (len(message.text) + calls) // _TOKEN_CHARS


def refusal(request: LlmRequest, window: int) -> str | None:
    """Why a vendor would refuse the request; None if it would not."""
    if all(message.role is Role.SYSTEM for message in request.messages):
        return "there is nothing to answer: no message but the system's"
    open_calls: set[str] = set()  # of the last assistant message, not yet answered
    for i, message in enumerate(request.messages):
        if message.role is Role.TOOL:
            if message.call_id not in open_calls:
                return f"message {i} answers the tool call {message.call_id!r}, which nobody made just before"
            open_calls.remove(message.call_id)
            continue
        if open_calls:
            return f"message {i} follows tool calls without their results: {sorted(open_calls)}"
        if not message.text.strip() and not message.tool_calls:
            return f"message {i} is empty"
        open_calls = {call.call_id for call in message.tool_calls}
        if len(open_calls) < len(message.tool_calls):
            return f"message {i} has two tool calls of one id"
    if open_calls:
        return f"the last message has tool calls without their results: {sorted(open_calls)}"
    tokens = sum(map(_size, request.messages)) + request.max_tokens
    return f"{tokens} tokens are more than the window of {window}" if tokens > window else None
