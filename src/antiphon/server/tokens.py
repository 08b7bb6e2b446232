"""Temporary tokens: JSON Web Tokens that are signed with a secret derived from the API key that made them.

So a token is bound to its key and dies with it, every process that knows the key can check it, and the server has no
secret of its own to keep. Whether a token was used before is the store's to know.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Literal

import jwt

from antiphon.errors import AntiphonError
from antiphon.server.keys import ApiKey, Keys

Use = Literal["session", "resume", "artifact"]
ALGORITHM = "HS256"
AUDIENCE = "antiphon"
LONGEST = 4096  # characters of a token that are looked at


class InvalidToken(AntiphonError):
    """Not a token of ours, or not any more."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. Times in seconds of the epoch."""

    id: str
    key: ApiKey
    use: Use
    expires_at: float
    max_duration: float | None = None  # seconds the session it opens may last
    session_id: str | None = None  # what a token for a resume or an artifact is for


def issue(
    key: ApiKey,
    *,
    use: Use = "session",
    expires_at: float,
    max_duration: float | None = None,
    session_id: str | None = None,
) -> str:
    """A new token of `key`."""
    payload: dict[str, Any] = {"aud": AUDIENCE, "jti": secrets.token_hex(16), "exp": int(expires_at), "use": use}
    if max_duration is not None:
        payload["max"] = max_duration
    if session_id is not None:
        payload["sid"] = session_id
    return jwt.encode(payload, key.secret, ALGORITHM, headers={"kid": key.id})


def read(token: str, keys: Keys, *, now: float) -> Claims:
    """What a token of one of `keys` says. Raises InvalidToken, with a reason that is for logs only."""
    try:
        if len(token) > LONGEST:
            raise InvalidToken("too long")
        key = keys.by_id(str(jwt.get_unverified_header(token).get("kid")))
        if key is None:
            raise InvalidToken("of a key that is not known here")
        payload = jwt.decode(
            token,
            key.secret,
            [ALGORITHM],
            audience=AUDIENCE,
            options={"require": ["exp", "jti"], "verify_exp": False, "verify_iat": False},
        )
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise InvalidToken(str(error)) from error
    if payload["exp"] <= now:
        raise InvalidToken("expired")
    return Claims(payload["jti"], key, payload["use"], float(payload["exp"]), payload.get("max"), payload.get("sid"))
