"""What all tests share."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

# A server that a test starts keeps nothing in the user's own folder, unless the test says where.
os.environ.setdefault("ANTIPHON_STORE", "memory")


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """A command sets up logging for its process; the tests after it find it as it was."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
