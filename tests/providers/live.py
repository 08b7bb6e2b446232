"""The contract suites at the vendors themselves: `pytest -m live`, for each vendor whose key is in the environment.

A test that runs `everywhere` asserts what holds of an emulator and of the vendor alike. What only an emulator can know,
such as how many connections it has, is asserted in the tests that run against the emulators alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from antiphon.providers.keys import find_key


class Outside:
    """In the place of an emulator: takes what one would be told to say, and says nothing of it."""

    def __init__(self) -> None:
        self.replies: list[Any] = []


@asynccontextmanager
async def at_the_vendor(make: Callable[[], Any], key: str) -> AsyncIterator[tuple[Any, Outside]]:
    if not find_key(None, key):
        pytest.skip(f"there is no key: set {key}")
    provider = make()
    try:
        yield provider, Outside()
    finally:
        await provider.aclose()


def everywhere(vendors: Sequence[Any]) -> pytest.MarkDecorator:
    """A test for each vendor's emulator, and for each vendor."""
    real = [pytest.param(replace(each, real=True), marks=pytest.mark.live, id=f"{each}-live") for each in vendors]
    return pytest.mark.parametrize("vendor", [*(pytest.param(each, id=repr(each)) for each in vendors), *real])
