"""Requests to Amazon Web Services: where their keys come from, and Signature Version 4, both by botocore.

Only that is botocore's: its client would block the event loop, and opens a connection for longer than httpx2 does.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Generator
from typing import Any

import httpx2

from antiphon.errors import AuthError, ConfigError


def region(given: str | None) -> str:
    """The region to use. Raises ConfigError when nothing says which."""
    if found := given or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        return found
    import botocore.session

    if found := botocore.session.Session().get_config_variable("region"):
        return str(found)
    raise ConfigError("name an AWS region: set AWS_REGION, or the option region, as in us-east-1")


class SigV4(httpx2.Auth):
    """Signs each request. The keys are those given, else botocore's: environment, profile, web identity, sign-on,
    container, machine; short-lived ones are renewed. Raises AuthError when there are none.

    Source: the AWS documentation, "Signature Version 4 for API requests".
    """

    requires_request_body = True

    def __init__(
        self,
        service: str,
        region: str,
        *,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        session_token: str | None = None,
        profile: str | None = None,
    ) -> None:
        self._service = service
        self._region = region
        self._given = (access_key_id, secret_access_key, session_token)
        self._profile = profile
        self._credentials: Any = None

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        raise NotImplementedError("looking for keys takes a thread: use an AsyncClient")

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        if self._credentials is None or getattr(self._credentials, "refresh_needed", bool)():
            await asyncio.get_running_loop().run_in_executor(None, self._find)
        self._sign(request)
        yield request

    def _find(self) -> None:
        """Blocks: it may ask over the network."""
        import botocore.auth  # here, so that signing need not import them on the event loop
        import botocore.awsrequest  # noqa: F401
        from botocore.credentials import Credentials
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session

        try:
            if self._given[0]:
                self._credentials = Credentials(*self._given)
            if self._credentials is None:
                self._credentials = Session(profile=self._profile).get_credentials()
            if self._credentials is not None:
                self._credentials.get_frozen_credentials()  # renews them
        except BotoCoreError as error:
            raise AuthError(f"the AWS keys could not be had: {error}") from error
        if self._credentials is None:
            raise AuthError("there are no AWS keys; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")

    def _sign(self, request: httpx2.Request) -> None:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        signed = AWSRequest(request.method, str(request.url), data=request.content)
        if kind := request.headers.get("content-type"):
            signed.headers["content-type"] = kind
        SigV4Auth(self._credentials.get_frozen_credentials(), self._service, self._region).add_auth(signed)
        for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
            if value := signed.headers.get(name):
                request.headers[name] = value
