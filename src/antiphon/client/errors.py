"""What can go wrong between a client and a server.

AntiphonError
└── ClientError
    ├── CannotConnect     nothing that speaks the protocol answers there
    ├── Refused           the server said no, with a code and a reason
    ├── NoAnswer          the server did not do its part in time
    └── ConnectionLost    the connection ended without session.ended; the session may be resumed for a while
"""

from __future__ import annotations

from antiphon.errors import AntiphonError


class ClientError(AntiphonError):
    """The conversation with the server failed."""


class CannotConnect(ClientError):
    """No connection could be made. The message says where to and why."""


class Refused(ClientError):
    """The server ended the matter with a `session.error`, or refused the connection over HTTP.

    `code` and `param` are the server's own ("unauthorized", "output.voice"); over HTTP `code` is "http_<status>".
    """

    def __init__(self, message: str, *, code: str, param: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.param = param


class NoAnswer(ClientError):
    """A bounded wait ran out."""


class ConnectionLost(ClientError):
    """The connection broke, or the server closed it without saying that the session has ended."""
