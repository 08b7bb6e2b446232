"""A small language model in this process: SmolLM2-135M-Instruct through xllamacpp, which is llama.cpp as a library.

It answers in short English sentences, at once and without a key; it is not clever, and calls no tools. For anything
more, point the `openai` provider at a local or a remote server.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from antiphon.errors import AtCapacity, BadRequest, ConfigError, Disconnected, ProviderError
from antiphon.providers import models
from antiphon.providers.base import LlmCapabilities, LlmEvent, LlmRequest, TextDelta, Usage
from antiphon.types import Message, Role

_MODELS = {"": "smollm2-135m", "135m": "smollm2-135m"}
# Tokens of a prompt that are read between two looks at whether the request still stands: 50 ms on a slow core, and
# other replies speak on meanwhile. Larger steps are no faster on a CPU.
_BATCH = 16
_CACHE = 256  # MiB of prompts that are kept beside the slots, so that more sessions than slots find theirs again
# Without them so small a model repeats itself. Heavier ones make it say false things rather than the same ones.
_PENALTIES = {"presence_penalty": 0.3, "frequency_penalty": 0.3}


class SmolLM2:
    """The LLM named "smollm2": `model` is "135m" or empty.

    `slots` replies are generated at once; one more waits up to `wait` seconds for its turn, in the order of asking,
    and then fails with AtCapacity. `context` is in tokens, for each slot. `threads` is by default all cores but one:
    threads that must share a core wait for each other, and everything takes ten times as long.
    """

    weights = ("smollm2-135m",)

    def __init__(
        self,
        model: str = "",
        *,
        threads: int | None = None,
        slots: int = 4,
        context: int = 2048,
        temperature: float = 0.0,
        wait: float = 2.0,
    ) -> None:
        if model not in _MODELS:
            raise ConfigError(f"smollm2 has no model {model!r}; there is: 135m")
        if slots < 1 or context < 128:
            raise ConfigError("smollm2: slots must be at least 1 and context at least 128 tokens")
        if find_spec("xllamacpp") is None:
            raise ImportError("xllamacpp, of the extra `local`")
        self.name = "smollm2/135m"
        self.capabilities = LlmCapabilities(tools=False, context_window=context, primes=True, own_machine=True)
        self._weights = _MODELS[model]
        self._threads = threads or max(1, min(4, (os.cpu_count() or 2) - 1))
        self._slots = slots
        self._temperature = temperature
        self._wait = wait
        self._free = asyncio.Semaphore(slots)
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="smollm2")
        self._loading = threading.Lock()
        self._server: Any = None
        self._generations: set[_Generation] = set()

    @property
    def running(self) -> int:
        """Slots in use now."""
        return len(self._generations)

    async def warm(self) -> None:
        """Loads the model and has it say a word. Raises ModelStoreError when its weights were not pulled."""
        await asyncio.get_running_loop().run_in_executor(self._pool, self._load)
        async for _ in self.stream(LlmRequest((Message(Role.USER, "Hi"),), max_tokens=1)):
            pass

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        """Yields text as it is generated, then the usage. Tools are not offered to the model."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        generation = _Generation(loop, _body(request, self._temperature))
        try:
            await self._start(generation)
            while (event := await generation.events.get()) is not None:
                if isinstance(event, ProviderError):
                    raise event
                yield event
        except ProviderError as error:
            error.stage, error.provider, error.elapsed = "llm", self.name, loop.time() - began
            raise
        finally:
            generation.stopped = True

    async def prime(self, request: LlmRequest) -> None:
        """Reads the prompt into a slot, where the next request that begins like it will find it read."""
        with contextlib.suppress(ProviderError):
            async with contextlib.aclosing(self.stream(replace(request, max_tokens=1))) as events:
                async for _ in events:
                    pass

    async def aclose(self) -> None:
        """Stops all replies and frees the model."""
        for generation in self._generations:
            generation.stopped = True
        await asyncio.get_running_loop().run_in_executor(None, self._unload)

    async def _start(self, generation: _Generation) -> None:
        """Waits for a slot and begins. The slot is free again when the thread has come back, not before."""
        try:
            async with asyncio.timeout(self._wait):
                await self._free.acquire()
        except TimeoutError:
            raise AtCapacity(f"all {self._slots} slots are in use; more can be had with slots=…") from None
        self._generations.add(generation)
        try:
            running = asyncio.get_running_loop().run_in_executor(self._pool, self._generate, generation)
        except RuntimeError as error:  # the pool was shut down
            self._generations.discard(generation)
            self._free.release()
            raise Disconnected("the model was closed") from error
        running.add_done_callback(lambda _: self._ended(generation))

    def _ended(self, generation: _Generation) -> None:
        self._generations.discard(generation)
        self._free.release()

    def _generate(self, generation: _Generation) -> None:
        """Runs in a thread until the reply is complete or stopped."""
        try:
            self._load().handle_chat_completions(generation.body, generation.chunk)
        except Exception as error:  # noqa: BLE001  whatever the library raises must reach the caller, not the thread
            generation.put(error if isinstance(error, ProviderError) else Disconnected(f"the model failed: {error}"))
        generation.put(None)

    def _load(self) -> Any:
        with self._loading:
            if self._server is None:
                path, context = str(models.path(self._weights)), self.capabilities.context_window
                self._server = _server(path, self._threads, self._slots, context)
            return self._server

    def _unload(self) -> None:
        self._pool.shutdown()
        with self._loading:
            self._server = None  # its destructor joins the threads of the library


class _Generation:
    """One reply under way. `stopped` is set by the loop and read by the library's thread at each token."""

    def __init__(self, loop: asyncio.AbstractEventLoop, body: dict[str, Any]) -> None:
        self._loop = loop
        self.body = body
        self.stopped = False
        self.events: asyncio.Queue[LlmEvent | ProviderError | None] = asyncio.Queue()

    def chunk(self, chunk: dict[str, Any]) -> bool:
        """Called by the library with each piece of the answer; True makes it stop and free the slot."""
        if self.stopped:
            return True
        if error := chunk.get("error"):
            return self.put(BadRequest(str(error.get("message", error))))
        for choice in chunk.get("choices", ()):
            if text := choice["delta"].get("content"):
                self.put(TextDelta(text))
        if usage := chunk.get("usage"):
            cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
            self.put(Usage(usage["prompt_tokens"], usage["completion_tokens"], cached))
        return self.stopped

    def put(self, event: LlmEvent | ProviderError | None) -> bool:
        """Hands an event to the loop. True if there is no loop any more."""
        try:
            self._loop.call_soon_threadsafe(self.events.put_nowait, event)
        except RuntimeError:  # the loop was closed with the reply under way
            self.stopped = True
        return self.stopped


def _body(request: LlmRequest, temperature: float) -> dict[str, Any]:
    return {
        "messages": _messages(request.messages),
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,  # a chunk for each batch of the prompt: the chance to stop while it is still read
        "cache_prompt": True,
        "max_tokens": request.max_tokens,
        "temperature": temperature if request.temperature is None else request.temperature,
        **_PENALTIES,
    }


def _messages(messages: tuple[Message, ...]) -> list[dict[str, str]]:
    """What the model's template can take: system, user and assistant in turn. A tool's result is told by the user;
    neighbours of the same role are one message."""
    spoken = [(Role.USER if m.role is Role.TOOL else m.role, m.text) for m in messages if m.text]
    return [
        {"role": role.value, "content": "\n".join(text for _, text in group)}
        for role, group in itertools.groupby(spoken, key=lambda pair: pair[0])
    ]


def _server(path: str, threads: int, slots: int, context: int) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_parallel, params.n_ctx = slots, slots * context
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_batch = params.n_ubatch = max(_BATCH, slots)
    params.cache_ram_mib = _CACHE
    params.fit_params = False  # the size is known; probing for it takes seconds
    params.verbosity = 0
    # The library opens an HTTP port on the loopback interface whether one wants it or not. Nobody gets the key.
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.api_keys, params.cors_origins, params.ui = [secrets.token_hex(32)], "", False
    return xllamacpp.Server(params)
