"""The `webhook` of a session: where the server reports its end. Part of the first or any later session.update."""

from __future__ import annotations

from typing import Any

import msgspec

from antiphon.protocols.voice_agent import refusals

_LONGEST_URL = 2048
_SHORTEST_SECRET = 32


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    events: tuple[str, ...]
    secret: str | None = None  # signs the deliveries


def read(value: Any, *, strict: bool = False) -> Webhook:
    """A webhook as the client wrote it. Plain http is for servers that are not strict: a receiver at home.

    Raises ProtocolError: `invalid_format` for a wrong shape, `invalid_webhook` with the field's path for a wrong value.
    """
    try:
        hook = msgspec.convert(value, Webhook)
    except msgspec.ValidationError as failure:
        raise refusals.invalid_message("session.update") from failure
    schemes = ("https://",) if strict else ("https://", "http://")
    if not hook.url.startswith(schemes) or len(hook.url) > _LONGEST_URL:
        raise refusals.invalid_webhook("webhook.url", f"must be an https URL of at most {_LONGEST_URL} characters")
    if not hook.events or len(set(hook.events)) != len(hook.events):
        raise refusals.invalid_webhook("webhook.events", "must name at least one event, and none twice")
    if hook.secret is not None and len(hook.secret) < _SHORTEST_SECRET:
        raise refusals.invalid_webhook("webhook.secret", f"must have at least {_SHORTEST_SECRET} characters")
    return hook
