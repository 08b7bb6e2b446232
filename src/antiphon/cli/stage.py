"""What the commands for one stage share: a provider made ready, and its timings told."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from antiphon.cli.terminal import stderr
from antiphon.cli.weights import pull_missing
from antiphon.providers import registry
from antiphon.providers.fallback import resolve


def prepare(stage: registry.Stage, spec: str, **options: Any) -> Any:
    """The provider `spec` names, or the chain of several with commas between them, its weights pulled. Blocks; call it
    before the loop runs, for Ctrl-C's sake."""
    names = [name.strip() for name in spec.split(",") if name.strip()]
    made = resolve(stage, names) if len(names) > 1 else registry.create(stage, spec, **options)
    pull_missing([made])
    return made


@contextlib.asynccontextmanager
async def ready(provider: Any) -> AsyncIterator[None]:
    """Loads and probes `provider`, and closes it after the block."""
    began = time.monotonic()
    try:
        with stderr().status(f"loading {provider.name} …"):
            await provider.warm()
        tell_time(f"{provider.name} ready", time.monotonic() - began)
        yield
    finally:
        await provider.aclose()


def tell_time(what: str, seconds: float, note: str = "") -> None:
    """A timing line, on stderr: results go to stdout alone."""
    stderr().print(f"{what:<28}{seconds * 1000:>9,.0f} ms  {note}".rstrip(), style="dim", markup=False, soft_wrap=True)
