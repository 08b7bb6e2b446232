"""Stored agents: create, read, list, update, delete."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from antiphon.errors import ProtocolError
from antiphon.server import agents as stored
from antiphon.server import own
from antiphon.server.rest.bodies import Body, Json, WebUrl, without_nan
from antiphon.server.rest.errors import from_protocol, not_found
from antiphon.server.rest.gate import Caller, TheService
from antiphon.server.rest.paging import After, Limit, page, read_cursor
from antiphon.server.service import Service
from antiphon.server.stores.base import Document

router = APIRouter(prefix="/agents", tags=["agents"])

Moment = Annotated[datetime, BeforeValidator(lambda at: datetime.fromtimestamp(at, UTC))]


class VoiceChoice(BaseModel):
    voice_id: str = Field(min_length=1, max_length=200)


class HeaderIn(BaseModel):
    """Write-only: a value that was set is kept where it is left out."""

    name: str = Field(min_length=1, max_length=200, pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
    value: str | None = Field(None, max_length=8192, pattern=r"^[\t\x20-\x7e]*$")
    remove: bool = False


class HeaderOut(BaseModel):
    name: str
    last_set_at: Moment


class HttpIn(BaseModel):
    url: WebUrl
    http_method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: list[HeaderIn] = Field([], max_length=50)


class HttpOut(BaseModel):
    url: str
    http_method: str
    headers: list[HeaderOut]


class Instructions(BaseModel):
    success: str | None = Field(None, max_length=500)
    error: str | None = Field(None, max_length=500)


class ToolFields(BaseModel):
    name: str = Field(min_length=1, max_length=200)
    type: Literal["function"] = "function"
    description: str = ""
    parameters: Json = {}
    execution_mode: Literal["interactive", "hold"] = "interactive"
    timeout_seconds: float = Field(120, ge=1, le=300)
    response_instructions: Instructions | None = None
    idempotent: bool = False


class ToolIn(ToolFields):
    http: HttpIn | None = None


class ToolOut(ToolFields):
    id: str
    http: HttpOut | None = None


class ReturnIn(BaseModel):
    name: str = Field(min_length=1, max_length=200)
    path: str = Field(min_length=1, max_length=500, description="Of the answer, like customer.orders[0].id")
    default: Annotated[Any, AfterValidator(without_nan)] = None


class PreConnectIn(BaseModel):
    url: WebUrl
    http_method: Literal["GET", "POST"] = "POST"
    headers: list[HeaderIn] = Field([], max_length=50)
    sends: list[str] = []
    returns: list[ReturnIn] = []
    allow_overrides: list[str] = []
    timeout_ms: int | None = Field(None, ge=1, le=800)


class LlmIn(BaseModel):
    base_url: WebUrl
    model: str = Field(min_length=1, max_length=200)
    api_key: str | None = Field(None, max_length=8192)


class LlmOut(BaseModel):
    base_url: str
    model: str


class AgentFields(Body):
    """What a new agent is made of."""

    name: str = Field(min_length=1, max_length=200)
    system_prompt: str
    voice: VoiceChoice
    greeting: str | None = None
    input: Json = Field({})
    output: Json = Field({})
    tools: list[ToolIn] = Field([])
    pre_connect_requests: list[PreConnectIn] = Field([], max_length=2)
    transfer_targets: list[Json] = Field([])
    outbound_trunk_id: str | None = None
    caller_id: str | None = Field(None, pattern=r"^\+[1-9][0-9]{1,14}$", description="E.164")
    llm: list[LlmIn] = Field([], max_length=1)


class AgentUpdate(AgentFields):
    """What is given replaces what was there; what is left out is kept."""

    name: str = Field("", min_length=1, max_length=200)
    system_prompt: str = ""
    voice: VoiceChoice = VoiceChoice(voice_id="-")


class AgentSummary(BaseModel):
    id: str
    name: str
    created_at: Moment
    updated_at: Moment


class Agent(AgentSummary):
    system_prompt: str
    greeting: str | None
    voice: VoiceChoice
    input: Json
    output: Json
    tools: list[ToolOut]
    pre_connect_requests: list[Json]
    transfer_targets: list[Json]
    outbound_trunk_id: str | None
    caller_id: str | None
    llm: list[LlmOut]


class AgentPage(BaseModel):
    agents: list[AgentSummary]
    has_more: bool
    response_metadata: dict[str, str]


@router.post("", status_code=201)
async def create_agent(fields: AgentFields, principal: Caller, service: TheService) -> Agent:
    try:
        record = stored.new_agent(fields.model_dump(), now=time.time())
        own.check(record, allow_private=service.options.private_hosts)
    except ProtocolError as error:
        raise from_protocol(error) from error
    await service.store.put(stored.to_document(record, account=principal.account))
    return Agent.model_validate(stored.public(record))


@router.get("")
async def list_agents(principal: Caller, service: TheService, limit: Limit = 50, cursor: After = "") -> AgentPage:
    documents = await service.store.documents(
        "agent", account=principal.account, limit=limit + 1, after=read_cursor(cursor)
    )
    last = (documents[:limit][-1].created_at, documents[:limit][-1].id) if documents else None
    items = [stored.from_document(document) for document in documents]
    return AgentPage.model_validate(page("agents", items, limit=limit, last=last))


@router.get("/{agent_id}")
async def get_agent(agent_id: str, principal: Caller, service: TheService) -> Agent:
    document = await _own(agent_id, principal.account, service)
    return Agent.model_validate(stored.public(stored.from_document(document)))


@router.put("/{agent_id}")
async def update_agent(agent_id: str, fields: AgentUpdate, principal: Caller, service: TheService) -> Agent:
    document = await _own(agent_id, principal.account, service)
    try:
        record = stored.updated_agent(
            stored.from_document(document), fields.model_dump(include=fields.model_fields_set), now=time.time()
        )
        own.check(record, allow_private=service.options.private_hosts)
    except ProtocolError as error:
        raise from_protocol(error) from error
    await service.store.put(stored.to_document(record, account=principal.account))
    return Agent.model_validate(stored.public(record))


@router.delete("/{agent_id}", status_code=204)
async def delete_agent(agent_id: str, principal: Caller, service: TheService) -> Response:
    await _own(agent_id, principal.account, service)
    await service.store.delete("agent", agent_id)
    return Response(status_code=204)


async def _own(agent_id: str, account: str, service: Service) -> Document:
    """An agent of another account is not there."""
    document = await service.store.document("agent", agent_id)
    if document is None or document.account != account:
        raise not_found("agent")
    return document
