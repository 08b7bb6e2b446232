"""What `import antiphon` offers, and what it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import antiphon
from antiphon import errors

PUBLIC = {
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
}
HEAVY = ("numpy", "pydantic", "starlette", "uvicorn", "onnxruntime", "msgspec", "websockets", "asyncio", "typer")


def test_the_list_is_exact():
    assert set(antiphon.__all__) == PUBLIC
    assert len(antiphon.__all__) == len(PUBLIC)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_each_name_resolves(name):
    assert getattr(antiphon, name) is not None
    assert name in dir(antiphon)


def test_every_error_is_public():
    tree = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert tree <= PUBLIC


def test_type_checkers_are_told_the_same():
    told = set()
    for node in ast.walk(ast.parse(Path(antiphon.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("antiphon."):
            told |= {(alias.name, node.module) for alias in node.names}
    assert told == set(antiphon._HOME_OF.items())
    assert {name for name, _ in told} | {"__version__"} == PUBLIC


def test_a_wrong_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Agnet'"):
        antiphon.Agnet  # noqa: B018 - reading it is the test


def test_importing_imports_nothing_heavy():
    program = f"import sys, antiphon; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_types_are_marked():
    assert Path(antiphon.__file__).with_name("py.typed").exists()
