"""What all tests share."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

from antiphon.errors import AntiphonError
from antiphon.providers import models

# A server that a test starts keeps nothing in the user's own folder, unless the test says where.
os.environ.setdefault("ANTIPHON_STORE", "memory")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what is marked `local("…")` where one of these weights has not been pulled."""
    for mark in item.iter_markers("local"):
        for name in mark.args:
            try:
                models.path(name)
            except AntiphonError as missing:
                pytest.skip(str(missing))


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """A command sets up logging for its process; the tests after it find it as it was."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
