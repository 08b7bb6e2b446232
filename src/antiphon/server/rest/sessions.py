"""Sessions: what was, what is, and what is kept of each: its timeline and its recording."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel

from antiphon.protocols.voice_agent.config import Settings
from antiphon.server import journal, timeline, tokens
from antiphon.server.auth import Principal, credentials
from antiphon.server.booking import recording_path
from antiphon.server.rest.errors import not_found
from antiphon.server.rest.gate import Caller, TheService, authenticated
from antiphon.server.rest.paging import After, Limit, page, read_cursor
from antiphon.server.service import Service
from antiphon.server.stores.base import SessionRecord

router = APIRouter(prefix="/sessions", tags=["sessions"])

LINK_LASTS = 3600  # seconds
Status = Literal["created", "completed"]


class SessionSummary(BaseModel):
    id: str
    agent_id: str | None
    status: Status
    public_close_reason: str | None
    duration_seconds: float | None
    created_at: datetime
    ended_at: datetime | None


class Artifact(BaseModel):
    type: Literal["audio", "timeline", "metadata"]
    url: str
    content_type: str


class Session(SessionSummary):
    config: Any
    artifacts: list[Artifact]
    cost: dict[str, Any] | None  # what was used so far, and what that costs


class SessionPage(BaseModel):
    sessions: list[SessionSummary]
    has_more: bool
    response_metadata: dict[str, str]


@router.get("")
async def list_sessions(
    principal: Caller,
    service: TheService,
    limit: Limit = 50,
    cursor: After = "",
    status: Status | None = None,
    agent_id: Annotated[str | None, Query(max_length=200)] = None,
) -> SessionPage:
    records = await service.store.sessions(
        account=principal.account,
        limit=limit + 1,
        after=read_cursor(cursor),
        ended=None if status is None else status == "completed",
        agent_id=agent_id,
    )
    items = [_summary(record) for record in records]
    last = records[:limit][-1].cursor if records else None
    return SessionPage.model_validate(page("sessions", items, limit=limit, last=last))


@router.get("/{session_id}")
async def get_session(session_id: str, request: Request, principal: Caller, service: TheService) -> Session:
    record = await _own(session_id, principal, service)
    config = None
    if record.settings:
        config = msgspec.to_builtins(msgspec.msgpack.decode(record.settings, type=Settings).session)
    cost = journal.cost_of(journal.read(entry) for entry in await service.store.journal(record.id))
    return Session(
        **_summary(record).model_dump(),
        config=config,
        artifacts=_artifacts(record, request, principal, service),
        cost=timeline.cost_as_json(cost),
    )


@router.delete("/{session_id}", status_code=204)
async def delete_session(session_id: str, principal: Caller, service: TheService) -> Response:
    """Deletes all that is kept of it. A session that is live ends."""
    record = await _own(session_id, principal, service)
    await service.forget(record.id)
    return Response(status_code=204)


@router.get("/{session_id}/artifacts/{type}", response_model=None)
async def get_artifact(
    session_id: str, type: Literal["audio", "timeline", "metadata"], request: Request, service: TheService
) -> Response:
    """By an API key, or by the link that `GET /sessions/{id}` gives, which lasts an hour."""
    record = await _own(session_id, await _reader(request, session_id, service), service)
    path = _recording(record, service)
    if type != "timeline" and path is None:
        raise not_found("session")
    if type == "audio" and path:
        return FileResponse(path, media_type="audio/ogg")
    entries = [journal.read(entry) for entry in await service.store.journal(record.id)]
    if type == "timeline":
        return JSONResponse(timeline.timeline(record, entries))
    return JSONResponse(_metadata(record, entries))


async def _reader(request: Request, session_id: str, service: Service) -> Principal:
    for credential in credentials(request):
        if principal := service.doorkeeper.reader(credential, session_id):
            return principal
    return await authenticated(request, None)


async def _own(session_id: str, principal: Principal, service: Service) -> SessionRecord:
    """A session of another account is not there."""
    record = await service.store.session(session_id)
    if record is None or record.account != principal.account:
        raise not_found("session")
    return record


def _summary(record: SessionRecord) -> SessionSummary:
    return SessionSummary(
        id=record.id,
        agent_id=record.agent_id,
        status="created" if record.ended_at is None else "completed",
        public_close_reason=timeline.public_reason(record),
        duration_seconds=timeline.duration(record),
        created_at=_moment(record.created_at),
        ended_at=None if record.ended_at is None else _moment(record.ended_at),
    )


def _artifacts(record: SessionRecord, request: Request, principal: Principal, service: Service) -> list[Artifact]:
    if record.ended_at is None:
        return []
    link = str(request.url_for("get_artifact", session_id=record.id, type="timeline")).removesuffix("timeline")
    query = ""
    if principal.key:
        token = tokens.issue(principal.key, use="artifact", expires_at=time.time() + LINK_LASTS, session_id=record.id)
        query = f"?token={token}"
    kinds: list[tuple[Literal["audio", "timeline", "metadata"], str]] = [("timeline", "application/json")]
    if _recording(record, service):
        kinds += [("audio", "audio/ogg"), ("metadata", "application/json")]
    return [Artifact(type=kind, url=f"{link}{kind}{query}", content_type=content) for kind, content in kinds]


def _recording(record: SessionRecord, service: Service) -> Path | None:
    """The file, once it is whole."""
    folder = service.options.recordings
    if folder is None or record.ended_at is None:
        return None
    path = recording_path(folder, record.id)
    return path if path.exists() else None


def _metadata(record: SessionRecord, entries: list[journal.Entry]) -> dict[str, Any]:
    recorded = [entry for entry in entries if isinstance(entry, journal.Recorded)]
    return {
        "session_id": record.id,
        "started_at": _moment(record.created_at).isoformat(),
        "ended_at": None if record.ended_at is None else _moment(record.ended_at).isoformat(),
        "format": "ogg/opus",
        "channels": 2,
        "channel_layout": {"left": "user", "right": "agent"},
        "sample_rate": 24_000,
        "file": f"{record.id}.ogg",
        "uploaded_chunks": sum(entry.chunks - entry.dropped for entry in recorded),
        "dropped_chunks": sum(entry.dropped for entry in recorded),
    }


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
