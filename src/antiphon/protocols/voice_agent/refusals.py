"""The errors of the Voice Agent API, with the codes and the words that its clients know.

Codes are those of the vendor's schema. A fatal error is followed by a close with 1008, the others leave the
connection open. Codes a client may meet before it has a session carry no session id; those about a message that
could not be read carry neither session id nor `param`.
"""

from __future__ import annotations

from enum import StrEnum

from antiphon.errors import ProtocolError

CLOSE_NORMAL = 1000  # after session.ended
CLOSE_REFUSED = 1008  # after a fatal error
CLOSE_FAILED = 1011  # after an internal error
CLOSE_RESTART = 1012  # the server stops, and another one has the session


class ErrorCode(StrEnum):
    """Every code a `session.error` may carry. Typed clients know no other."""

    AGENT_ID_NOT_FIRST = "agent_id_not_first"
    AGENT_NOT_FOUND = "agent_not_found"
    AT_CAPACITY = "at_capacity"
    AUDIO_RATE_VIOLATION = "audio_rate_violation"
    CONCURRENCY_EXCEEDED = "concurrency_exceeded"
    IMMUTABLE_FIELD = "immutable_field"
    INTERNAL_ERROR = "internal_error"
    INVALID_AUDIO = "invalid_audio"
    INVALID_CONFIG = "invalid_config"
    INVALID_FORMAT = "invalid_format"
    INVALID_VALUE = "invalid_value"
    INVALID_WEBHOOK = "invalid_webhook"
    SESSION_EXPIRED = "session_expired"
    SESSION_FORBIDDEN = "session_forbidden"
    SESSION_NOT_FOUND = "session_not_found"
    UNAUTHORIZED = "unauthorized"


ERROR_CODES = frozenset(code.value for code in ErrorCode)

# The message itself could not be used: nothing of the session is to blame.
MESSAGE_CODES = frozenset({ErrorCode.INVALID_FORMAT, ErrorCode.INVALID_AUDIO, ErrorCode.AUDIO_RATE_VIOLATION})

# The client has no session of this server's yet, or not the one it asked for.
CONNECT_CODES = frozenset(
    {
        ErrorCode.UNAUTHORIZED,
        ErrorCode.AT_CAPACITY,
        ErrorCode.CONCURRENCY_EXCEEDED,
        ErrorCode.SESSION_NOT_FOUND,
        ErrorCode.SESSION_FORBIDDEN,
    }
)


def close_code(error: ProtocolError) -> int | None:
    """The WebSocket close code that follows `error`, or None when the connection stays open."""
    if not error.fatal:
        return None
    return CLOSE_FAILED if error.code == ErrorCode.INTERNAL_ERROR else CLOSE_REFUSED


def unauthorized() -> ProtocolError:
    return ProtocolError("Authentication failed", code=ErrorCode.UNAUTHORIZED, fatal=True)


def at_capacity(message: str = "The server has no room for another session; try again later") -> ProtocolError:
    return ProtocolError(message, code=ErrorCode.AT_CAPACITY, fatal=True)


def agent_not_found() -> ProtocolError:
    return ProtocolError("Agent not found", code=ErrorCode.AGENT_NOT_FOUND, param="agent_id", fatal=True)


def session_not_found() -> ProtocolError:
    message = "Session not found or grace window has expired"
    return ProtocolError(message, code=ErrorCode.SESSION_NOT_FOUND, fatal=True)


def session_forbidden() -> ProtocolError:
    message = "The session belongs to another account"
    return ProtocolError(message, code=ErrorCode.SESSION_FORBIDDEN, fatal=True)


def rejected() -> ProtocolError:
    message = "The call was rejected by what the agent asks before it takes one"
    return ProtocolError(message, code=ErrorCode.SESSION_FORBIDDEN, fatal=True)


def session_expired() -> ProtocolError:
    message = "The session has reached its longest duration"
    return ProtocolError(message, code=ErrorCode.SESSION_EXPIRED, fatal=True)


def internal_error(message: str = "Internal error") -> ProtocolError:
    return ProtocolError(message, code=ErrorCode.INTERNAL_ERROR, fatal=True)


def invalid_json() -> ProtocolError:
    return ProtocolError("Invalid JSON format.", code=ErrorCode.INVALID_FORMAT)


def unknown_type(name: object) -> ProtocolError:
    return ProtocolError(f"Unknown message type: {name}", code=ErrorCode.INVALID_FORMAT)


def invalid_message(name: str) -> ProtocolError:
    return ProtocolError(f"Invalid message format for type '{name}'", code=ErrorCode.INVALID_FORMAT)


def out_of_order(message: str) -> ProtocolError:
    """A message that is well formed, at a time when it means nothing."""
    return ProtocolError(message, code=ErrorCode.INVALID_FORMAT)


def invalid_audio(why: str = "") -> ProtocolError:
    message = f"Invalid audio data: {why}" if why else "Invalid audio data"
    return ProtocolError(message, code=ErrorCode.INVALID_AUDIO)


def invalid_value(param: str, why: str) -> ProtocolError:
    return ProtocolError(f"'{param}': {why}", code=ErrorCode.INVALID_VALUE, param=param)


def invalid_webhook(param: str, why: str) -> ProtocolError:
    return ProtocolError(f"'{param}': {why}", code=ErrorCode.INVALID_WEBHOOK, param=param)


def immutable_field(param: str) -> ProtocolError:
    message = f"'{param}' cannot be changed after the first session.update"
    return ProtocolError(message, code=ErrorCode.IMMUTABLE_FIELD, param=param)


def agent_id_mixed() -> ProtocolError:
    message = "agent_id is mutually exclusive with other session fields"
    return ProtocolError(message, code=ErrorCode.INVALID_VALUE, param="agent_id")


def agent_id_not_first() -> ProtocolError:
    message = "agent_id is only allowed in the first session.update"
    return ProtocolError(message, code=ErrorCode.AGENT_ID_NOT_FIRST, param="agent_id")
