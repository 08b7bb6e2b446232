"""The errors of the Realtime API: `error` events, which leave the connection open unless nothing can follow."""

from __future__ import annotations

from antiphon.errors import ProtocolError
from antiphon.protocols.voice_agent import refusals
from antiphon.protocols.voice_agent.refusals import ErrorCode

CLOSE_KEY = 3000  # what the vendor closes with where the key is wrong

_CODES = {
    ErrorCode.UNAUTHORIZED.value: "invalid_api_key",
    ErrorCode.AT_CAPACITY.value: "rate_limit_exceeded",
    ErrorCode.CONCURRENCY_EXCEEDED.value: "rate_limit_exceeded",
    ErrorCode.IMMUTABLE_FIELD.value: "cannot_update_voice",
    ErrorCode.INTERNAL_ERROR.value: "server_error",
}


def invalid_json() -> ProtocolError:
    return ProtocolError("The event is not a JSON object", code="invalid_json")


def missing(param: str) -> ProtocolError:
    return ProtocolError(f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)


def invalid(param: str | None, why: str) -> ProtocolError:
    return ProtocolError(why, code="invalid_value", param=param)


def unknown(param: str) -> ProtocolError:
    return ProtocolError(f"Unknown parameter: '{param}'.", code="unknown_parameter", param=param)


def unsupported(param: str, what: str) -> ProtocolError:
    return ProtocolError(f"{what} is not supported by this server", code="unsupported_value", param=param)


def no_item(item_id: str, param: str = "item_id") -> ProtocolError:
    return ProtocolError(f"There is no item {item_id!r:.80} in the conversation", code="item_not_found", param=param)


def code(error: ProtocolError) -> str:
    """As the vendor names it."""
    if error.code == ErrorCode.IMMUTABLE_FIELD and error.param != "output.voice":
        return "invalid_value"
    return _CODES.get(error.code, error.code)


def kind(error: ProtocolError) -> str:
    at_fault = error.code in (ErrorCode.INTERNAL_ERROR, "provider_error")
    return "server_error" if at_fault else "invalid_request_error"


def close_code(error: ProtocolError) -> int | None:
    return CLOSE_KEY if error.code == ErrorCode.UNAUTHORIZED else refusals.close_code(error)
