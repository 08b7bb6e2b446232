"""What a stored agent brings to its sessions besides its configuration: the tools that this server runs for it, and a
language model of its own.

Whoever may store an agent says where these are. So they are reached like HTTP tools are: at public addresses only,
or where the operator allows, connected to as they were judged.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx2

from antiphon.errors import ConfigError
from antiphon.protocols.voice_agent import refusals
from antiphon.providers.base import Llm
from antiphon.providers.http_stream import IDLE
from antiphon.providers.llm.openai import OpenAI
from antiphon.server.http_tools import http_tools
from antiphon.server.pre_connect import ContextTool
from antiphon.server.runtime import Blueprint
from antiphon.tools.addresses import AddressPolicy, Forbidden
from antiphon.tools.base import Tool
from antiphon.tools.http import CheckedTransport, checked_url

log = logging.getLogger("antiphon.server")

READ_TIMEOUT = 10.0  # seconds each piece of an answer may take, as with the vendor's own service


@dataclass(frozen=True, slots=True)
class Own:
    """Of one session, which closes it."""

    tools: tuple[Tool, ...] = ()
    llm: Llm | None = None  # None: the server's

    def laid_over(self, blueprint: Blueprint) -> Blueprint:
        if self.llm is None:
            return blueprint
        return dataclasses.replace(blueprint, stages=dataclasses.replace(blueprint.stages, llm=self.llm))

    async def aclose(self) -> None:
        if self.llm:
            await self.llm.aclose()


def own(record: dict[str, Any], *, context: dict[str, Any], allow_private: Iterable[str] = ()) -> Own:
    """What belongs to an agent's record (see agents.py). `context` is what its pre-connect requests found out.

    Raises ProtocolError, `internal_error`, fatal, where its model may not be called any more.
    """
    allow_private = tuple(allow_private)
    tools: tuple[Tool, ...] = http_tools(record, allow_private=allow_private)
    if context:
        tools = (*tools, ContextTool(context))
    return Own(tools, _llm(record, allow_private))


def check(record: dict[str, Any], *, allow_private: Iterable[str] = ()) -> None:
    """What of a record could never be called is told to whoever writes it. Raises ProtocolError."""
    for n, llm in enumerate(record["llm"]):
        try:
            checked_url(f"llm[{n}].base_url", llm["base_url"], AddressPolicy(allow_private))
        except ConfigError as error:
            raise refusals.invalid_value(f"llm[{n}].base_url", str(error).partition(": ")[2]) from error


def _llm(record: dict[str, Any], allow_private: tuple[str, ...]) -> Llm | None:
    if not record["llm"]:
        return None
    (chosen,) = record["llm"]
    policy = AddressPolicy(allow_private)
    try:
        checked_url("llm[0].base_url", chosen["base_url"], policy)
    except ConfigError as error:
        log.error("agent %s: %s", record.get("id"), error)
        raise refusals.internal_error() from error
    return OpenAI(
        chosen["model"],
        base_url=chosen["base_url"],
        api_key=chosen["api_key"],
        first_timeout=READ_TIMEOUT,
        gap_timeout=READ_TIMEOUT,
        transport=_Guarded(policy, keep=IDLE),
    )


class _Guarded(CheckedTransport):
    """A failure to find an address, or to find it allowed, is told as one to connect."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            return await super().handle_async_request(request)
        except (Forbidden, OSError) as error:
            raise httpx2.ConnectError(str(error), request=request) from error
