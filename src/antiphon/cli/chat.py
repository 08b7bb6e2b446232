"""`antiphon chat`: the language model by itself."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from antiphon.cli.terminal import Verbose, new_runner

if TYPE_CHECKING:
    from antiphon.providers.base import Llm
    from antiphon.types import Message


def chat(
    text: Annotated[
        str | None, typer.Argument(help="One question. Left out: a conversation, until Ctrl-D.", show_default=False)
    ] = None,
    llm: Annotated[str, typer.Option(help="The provider, like openai/gpt-6-luna.")] = "local",
    base_url: Annotated[
        str | None,
        typer.Option(help="Where an OpenAI-compatible server is, like http://localhost:11434/v1.", show_default=False),
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="The system prompt.", show_default=False)] = None,
    verbose: Verbose = False,
) -> None:
    """Talk to the language model by text, and tell how long its first token took."""
    from antiphon.agent import INSTRUCTIONS
    from antiphon.cli.stage import prepare, ready
    from antiphon.types import Message, Role

    model: Llm = prepare("llm", llm, **({} if base_url is None else {"base_url": base_url}))
    opened = ready(model)
    # The loop does not run while a line is typed, so that Ctrl-C there is what it always is.
    with new_runner() as runner:
        runner.run(opened.__aenter__())
        try:
            history = [Message(Role.SYSTEM, INSTRUCTIONS if prompt is None else prompt)]
            while (question := _ask() if text is None else text) is not None:
                history.append(Message(Role.USER, question))
                history.append(Message(Role.ASSISTANT, runner.run(answer(model, history))))
                if text is not None:
                    break
        finally:
            runner.run(opened.__aexit__(None, None, None))


def _ask() -> str | None:
    """The next line typed, not empty; None at the end of the input."""
    while True:
        try:
            line = input("> " if sys.stdin.isatty() else "")
        except EOFError:
            print()
            return None
        if line.strip():
            return line


async def answer(llm: Llm, history: list[Message]) -> str:
    """The model's reply, printed as it comes, with timing lines."""
    from antiphon.cli.stage import tell_time
    from antiphon.providers.base import LlmRequest, TextDelta, Usage

    said, first, usage = "", None, None
    began = time.monotonic()
    async for event in llm.stream(LlmRequest(tuple(history))):
        if isinstance(event, TextDelta):
            first = time.monotonic() - began if first is None else first
            said += event.text
            print(event.text, end="", flush=True)
        elif isinstance(event, Usage):
            usage = event
    took = time.monotonic() - began
    print(flush=True)
    if first is not None:
        tell_time("first token", first)
    rate = f"{usage.output} tokens, {usage.output / (took - (first or 0)):.0f} a second" if usage else ""
    tell_time("all of it", took, rate)
    return said
