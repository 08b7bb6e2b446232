"""The REST application, mounted under `/v1`, and its OpenAPI page."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.middleware.cors import CORSMiddleware

from antiphon.server.rest import agents, errors, sessions, tokens, voices, webhooks
from antiphon.server.rest.gate import Gate
from antiphon.server.rest.page import PAGE
from antiphon.server.service import Service

METHODS = ("GET", "POST", "PUT", "DELETE")


def create_api(service: Service, *, voice_names: tuple[str, ...] = ()) -> FastAPI:
    """Everything under `/v1` but the WebSocket, and `/openapi.json` with a page to read it at `/docs`."""
    app = FastAPI(
        title="Antiphon",
        summary="The REST half of the Voice Agent API",
        docs_url=None,
        redoc_url=None,
        responses={422: {"model": errors.ErrorBody}, 401: {"model": errors.ErrorBody}},
        redirect_slashes=False,
    )
    app.state.service = service
    app.state.voices = voice_names
    errors.install(app)
    for module in (tokens, agents, voices, sessions, webhooks):
        app.include_router(module.router, prefix="/v1")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(PAGE)

    if origins := service.doorkeeper.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=sorted(origins), allow_methods=METHODS, allow_headers=["Authorization"]
        )
    app.add_middleware(Gate, service=service)
    return app
