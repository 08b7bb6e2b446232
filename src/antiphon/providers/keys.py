"""Where a vendor's key comes from: an option, the environment, or a file that the environment names."""

from __future__ import annotations

import os
from pathlib import Path

from antiphon.errors import ConfigError


def find_key(given: str | None, *names: str) -> str | None:
    """`given`, else the first of the environment's variables that is set, else what is in the file named by the first
    of them with "_FILE" after it, as containers are handed their secrets. None: there is none."""
    if given:
        return given
    for name in names:
        if key := os.environ.get(name):
            return key
    for name in names:
        if file := os.environ.get(f"{name}_FILE"):
            try:
                return Path(file).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"{name}_FILE names {file}, which cannot be read: {error}") from error
    return None
