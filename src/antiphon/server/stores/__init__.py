"""Where sessions, agents, tokens and webhook subscriptions are kept: memory, SQLite or Redis, behind one contract."""

from __future__ import annotations

import os
from pathlib import Path

from antiphon.server.stores.base import Store


def make_store(spec: str = "") -> Store:
    """The store that an operator names: "memory", the URL of a Redis or Valkey server, or a file for SQLite; nothing:
    a file of this user's. Not opened. Raises MissingDependency and ConfigError."""
    if spec == "memory":
        from antiphon.server.stores.memory import MemoryStore

        return MemoryStore()
    if spec.startswith(("redis://", "rediss://", "unix://", "valkey://", "valkeys://")):
        from antiphon.server.stores.redis import RedisStore

        return RedisStore(spec.replace("valkey", "redis", 1) if spec.startswith("valkey") else spec)
    from antiphon.server.stores.sqlite import SqliteStore

    return SqliteStore(spec or default_path())


def default_path() -> Path:
    """Of the SQLite store."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "antiphon" / "sessions.db"
