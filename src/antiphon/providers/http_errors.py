"""From the failures of an HTTP provider to the error tree: by status, by the body's code, by what broke the wire."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from antiphon.errors import (
    AuthError,
    BadRequest,
    Disconnected,
    Overloaded,
    ProviderError,
    ProviderTimeout,
    QuotaError,
    RateLimited,
)

# Sent with a 429, yet waiting does not help: the account is empty, or someone's own limit is reached.
_SPENT = {
    "insufficient_quota",
    "billing_hard_limit_reached",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_error",
    "enforced_spend_limit_reached",
    "quota_exceeded",
}
_NO_KEY = {"invalid_api_key", "authentication_error", "permission_error", "API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED"}
_KEYLIKE = re.compile(r"(?=[\w.*-]*\d)[\w.*-]{12,}")  # some vendors repeat the key that they refuse
_TOO_MANY = {"rate_limit_exceeded", "slow_down", "rate_limit_error", "ThrottlingException"}
_WRONG = {"invalid_request_error", "not_found_error", "request_too_large"}


def from_status(status: int, body: bytes | str, headers: Mapping[str, str] | None = None) -> ProviderError:
    """The error for an answer that is none. `body` is JSON with an "error" or a "detail", or anything else."""
    try:
        decoded = json.loads(body)
    except ValueError:
        decoded = {"error": {"message": body if isinstance(body, str) else body.decode("utf-8", "replace")}}
    if isinstance(decoded, list) and decoded:  # Google's, of a stream
        decoded = decoded[0]
    error = decoded.get("error", decoded.get("detail", decoded)) if isinstance(decoded, dict) else decoded
    return from_error(error, status=status, headers=headers)


def from_error(error: Any, *, status: int = 0, headers: Mapping[str, str] | None = None) -> ProviderError:
    """The error for an "error" object, which may also come in the middle of a stream, where it has no status."""
    fields = error if isinstance(error, dict) else {"message": str(error)}
    details = _details(fields)
    codes = {str(fields.get(name) or "") for name in ("code", "type", "status")}
    codes |= {str(detail.get("error_code") or detail.get("reason") or "") for detail in details}
    codes.add((headers or {}).get("x-amzn-errortype", "").partition(":")[0])  # where Amazon says which error it is
    status = status or next((int(code) for code in codes if code.isdigit()), 0)
    message = f"{status or 'error'}: {' '.join(str(fields.get('message') or fields).split())[:300]}"
    if status == 402 or codes & _SPENT or _is_spent_for_today(details):
        return QuotaError(message)
    if status in (401, 403) or codes & _NO_KEY:
        return AuthError(_KEYLIKE.sub("…", message))
    if status == 429 or codes & _TOO_MANY:
        return RateLimited(message, retry_after=_retry_delay(details) or retry_after(headers or {}))
    if status == 408 or "timeout_error" in codes:
        return ProviderTimeout(message)
    if (300 <= status < 500 and status != 409) or codes & _WRONG:
        return BadRequest(message)
    return Overloaded(message)


def _details(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """What says more about an error: an object with Anthropic, a list of them with Google (google.rpc.Status)."""
    details = fields.get("details")
    return [detail for detail in (details if isinstance(details, list) else [details]) if isinstance(detail, dict)]


def _is_spent_for_today(details: list[dict[str, Any]]) -> bool:
    """Google's quotas are by the minute, which pass, and by the day (google.rpc.QuotaFailure)."""
    violations = [violation for detail in details for violation in detail.get("violations") or []]
    return any("PerDay" in str(violation.get("quotaId")) for violation in violations)


def _retry_delay(details: list[dict[str, Any]]) -> float | None:
    """Seconds, of google.rpc.RetryInfo: "12s"."""
    delays = [str(detail["retryDelay"]).removesuffix("s") for detail in details if "retryDelay" in detail]
    return float(delays[0]) if delays and delays[0].replace(".", "", 1).isdigit() else None


def from_transport(error: httpx2.HTTPError) -> ProviderError:
    """The error for a connection that was not made, or broke."""
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx2.TimeoutException):
        return ProviderTimeout(f"no answer in time ({type(error).__name__})")
    return Disconnected(f"the connection failed: {reason}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from "retry-after-ms" or from "retry-after" in either of its forms (RFC 9110, 10.2.3)."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return float(milliseconds) / 1000
        if not (value := headers.get("retry-after")):
            return None
        if value.replace(".", "", 1).isdigit():
            return float(value)
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
