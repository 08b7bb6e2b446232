"""Lists in pages, newest first: `limit` and `cursor` in, `{<items>, has_more, response_metadata}` out."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import Query

from antiphon.server.rest.errors import invalid
from antiphon.server.stores.base import Cursor

Limit = Annotated[int, Query(ge=1, le=200)]
After = Annotated[str, Query(alias="cursor", max_length=400, description="`next_cursor` of the page before")]


def read_cursor(text: str) -> Cursor | None:
    """Raises ApiError 422 for a cursor that was not made here."""
    if not text:
        return None
    try:
        at, id = msgspec.json.decode(base64.urlsafe_b64decode(text.encode()), type=Cursor)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise invalid("cursor", "Not a cursor of this list") from error
    if not math.isfinite(at):
        raise invalid("cursor", "Not a cursor of this list")
    return at, id


def page(name: str, items: Sequence[Any], *, limit: int, last: Cursor | None) -> dict[str, Any]:
    """A page of up to `limit` of `items`, of which one more was asked for. `last` is the cursor of its last item."""
    more = len(items) > limit
    cursor = base64.urlsafe_b64encode(msgspec.json.encode(last)).decode() if more and last else ""
    return {name: list(items[:limit]), "has_more": more, "response_metadata": {"next_cursor": cursor}}
