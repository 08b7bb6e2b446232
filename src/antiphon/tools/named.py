"""Tools as plain data names them: in an agent file, or on the command line.

    tools:
      - shop.orders:find                 # a Python function, or whatever tool is there: module:name
      - {function: shop.orders:book, timeout: 10, hold: true}
      - name: price
        url: https://shop.example/price
        headers: {X-Key: $SHOP_KEY}      # from the environment
      - mcp: [python, shop_server.py]    # or the URL of one that runs

Modules are found beside the file, then wherever Python looks. `$NAME` and `${NAME}` in addresses, commands, headers
and `env` stand for variables of the environment; `$$` is a dollar sign.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from antiphon.errors import ConfigError
from antiphon.tools.base import Tool, ToolSource
from antiphon.tools.function import FunctionTool, as_tool, checked_name, tool
from antiphon.tools.http import HttpTool
from antiphon.tools.mcp import McpServer

HOW = (
    "write 'module:function', or a mapping with `function`, with `name` and `url` for an HTTP endpoint, "
    "or with `mcp` for a server's tools"
)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Function(_Entry):
    function: str
    name: str | None = None
    description: str | None = None
    timeout: float = Field(120.0, gt=0)
    hold: bool = False
    idempotent: bool = False
    on_success: str = ""
    on_error: str = ""

    def build(self) -> Tool | ToolSource:
        found = imported(self.function)
        options = self.model_dump(exclude={"function"}, exclude_unset=True)
        if not options:
            return _as_tool(self.function, found)
        if isinstance(found, FunctionTool):
            checked_name(options.get("name", found.spec.name))
            return dataclasses.replace(found, spec=dataclasses.replace(found.spec, **options))
        if isinstance(found, ToolSource) or hasattr(found, "spec") or not callable(found):
            raise ConfigError(f"{self.function} is no function: it takes no {', '.join(options)} here")
        return tool(**options)(found)


class _Http(_Entry):
    name: str
    url: str
    description: str = ""
    parameters: dict[str, Any] | None = None
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: dict[str, str] = {}
    timeout: float = Field(120.0, gt=0)
    hold: bool = False
    idempotent: bool | None = None
    allow_private: list[str] = []
    allow_http: bool = False
    on_success: str = ""
    on_error: str = ""

    def build(self) -> HttpTool:
        if self.parameters is not None and not isinstance(self.parameters.get("properties"), dict):
            raise ConfigError(
                "parameters must be a JSON Schema, like {type: object, properties: {size: {type: integer}}}"
            )
        options = self.model_dump(exclude={"name", "url", "headers"})
        return HttpTool(self.name, _filled(self.url, "url"), headers=_all_filled(self.headers, "headers"), **options)


class _Mcp(_Entry):
    mcp: str | list[str]
    env: dict[str, str] = {}
    headers: dict[str, str] = {}
    only: list[str] | None = None
    prefix: str = ""
    timeout: float = Field(120.0, gt=0)
    trust_hints: bool = True

    def build(self) -> McpServer:
        options = self.model_dump(include={"only", "prefix", "timeout", "trust_hints"})
        if isinstance(self.mcp, str) and self.mcp.startswith(("http://", "https://")):
            if self.env:
                raise ConfigError("env is for a server that is started here; one at a URL takes headers")
            return McpServer(url=_filled(self.mcp, "mcp"), headers=_all_filled(self.headers, "headers"), **options)
        if self.headers:
            raise ConfigError("headers are for a server at a URL; one that is started here takes env")
        words = shlex.split(self.mcp) if isinstance(self.mcp, str) else self.mcp
        return McpServer([_filled(word, "mcp") for word in words], env=_all_filled(self.env, "env"), **options)


_KINDS: dict[str, type[_Function | _Http | _Mcp]] = {"function": _Function, "url": _Http, "mcp": _Mcp}


def named_tools(entries: Sequence[Any], *, source: str, folder: Path | None = None) -> tuple[Tool | ToolSource, ...]:
    """The tools that these entries name, made but not started. `source` is where they stand, for errors; modules are
    looked for in `folder` first. Raises ConfigError naming the entry and the field that is wrong."""
    if folder is not None and (path := str(folder.resolve())) not in sys.path:
        sys.path.insert(0, path)
    return tuple(_made(entry, f"{source}: tools.{n}") for n, entry in enumerate(entries))


def _made(entry: Any, where: str) -> Tool | ToolSource:
    if isinstance(entry, str):
        entry = {"function": entry}
    kinds = [kind for key, kind in _KINDS.items() if key in entry] if isinstance(entry, Mapping) else []
    if len(kinds) != 1:
        raise ConfigError(f"{where}: {HOW}")
    (kind,) = kinds
    try:
        return kind.model_validate(dict(entry)).build()
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        advice = first["msg"]
        if first["type"] == "extra_forbidden":
            advice = f"there is no such field; there are: {', '.join(kind.model_fields)}"
        elif first["type"] == "missing":
            advice = "it is missing"
        raise ConfigError(f"{where}.{field}: {advice}") from error
    except (ConfigError, ValueError) as error:  # ValueError: a command whose quotes do not match
        raise ConfigError(f"{where}: {error}") from error


# --- functions ----------------------------------------------------------------------------------------------------


def imported(path: str) -> Any:
    """What "module:name" names. Raises ConfigError."""
    module, colon, name = path.partition(":")
    if not (module and colon and name):
        raise ConfigError(f"{path!r} is no function: write it as 'module:function', like 'shop.orders:book'")
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            raise ConfigError(
                f"there is no module {module!r}; it is looked for beside the file, and on PYTHONPATH"
            ) from None
        raise ConfigError(f"{module} cannot be imported: {error}") from error
    except Exception as error:
        raise ConfigError(f"{module} cannot be imported: {type(error).__name__}: {error}") from error
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise ConfigError(f"{module} has no {name!r}")
    return found


def _as_tool(path: str, found: Any) -> Tool | ToolSource:
    if isinstance(found, ToolSource):
        return found
    try:
        return as_tool(found)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


# --- the environment ----------------------------------------------------------------------------------------------


def _filled(text: str, field: str) -> str:
    """Raises ConfigError for a variable that is not set. Its value is nowhere told."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name = match[1] or match[2]
        if name not in os.environ:
            raise ConfigError(f"{field}: ${name} is not set in the environment; '$$' is a dollar sign")
        return os.environ[name]

    return re.sub(r"\$\$|\$(?:(\w+)|\{(\w+)\})", value, text)


def _all_filled(texts: Mapping[str, str], field: str) -> dict[str, str]:
    return {name: _filled(text, f"{field}.{name}") for name, text in texts.items()}
