"""What a request's body may hold, whatever it is about."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx2
import msgspec
from pydantic import AfterValidator, BaseModel, Field, model_validator


class Body(BaseModel):
    """The base of every body: JSON that can be kept and given back."""

    @model_validator(mode="before")
    @classmethod
    def _can_be_kept(cls, value: Any) -> Any:
        try:
            msgspec.json.encode(value)
        except (msgspec.MsgspecError, OverflowError, UnicodeError, RecursionError) as error:
            raise ValueError("holds a number or a text that cannot be kept") from error
        return value


def without_nan(value: Any) -> Any:
    """As it will be read back: what is no number is null."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _with_host(url: str) -> str:
    """Refuses what could not be called later on."""
    try:
        parts = urlsplit(url)
        usable = parts.hostname and (parts.port is None or parts.port > 0) and httpx2.URL(url).host
    except (ValueError, httpx2.InvalidURL) as error:
        raise ValueError("must be a URL with a host") from error
    if not usable:
        raise ValueError("must be a URL with a host")
    return url


Json = Annotated[dict[str, Any], AfterValidator(without_nan)]
WebUrl = Annotated[str, Field(max_length=2048, pattern=r"^https?://[^\s/]"), AfterValidator(_with_host)]
