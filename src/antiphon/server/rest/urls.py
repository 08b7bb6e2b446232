"""Addresses that a client gives the server to call."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import httpx2
from pydantic import AfterValidator, Field


def _checked(url: str) -> str:
    """Refuses what could not be called later on."""
    try:
        parts = urlsplit(url)
        usable = parts.hostname and (parts.port is None or parts.port > 0) and httpx2.URL(url).host
    except (ValueError, httpx2.InvalidURL) as error:
        raise ValueError("must be a URL with a host") from error
    if not usable:
        raise ValueError("must be a URL with a host")
    return url


WebUrl = Annotated[str, Field(max_length=2048, pattern=r"^https?://[^\s/]"), AfterValidator(_checked)]
