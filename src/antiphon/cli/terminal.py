"""What every command shares: where it writes, how it logs, how it runs."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Coroutine
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")


@cache
def stdout() -> Console:
    """For results."""
    from rich.console import Console

    return Console(highlight=False)


@cache
def stderr() -> Console:
    """For progress, and for what went wrong."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def tell_failure(message: str) -> None:
    """One line on stderr, however many `message` has."""
    print(f"antiphon: {' '.join(message.split())}", file=sys.stderr)


def print_json(value: Any) -> None:
    """One JSON object on one line of stdout."""
    import json

    print(json.dumps(value, ensure_ascii=False))


def set_up_logging(verbose: bool) -> bool:
    """For the whole process. Returns what it was told: as an option's callback, it is asked for the value."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.ERROR,
        format="%(asctime)s %(levelname).1s %(name)s: %(message)s",
        force=True,
    )
    return verbose


def log_json(wanted: bool) -> bool:
    """What happens as JSON, a line each, with the session it belongs to. For the whole process. Returns what it was
    told."""
    if not wanted:
        return wanted
    from antiphon.server.logs import JsonLines, WithPlace

    handler = logging.StreamHandler()
    handler.addFilter(WithPlace())
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    return wanted


# An option of every command that runs something.
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Log what happens, to stderr.", callback=set_up_logging, is_eager=True)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def new_runner() -> asyncio.Runner:
    """An event loop, uvloop's where there is one. Ctrl-C cancels what runs, lets it clean up, and is raised on."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=new_event_loop)


def run_async(main: Coroutine[Any, Any, T]) -> T:
    with new_runner() as runner:
        return runner.run(main)
