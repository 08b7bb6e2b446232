"""API keys: several, each with a name, from a file or the environment.

The part of a name before a slash is its account: "shop/web" and "shop/phone" share agents and sessions, "bank" sees
neither. Two keys of one name are one principal, which is how a key is replaced without a gap.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from antiphon.errors import ConfigError

ENVIRONMENT = "ANTIPHON_API_KEYS"
SHORTEST = 16  # characters of a key
_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class ApiKey:
    """What is kept of a key: nothing it could be read from."""

    name: str
    digest: bytes  # to recognise it by
    id: str  # to name it by in a token: public
    secret: bytes  # what its tokens are signed with

    @classmethod
    def of(cls, name: str, key: str) -> Self:
        """Raises ConfigError for a name that cannot be one, and for a key that is easily guessed."""
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{name!r} cannot name an API key: use letters, digits, '.', '_', '-', and one '/'")
        if len(key) < SHORTEST or not key.isascii() or not key.isprintable() or " " in key:
            raise ConfigError(
                f"the API key {name!r} must have at least {SHORTEST} characters of ASCII without spaces; "
                "make one with: openssl rand -hex 32"
            )
        raw = key.encode()
        key_id = hmac.digest(raw, b"antiphon key id", "sha256").hex()[:16]
        return cls(name, _digest(key), key_id, hmac.digest(raw, b"antiphon token", "sha256"))


class Keys:
    """All keys of a server; none at all means that it serves anyone."""

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._keys = tuple(keys)

    @classmethod
    def load(cls, path: Path | None = None, *, environment: str | None = None) -> Self:
        """The keys of a file and of an environment variable's value, together.

        One `name: key` a line, comments after `#`; in the environment commas may stand for line ends. A line without a
        name is called "default". Raises ConfigError for what cannot be used.
        """
        lines: list[str] = []
        if path is not None:
            try:
                lines += path.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"cannot read the API keys in {path}: {error}") from error
        if environment is None:
            environment = os.environ.get(ENVIRONMENT, "")
        lines += environment.replace(",", "\n").splitlines()
        keys = [ApiKey.of(name, key) for name, key in _pairs(lines)]
        if path is not None and not keys:
            raise ConfigError(f"{path} has no API key: write one 'name: key' a line")
        return cls(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, key: str) -> ApiKey | None:
        """The key that was given, if it is one of ours. Takes the same time whichever it is, or none."""
        digest, found = _digest(key), None
        for known in self._keys:
            if hmac.compare_digest(known.digest, digest):
                found = known
        return found

    def named(self, name: str) -> ApiKey | None:
        """The newest of that name, the one written last."""
        return next((key for key in reversed(self._keys) if key.name == name), None)

    def of_account(self, account: str | None) -> ApiKey | None:
        """A key of that account; None: of the account that was written first."""
        return next((key for key in self._keys if account in (None, key.name.partition("/")[0])), None)

    def by_id(self, id: str) -> ApiKey | None:
        return next((key for key in self._keys if key.id == id), None)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()


def _pairs(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for raw in lines:
        line = raw.partition("#")[0].strip()
        if line:
            name, colon, key = line.partition(":")
            yield (name.strip(), key.strip().strip("\"'")) if colon else ("default", line.strip("\"'"))
