"""A stored agent's own HTTP tools, as this server runs them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from antiphon.errors import ConfigError
from antiphon.tools.http import HttpTool

log = logging.getLogger("antiphon.server")


def http_tools(record: dict[str, Any], *, allow_private: Iterable[str] = ()) -> tuple[HttpTool, ...]:
    """The tools of an agent's record (see agents.py) that have an `http`. One that cannot be called is left to the
    client, and logged: the call it belongs to should not fail for it."""
    return tuple(_made(record, tuple(allow_private)))


def _made(record: dict[str, Any], allow_private: tuple[str, ...]) -> Iterator[HttpTool]:
    for tool in record["tools"]:
        instructions = tool.get("response_instructions") or {}
        if http := tool.get("http"):
            try:
                yield HttpTool(
                    tool["name"],
                    http["url"],
                    description=tool.get("description") or "",
                    parameters=tool.get("parameters") or None,
                    method=http["http_method"],
                    headers={header["name"]: header["value"] for header in http.get("headers") or ()},
                    timeout=tool.get("timeout_seconds") or 120.0,
                    hold=tool.get("execution_mode") == "hold",
                    idempotent=tool.get("idempotent") or None,
                    allow_private=allow_private,
                    on_success=instructions.get("success") or "",
                    on_error=instructions.get("error") or "",
                )
            except ConfigError as error:
                log.warning("agent %s: %s", record.get("id"), error)
