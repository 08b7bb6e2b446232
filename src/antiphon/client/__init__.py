"""A client of the Voice Agent API, and a whole call made with it."""

from antiphon.client import events
from antiphon.client.call import ToolHandler, call
from antiphon.client.client import Client
from antiphon.client.errors import CannotConnect, ClientError, ConnectionLost, NoAnswer, Refused
from antiphon.client.report import CallReport, Timed, Turn
from antiphon.client.session import SessionFields

__all__ = [
    "CallReport",
    "CannotConnect",
    "Client",
    "ClientError",
    "ConnectionLost",
    "NoAnswer",
    "Refused",
    "SessionFields",
    "Timed",
    "ToolHandler",
    "Turn",
    "call",
    "events",
]
