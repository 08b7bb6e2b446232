"""Webhook subscriptions: who is told when a session begins and ends."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, Field

from antiphon.server.rest.bodies import Body, WebUrl
from antiphon.server.rest.errors import ApiError, invalid, not_found
from antiphon.server.rest.gate import Caller, TheService
from antiphon.server.rest.paging import After, Limit, page, read_cursor
from antiphon.server.service import Service
from antiphon.server.stores.base import Document
from antiphon.server.webhooks import MOST_SUBSCRIPTIONS

router = APIRouter(prefix="/webhook-subscriptions", tags=["webhooks"])

Event = Literal["session.started", "session.completed", "call.connected", "call.ended", "call.failed"]


def _unique(events: list[Event]) -> list[Event]:
    if len(set(events)) != len(events):
        raise ValueError("an event may be named once")
    return events


class SubscriptionFields(Body):
    url: WebUrl
    events: Annotated[list[Event], Field(min_length=1), AfterValidator(_unique)]
    secret: str = Field(min_length=32, max_length=1024, description="Signs the deliveries. Write-only.")
    agent_id: str | None = Field(None, max_length=200, description="Left out: every agent's sessions")
    enabled: bool = True


class SubscriptionUpdate(SubscriptionFields):
    """What is left out is kept."""

    url: WebUrl = ""
    events: Annotated[list[Event], Field(min_length=1), AfterValidator(_unique)] = Field(["session.started"])
    secret: str = Field("", min_length=32, max_length=1024)


class Subscription(BaseModel):
    id: str
    url: str
    events: list[Event]
    agent_id: str | None
    enabled: bool
    secret_version: int
    created_at: datetime
    updated_at: datetime


class SubscriptionPage(BaseModel):
    webhook_subscriptions: list[Subscription]
    has_more: bool
    response_metadata: dict[str, str]


@router.post("", status_code=201)
async def create_subscription(fields: SubscriptionFields, principal: Caller, service: TheService) -> Subscription:
    _check_url(fields.url, service)
    known = await service.store.documents("webhook", account=principal.account, limit=MOST_SUBSCRIPTIONS)
    if len(known) >= MOST_SUBSCRIPTIONS:
        raise ApiError(409, "invalid_request", f"An account may have {MOST_SUBSCRIPTIONS} subscriptions")
    now = time.time()
    document = Document(
        kind="webhook", id=f"whsub_{secrets.token_hex(16)}", account=principal.account, created_at=now, body=b""
    )
    return await _save(document, {**fields.model_dump(), "secret_version": 1, "updated_at": now}, service)


@router.get("")
async def list_subscriptions(
    principal: Caller, service: TheService, limit: Limit = 50, cursor: After = ""
) -> SubscriptionPage:
    documents = await service.store.documents(
        "webhook", account=principal.account, limit=limit + 1, after=read_cursor(cursor)
    )
    last = (documents[:limit][-1].created_at, documents[:limit][-1].id) if documents else None
    items = [_public(document, msgspec.json.decode(document.body)) for document in documents]
    return SubscriptionPage.model_validate(page("webhook_subscriptions", items, limit=limit, last=last))


@router.get("/{subscription_id}")
async def get_subscription(subscription_id: str, principal: Caller, service: TheService) -> Subscription:
    document = await _own(subscription_id, principal.account, service)
    return _public(document, msgspec.json.decode(document.body))


@router.put("/{subscription_id}")
async def update_subscription(
    subscription_id: str, fields: SubscriptionUpdate, principal: Caller, service: TheService
) -> Subscription:
    document = await _own(subscription_id, principal.account, service)
    record = msgspec.json.decode(document.body)
    given = fields.model_dump(include=fields.model_fields_set)
    if "url" in given:
        _check_url(given["url"], service)
    version = record["secret_version"] + (given.get("secret", record["secret"]) != record["secret"])
    return await _save(document, {**record, **given, "secret_version": version, "updated_at": time.time()}, service)


@router.delete("/{subscription_id}", status_code=204)
async def delete_subscription(subscription_id: str, principal: Caller, service: TheService) -> Response:
    await _own(subscription_id, principal.account, service)
    await service.store.delete("webhook", subscription_id)
    return Response(status_code=204)


async def _save(document: Document, record: dict[str, Any], service: Service) -> Subscription:
    await service.store.put(msgspec.structs.replace(document, body=msgspec.json.encode(record)))
    return _public(document, record)


async def _own(subscription_id: str, account: str, service: Service) -> Document:
    document = await service.store.document("webhook", subscription_id)
    if document is None or document.account != account:
        raise not_found("webhook_subscription")
    return document


def _check_url(url: str, service: Service) -> None:
    if not url.startswith("https://") and not service.webhooks.allow_private:
        raise invalid("url", "must be an https URL")


def _public(document: Document, record: dict[str, Any]) -> Subscription:
    return Subscription(
        id=document.id,
        created_at=datetime.fromtimestamp(document.created_at, UTC),
        **{**record, "updated_at": datetime.fromtimestamp(record["updated_at"], UTC)},
    )
