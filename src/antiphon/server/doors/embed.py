"""`/embed/button.js`: one script tag that puts a talk button on a page of any origin.

The files are the console's. What they show and open is theirs to say; here they may be loaded from elsewhere.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from antiphon.server.console import FOLDER, answer, read_file

FILES = ("button.js", "audio.js", "wire.js", "playout.js", "capture.js", "resample.js")
HEADERS = {
    "Access-Control-Allow-Origin": "*",  # modules and worklets of another origin want it
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def routes() -> list[BaseRoute]:
    files = {name: read_file(FOLDER / name) for name in FILES}

    async def part(request: Request) -> Response:
        found = files.get(request.path_params["name"])
        return answer(request, found, HEADERS) if found else Response("there is no such file", 404)

    return [Route("/embed/{name}", part)]
