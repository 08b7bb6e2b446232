"""Temporary tokens for clients that must not hold an API key: web pages and apps."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field

from antiphon.server import tokens
from antiphon.server.auth import Principal, credentials
from antiphon.server.rest.bodies import Body
from antiphon.server.rest.errors import ApiError
from antiphon.server.rest.gate import Caller, TheService, service_of

router = APIRouter(tags=["tokens"])

Seconds = Annotated[int, Query(ge=1, le=600, description="How long the token may be redeemed")]
Duration = Annotated[int | None, Query(ge=60, le=10_800, description="How long its session may last")]


class Token(BaseModel):
    token: str
    expires_in_seconds: int


class TokenRequest(Body):
    expires_in_seconds: int = Field(60, ge=1, le=600)


class DatedToken(BaseModel):
    token: str
    expires_at: datetime


async def as_observed(request: Request) -> Principal:
    """`GET /token` answers as the hosted service was seen to: 422 without a key, 404 for a wrong one."""
    keeper = service_of(request).doorkeeper
    shown = credentials(request)
    if keeper.keys and not shown:
        missing = {"type": "missing", "loc": ("header", "authorization"), "msg": "Field required", "input": None}
        raise RequestValidationError([missing])
    for credential in shown or [""]:
        if principal := keeper.holder(credential):
            return principal
    raise ApiError(404, "unauthorized", "Invalid API key")


@router.get("/token")
async def get_token(
    principal: Annotated[Principal, Depends(as_observed)],
    service: TheService,
    expires_in_seconds: Seconds,
    max_session_duration_seconds: Duration = None,
) -> Token:
    """A token that opens one session, in the header or as `?token=`."""
    token = tokens.issue(
        service.signer(principal),
        expires_at=time.time() + expires_in_seconds,
        max_duration=max_session_duration_seconds,
    )
    return Token(token=token, expires_in_seconds=expires_in_seconds)


@router.post("/tokens")
async def make_token(principal: Caller, service: TheService, wish: TokenRequest | None = None) -> DatedToken:
    """The same, as the newer clients ask for it."""
    expires_at = time.time() + (wish or TokenRequest(expires_in_seconds=60)).expires_in_seconds
    token = tokens.issue(service.signer(principal), expires_at=expires_at)
    return DatedToken(token=token, expires_at=datetime.fromtimestamp(int(expires_at), UTC))
