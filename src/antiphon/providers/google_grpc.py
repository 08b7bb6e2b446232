"""Google Cloud over gRPC: one channel a provider, who the caller is, and what the failures mean.

The vendor's message classes are used, and not its clients: they retry on their own, and cannot be stopped as quickly.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

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

if TYPE_CHECKING:
    import grpc.aio

log = logging.getLogger("antiphon.providers")

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),  # of two minutes: a call does not wait for that
    ("grpc.max_receive_message_length", 16 << 20),
)
# What gRPC says, with UNAVAILABLE, of a connection; the vendor has other words when it is overloaded.
_OF_THE_CONNECTION = ("connect", "socket", "reset", "broken pipe", "goaway", "handshak", "end of")


class GoogleChannel:
    """A channel to `endpoint`, "texttospeech.googleapis.com", made when it is first needed, inside the running loop.

    `credentials_file` is a service account's; without it credentials are found where Google's own tools find them. An
    endpoint that begins with "http://" is spoken to in the clear, and told no credentials. `messages` is the module of
    the vendor's message classes. Raises ImportError when it is not installed.
    """

    def __init__(
        self, endpoint: str, *, messages: str, credentials_file: str | None = None, connect_timeout: float = 2.0
    ) -> None:
        if find_spec("grpc") is None or find_spec("google.cloud") is None or find_spec(messages) is None:
            raise ImportError(f"no module named {messages}")
        self._endpoint = endpoint
        self._messages = messages
        self._file = credentials_file
        self._connect_timeout = connect_timeout
        self._channel: grpc.aio.Channel | None = None
        self._making = asyncio.Lock()
        self._closed = False

    async def load(self) -> None:
        """Imports what is needed, off the event loop: it takes a good part of a second."""
        if self._messages not in sys.modules:
            await asyncio.get_running_loop().run_in_executor(None, import_module, self._messages)

    async def ready(self) -> grpc.aio.Channel:
        """The channel, connected. Raises ProviderError."""
        channel = await self.get()
        try:
            async with asyncio.timeout(self._connect_timeout):
                await channel.channel_ready()
        except TimeoutError as error:
            raise Disconnected(f"no connection to {self._endpoint} within {self._connect_timeout:g} s") from error
        return channel

    async def rewarm(self) -> None:
        """As `ready`, where nobody waits for it. Never raises."""
        try:
            await self.ready()
        except ProviderError as error:
            log.info("no connection was opened ahead: %s", error)

    async def get(self) -> grpc.aio.Channel:
        """The channel, which connects when it is used. Raises ProviderError."""
        if self._closed:
            raise Disconnected("the provider was closed")
        async with self._making:
            if self._channel is None:
                self._channel = await self._make()
            return self._channel

    async def aclose(self) -> None:
        self._closed = True
        if self._channel is not None:
            await self._channel.close()

    async def _make(self) -> grpc.aio.Channel:
        await self.load()
        import grpc.aio

        if self._endpoint.startswith("http://"):
            return grpc.aio.insecure_channel(urlsplit(self._endpoint).netloc, options=_OPTIONS)
        from google.api_core.grpc_helpers_async import create_channel

        credentials = await asyncio.get_running_loop().run_in_executor(None, self._find_credentials)
        host = self._endpoint if ":" in self._endpoint else f"{self._endpoint}:443"
        channel: grpc.aio.Channel = create_channel(host, credentials=credentials, options=_OPTIONS)
        return channel

    def _find_credentials(self) -> Any:
        """Blocks: it reads files, and may ask the machine's metadata server."""
        import google.auth
        from google.auth.exceptions import GoogleAuthError
        from google.oauth2 import service_account

        found: Any  # typed in part only
        try:
            if self._file:
                found = service_account.Credentials
                return found.from_service_account_file(self._file, scopes=_SCOPES)
            found, _ = google.auth.default(scopes=_SCOPES)
            return found
        except (GoogleAuthError, OSError, ValueError) as error:
            raise AuthError(
                f"Google's credentials could not be had; set GOOGLE_APPLICATION_CREDENTIALS: {error}"
            ) from error


def from_rpc(error: grpc.aio.AioRpcError) -> ProviderError:
    """The error for a call that failed. Source: google.rpc.Code, and what Google's quotas and billing say."""
    name, details = error.code().name, " ".join((error.details() or "").split())
    message = f"{name}: {details[:300]}"
    match name:
        case "PERMISSION_DENIED" if "billing" in details.lower():
            return QuotaError(message)
        case "UNAUTHENTICATED" | "PERMISSION_DENIED":
            return AuthError(message)
        case "RESOURCE_EXHAUSTED" if "per day" in details.lower():
            return QuotaError(message)
        case "RESOURCE_EXHAUSTED":
            return RateLimited(message, retry_after=_retry_delay(error))
        case "DEADLINE_EXCEEDED":
            return ProviderTimeout(message)
        case "INVALID_ARGUMENT" | "NOT_FOUND" | "FAILED_PRECONDITION" | "UNIMPLEMENTED" | "ALREADY_EXISTS":
            return BadRequest(message)
        case "UNAVAILABLE" if any(word in details.lower() for word in _OF_THE_CONNECTION):
            return Disconnected(message)
        case "UNAVAILABLE" | "INTERNAL":
            return Overloaded(message)
        case _:  # ABORTED, OUT_OF_RANGE: a stream that was too old, or idle for too long
            return Disconnected(message)


def is_lost(error: grpc.aio.AioRpcError) -> bool:
    """Whether gRPC has lost the reason, as it does when the server refuses a stream that is still being written to
    (its issue 36066). Asking the server something simpler tells it."""
    return error.code().name == "INTERNAL" and "error from core" in (error.details() or "").lower()


def _retry_delay(error: grpc.aio.AioRpcError) -> float | None:
    """Seconds, where the answer says (google.rpc.RetryInfo)."""
    from google.rpc import error_details_pb2, status_pb2

    status = status_pb2.Status()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            with suppress(ValueError):  # what cannot be read says nothing
                status.ParseFromString(value)
    for detail in status.details:
        info = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            return float(info.retry_delay.ToTimedelta().total_seconds())
    return None
