"""Stored agents: what a record holds, how an update is laid over it, and the `session` object it becomes.

What is secret in a record (headers of HTTP tools and of pre-connect requests, the key of a model) can be written and
never read. An update that repeats such a thing without its value keeps the value, but only for the same host: else
whoever may update an agent could have its secrets sent to a server of theirs.
"""

from __future__ import annotations

import secrets
from copy import deepcopy
from typing import Any
from urllib.parse import urlsplit

import msgspec

from antiphon.protocols.voice_agent import refusals
from antiphon.protocols.voice_agent.config import Session, Settings, merge
from antiphon.server.stores.base import Document

Record = dict[str, Any]
SESSION_FIELDS = ("system_prompt", "greeting", "input", "output", "tools")


def new_agent(fields: Record, *, now: float) -> Record:
    """The record of a new agent. Raises ProtocolError for what no session could be made of."""
    return _completed({"id": f"agent_{secrets.token_hex(16)}", "created_at": now}, fields, now=now)


def updated_agent(record: Record, fields: Record, *, now: float) -> Record:
    """`record` with the given fields in place of its own. Raises ProtocolError."""
    return _completed(record, fields, now=now)


def to_document(record: Record, *, account: str) -> Document:
    return Document(
        kind="agent",
        id=record["id"],
        account=account,
        created_at=record["created_at"],
        body=msgspec.json.encode(record),
    )


def from_document(document: Document) -> Record:
    record: Record = msgspec.json.decode(document.body)
    return record


def session_object(record: Record) -> Record:
    """The agent as a session is bound to it: no secret, no null."""
    fields = {name: record[name] for name in SESSION_FIELDS if record.get(name)}
    fields["output"] = {**fields.get("output", {}), "voice": record["voice"]["voice_id"]}
    fields["tools"] = [_session_tool(tool) for tool in record["tools"]]
    fields["llm"] = [{"base_url": llm["base_url"], "model": llm["model"]} for llm in record["llm"]]
    return fields


def public(record: Record) -> Record:
    """The record as its owner may read it: of a secret, when it was set."""
    shown = deepcopy(record)
    for tool in shown["tools"]:
        if tool.get("http"):
            tool["http"]["headers"] = [_without_value(header) for header in tool["http"]["headers"]]
    for request in shown["pre_connect_requests"]:
        request["headers"] = [_without_value(header) for header in request["headers"]]
    shown["llm"] = [{"base_url": llm["base_url"], "model": llm["model"]} for llm in record["llm"]]
    return shown


# --- the parts ----------------------------------------------------------------------------------------------------


def _completed(record: Record, fields: Record, *, now: float) -> Record:
    new = {**record, **deepcopy(fields), "updated_at": now}
    old_tools = {tool["name"]: tool for tool in record.get("tools", ())}
    for n, tool in enumerate(new["tools"] if "tools" in fields else ()):
        old = old_tools.get(tool["name"], {})
        tool["id"] = old.get("id") or f"tool_{secrets.token_hex(16)}"
        if tool.get("http"):
            _keep_headers(tool["http"], old.get("http") or {}, f"tools[{n}].http", now=now)
    if "pre_connect_requests" in fields:
        _keep_by_place(new["pre_connect_requests"], record.get("pre_connect_requests", []), now=now)
    if "llm" in fields:
        _keep_key(new["llm"], record.get("llm", []))
    merge(Settings(session=Session(id="sess_0")), session_object(new))
    return new


def _keep_by_place(requests: list[Record], old: list[Record], *, now: float) -> None:
    for n, request in enumerate(requests):
        before = old[n] if n < len(old) else {}
        _keep_headers(request, before, f"pre_connect_requests[{n}]", now=now)


def _keep_headers(new: Record, old: Record, param: str, *, now: float) -> None:
    """Lays the headers of `new` over those of `old`, by name."""
    kept = {header["name"].lower(): header for header in old.get("headers", ())}
    if _place(new.get("url")) != _place(old.get("url")):
        kept = {}
    for header in new.get("headers") or ():
        name = header["name"].lower()
        if header.get("remove"):
            kept.pop(name, None)
        elif header.get("value") is not None:
            kept[name] = {"name": header["name"], "value": header["value"], "last_set_at": now}
        elif name not in kept:
            raise refusals.invalid_value(f"{param}.headers", f"{header['name']!r} needs its value for this host")
    new["headers"] = list(kept.values())


def _keep_key(new: list[Record], old: list[Record]) -> None:
    for llm in new:
        if llm.get("api_key") is not None:
            continue
        same = [known for known in old if _place(known["base_url"]) == _place(llm["base_url"])]
        if not same:
            raise refusals.invalid_value("llm[0].api_key", "needed for this base_url")
        llm["api_key"] = same[0]["api_key"]


def _place(url: str | None) -> tuple[str, str]:
    parts = urlsplit(url or "")
    return parts.scheme, parts.netloc.lower()


def _session_tool(tool: Record) -> Record:
    """A tool as the wire echoes it: clients tell the server's own by an `http` that is not null."""
    kept = {name: value for name, value in tool.items() if name != "id" and value is not None}
    if http := tool.get("http"):
        kept["http"] = {"url": http["url"], "method": http["http_method"], "headers_ciphertext": ""}
    return kept


def _without_value(header: Record) -> Record:
    return {"name": header["name"], "last_set_at": header["last_set_at"]}
