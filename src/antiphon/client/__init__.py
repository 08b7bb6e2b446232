"""A client of the Voice Agent API, and whole conversations held with it."""

from antiphon.client import events
from antiphon.client.call import call
from antiphon.client.client import Client
from antiphon.client.conversation import Caller, Conversation, ToolHandler
from antiphon.client.errors import CannotConnect, ClientError, ConnectionLost, NoAnswer, Refused
from antiphon.client.microphone import Microphone, Utterance
from antiphon.client.report import CallReport, Timed, Turn
from antiphon.client.session import SessionFields

__all__ = [
    "CallReport",
    "Caller",
    "CannotConnect",
    "Client",
    "ClientError",
    "ConnectionLost",
    "Conversation",
    "Microphone",
    "NoAnswer",
    "Refused",
    "SessionFields",
    "Timed",
    "ToolHandler",
    "Turn",
    "Utterance",
    "call",
    "events",
]
