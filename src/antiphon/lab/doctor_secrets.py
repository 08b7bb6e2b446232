"""Keys are kept out of what is told, whatever a provider's error says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from antiphon.providers.vendors import VENDORS

LEAST = 6  # characters; what is shorter is no key, and might be a word
_NAMES = ("key", "secret", "token", "password")


class Secrets:
    """Those of the environment, of the files it names, and of options."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        for name in {key for vendor in VENDORS.values() for key in vendor.keys} | set(os.environ):
            if any(word in name.lower() for word in _NAMES):
                self._add(os.environ.get(name, ""))
                if name.endswith("_FILE"):
                    self._add_file(os.environ.get(name, ""))

    def add(self, options: Mapping[str, Any]) -> None:
        for name, value in options.items():
            if isinstance(value, str) and any(word in name.lower() for word in _NAMES):
                self._add(value)

    def hide(self, text: str) -> str:
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, "…")
        return text

    def _add(self, value: str) -> None:
        if len(value.strip()) >= LEAST:
            self._values.add(value.strip())

    def _add_file(self, path: str) -> None:
        try:
            self._add(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            pass  # whoever uses it says so
