"""What the commands for one stage share: a provider made ready, and its timings told."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from antiphon.cli.terminal import stderr
from antiphon.cli.weights import pull_missing
from antiphon.providers import registry


@contextlib.asynccontextmanager
async def provider(stage: registry.Stage, spec: str, **options: Any) -> AsyncIterator[Any]:
    """The provider `spec` names, its weights pulled, loaded and probed; closed after the block."""
    made = registry.create(stage, spec, **options)
    pull_missing([made])
    began = time.monotonic()
    try:
        with stderr().status(f"loading {made.name} …"):
            await made.warm()
        tell_time(f"{made.name} ready", time.monotonic() - began)
        yield made
    finally:
        await made.aclose()


def tell_time(what: str, seconds: float, note: str = "") -> None:
    """A timing line, on stderr: results go to stdout alone."""
    stderr().print(f"{what:<28}{seconds * 1000:>9,.0f} ms  {note}".rstrip(), style="dim", markup=False, soft_wrap=True)
