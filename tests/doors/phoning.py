"""Calls to a server by way of each carrier, from the webhook to the WebSocket."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import httpx2
import jwt
from twilio.request_validator import RequestValidator

from tests.doors.serving import SECRET, TELNYX_KEY, TOKEN, Served
from tests.emulators.carrier import Call, TelnyxCall, TwilioCall, VonageCall, calling, read_document

FORM = {"CallSid": "CA0123456789abcdef0123456789abcdef", "From": "+15550100", "To": "+15550199"}
CALLS: dict[str, type[Call]] = {"twilio": TwilioCall, "telnyx": TelnyxCall, "vonage": VonageCall}


async def webhook(
    here: Served, carrier: str, *, fields: Mapping[str, str] = FORM, query: str = "", headers: Any = None
) -> httpx2.Response:
    """What a carrier asks when somebody calls, signed as it does."""
    body = urlencode(fields)
    given = {"Content-Type": "application/x-www-form-urlencoded"}
    path = f"/{carrier}{query}"
    match carrier:
        case "twilio":
            signed = RequestValidator(TOKEN).compute_signature(f"http://{here.place}{path}", dict(fields))
            given["X-Twilio-Signature"] = signed
        case "telnyx":
            now = str(int(time.time()))
            signature = TELNYX_KEY.sign(f"{now}|{body}".encode())
            given["telnyx-timestamp"] = now
            given["telnyx-signature-ed25519"] = base64.b64encode(signature).decode()
        case "vonage":
            claims = {"iat": int(time.time()), "payload_hash": hashlib.sha256(body.encode()).hexdigest()}
            given["Authorization"] = f"Bearer {jwt.encode(claims, SECRET, algorithm='HS256')}"
    return await here.http.post(path, content=body, headers={**given, **(headers or {})})


@asynccontextmanager
async def phoned(here: Served, carrier: str = "twilio", **options: Any) -> AsyncIterator[Call]:
    """A call that is answered."""
    answer = await webhook(here, carrier)
    assert answer.status_code == 200, answer.text
    url, said = read_document(answer.headers["content-type"], answer.text)
    async with calling(CALLS[carrier](url, said, **options)) as call:
        yield call
