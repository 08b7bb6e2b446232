"""Antiphon: a real-time voice agent, as a server and as a library.

from antiphon import Agent

Agent(greeting="Hello!").serve()

Every public name is here. Each is imported when it is first used, so that `import antiphon` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from antiphon.agent import Agent
    from antiphon.client.client import Client
    from antiphon.client.errors import ClientError
    from antiphon.conversation.settings import Settings
    from antiphon.errors import (
        AntiphonError,
        AtCapacity,
        AuthError,
        BadRequest,
        ConfigError,
        Disconnected,
        MissingDependency,
        ModelStoreError,
        Overloaded,
        ProtocolError,
        ProviderError,
        ProviderTimeout,
        QuotaError,
        RateLimited,
        SessionClosed,
    )
    from antiphon.session.makings import Hooks
    from antiphon.session.session import Session
    from antiphon.tools.base import ToolContext
    from antiphon.tools.function import FunctionTool, tool
    from antiphon.tools.http import HttpTool
    from antiphon.tools.mcp import McpServer
    from antiphon.types import AudioFormat, Encoding, Message, Role, SessionConfig, ToolCall, ToolSpec

    __version__: str

# Where each name lives. The imports above say the same to type checkers; a test holds the two together.
_HOMES = {
    "antiphon.agent": ("Agent",),
    "antiphon.client.client": ("Client",),
    "antiphon.client.errors": ("ClientError",),
    "antiphon.conversation.settings": ("Settings",),
    "antiphon.errors": (
        "AntiphonError",
        "AtCapacity",
        "AuthError",
        "BadRequest",
        "ConfigError",
        "Disconnected",
        "MissingDependency",
        "ModelStoreError",
        "Overloaded",
        "ProtocolError",
        "ProviderError",
        "ProviderTimeout",
        "QuotaError",
        "RateLimited",
        "SessionClosed",
    ),
    "antiphon.session.makings": ("Hooks",),
    "antiphon.session.session": ("Session",),
    "antiphon.tools.base": ("ToolContext",),
    "antiphon.tools.function": ("FunctionTool", "tool"),
    "antiphon.tools.http": ("HttpTool",),
    "antiphon.tools.mcp": ("McpServer",),
    "antiphon.types": ("AudioFormat", "Encoding", "Message", "Role", "SessionConfig", "ToolCall", "ToolSpec"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Agent",
    "AntiphonError",
    "AtCapacity",
    "AudioFormat",
    "AuthError",
    "BadRequest",
    "Client",
    "ClientError",
    "ConfigError",
    "Disconnected",
    "Encoding",
    "FunctionTool",
    "Hooks",
    "HttpTool",
    "McpServer",
    "Message",
    "MissingDependency",
    "ModelStoreError",
    "Overloaded",
    "ProtocolError",
    "ProviderError",
    "ProviderTimeout",
    "QuotaError",
    "RateLimited",
    "Role",
    "Session",
    "SessionClosed",
    "SessionConfig",
    "Settings",
    "ToolCall",
    "ToolContext",
    "ToolSpec",
    "__version__",
    "tool",
]


def __getattr__(name: str) -> Any:
    """Imports a public name on first use (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        found: Any = version("antiphon")
    elif name in _HOME_OF:
        found = getattr(import_module(_HOME_OF[name]), name)
    else:
        raise AttributeError(f"module 'antiphon' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
