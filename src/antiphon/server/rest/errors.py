"""What a REST request is told when it fails: one envelope, for every failure.

`{code, message, param, request_id, errors: [{message, param}], detail}`. `detail` is what older clients read: the list
of a failed validation as the hosted service gives it, else the message.
"""

from __future__ import annotations

import logging
import re
import secrets
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from antiphon.errors import ProtocolError
from antiphon.server.stores.base import StoreUnavailable

log = logging.getLogger("antiphon.server")

CODES = {404: "not_found", 405: "method_not_allowed", 413: "invalid_request"}


class Problem(BaseModel):
    message: str
    param: str | None = None


class ErrorBody(BaseModel):
    """The envelope, for the OpenAPI page."""

    code: str
    message: str
    param: str | None = None
    request_id: str
    errors: list[Problem] = []
    detail: Any = None


class ApiError(Exception):
    """A request cannot be served. `code` is one of the API's."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        detail: Any = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.detail = detail
        self.headers = headers


def not_found(kind: str) -> ApiError:
    """`kind` as in the code: "agent", "session", "webhook_subscription"."""
    return ApiError(404, f"{kind}_not_found", f"{kind.replace('_', ' ').capitalize()} not found")


def invalid(param: str, message: str) -> ApiError:
    return ApiError(422, "validation_error", message, param=param)


def from_protocol(error: ProtocolError) -> ApiError:
    """What the wire would refuse in a `session` object is refused in a stored agent."""
    return ApiError(422, "validation_error", str(error), param=error.param)


def install(app: FastAPI) -> None:
    """Every failure leaves `app` in the envelope."""

    @app.exception_handler(ApiError)
    async def api_error(request: Request, error: ApiError) -> JSONResponse:
        problem = Problem(message=error.message, param=error.param)
        return envelope(error.status, error.code, [problem], detail=error.detail, headers=error.headers)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        code = CODES.get(error.status_code, "invalid_request")
        problem = Problem(message=str(error.detail))
        return envelope(error.status_code, code, [problem], headers=dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
        found = [_plain(item) for item in error.errors()]
        problems = [Problem(message=item["msg"], param=_param(item["loc"])) for item in found]
        return envelope(422, "validation_error", problems, detail=found)

    @app.exception_handler(StoreUnavailable)
    async def no_store(request: Request, error: StoreUnavailable) -> JSONResponse:
        log.error("%s %s: %s", request.method, request.url.path, error)
        problem = Problem(message="The store is not available; try again later")
        return envelope(503, "internal_error", [problem], headers={"Retry-After": "5"})

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        return envelope(500, "internal_error", [Problem(message="Internal error")])


def envelope(
    status: int, code: str, problems: list[Problem], *, detail: Any = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """The answer to a request that failed."""
    first = problems[0]
    body = ErrorBody(
        code=code,
        message=first.message,
        param=first.param,
        request_id=f"req_{secrets.token_hex(16)}",
        errors=problems,
        detail=first.message if detail is None else detail,
    )
    return JSONResponse(body.model_dump(), status, headers)


def _plain(item: Any) -> dict[str, Any]:
    """One of pydantic's errors as JSON. What a body held is not repeated: it may be a secret, or no JSON."""
    kept: dict[str, Any] = {"type": item["type"], "loc": list(item["loc"]), "msg": _printable(item["msg"])}
    if item["loc"][:1] in (("query",), ("header",), ("path",)):
        value = item.get("input")
        kept["input"] = _printable(value) if isinstance(value, str) else None
    if context := item.get("ctx"):
        kept["ctx"] = {name: v if isinstance(v, int | bool) else _printable(str(v)) for name, v in context.items()}
    return kept


def _param(place: list[Any]) -> str | None:
    """("body", "tools", 0, "name") -> "tools[0].name"."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place[1:])
    return _printable(path.removeprefix(".")) or None


def _printable(text: str) -> str:
    """Without the halves of characters that JSON may name and UTF-8 cannot."""
    return re.sub("[\ud800-\udfff]", "�", text)
