"""The console at `/`: a page to talk to the agent. Static files of the package, which load nothing from elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

FOLDER = Path(__file__).parent.parent / "console"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Scripts, styles, sounds and connections are this server's own, and nobody's page may hold ours in a frame.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "microphone=(self), speaker-selection=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # asked for again each time, and sent only when it has changed
}


@dataclass(frozen=True, slots=True)
class File:
    body: bytes
    media_type: str
    etag: str


def console_routes() -> list[BaseRoute]:
    """The page at `/`, and what it loads under `/console/`. The files are read once."""
    files = {path.name: read_file(path) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}

    async def page(request: Request) -> Response:
        return answer(request, files["index.html"])

    async def part(request: Request) -> Response:
        found = files.get(request.path_params["name"])
        return answer(request, found) if found else Response("there is no such file", 404)

    return [Route("/", page), Route("/console/{name}", part)]


def read_file(path: Path) -> File:
    body = path.read_bytes()
    return File(body, TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:16]}"')


def answer(request: Request, file: File, headers: Mapping[str, str] = HEADERS) -> Response:
    headers = {**headers, "ETag": file.etag}
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    return Response(file.body, media_type=file.media_type, headers=headers)
