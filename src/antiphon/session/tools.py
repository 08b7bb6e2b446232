"""Functions the model may call: how they are described to it, and how they are run."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from antiphon.errors import ConfigError
from antiphon.types import ToolCall, ToolSpec

log = logging.getLogger("antiphon.session")

RESULT_LIMIT = 8 * 1024  # characters of a result the model is shown


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A Python function as a tool. Made by `tool`."""

    spec: ToolSpec
    function: Callable[..., Any]

    async def run(self, call: ToolCall) -> tuple[str, bool]:
        """The result as text for the model, and whether it is an error. Never raises what the function raises."""
        try:
            return shorten(_as_text(await self._invoke(call.arguments))), False
        except Exception as error:  # noqa: BLE001 - whatever a user's function raises is told to the model
            log.warning("tool %s failed: %r", call.name, error)
            return f"{type(error).__name__}: {error}", True

    async def _invoke(self, arguments: dict[str, Any]) -> Any:
        checked = _validated(self.function, arguments)
        if inspect.iscoroutinefunction(self.function):
            return await self.function(**checked)
        return await asyncio.get_running_loop().run_in_executor(None, lambda: self.function(**checked))


def tool(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float = 120.0,
    hold: bool = False,
    idempotent: bool = False,
) -> Any:
    """Makes a function, sync or async, a tool: its name, docstring and type hints become what the model is told.

    Use as `@tool` or `@tool(timeout=10)`. A sync function runs in a thread. `hold`: nobody speaks while it runs.
    Raises ConfigError for a parameter whose type has no JSON Schema.
    """

    def make(fn: Callable[..., Any]) -> FunctionTool:
        spec = ToolSpec(
            name=name or fn.__name__,
            description=description if description is not None else inspect.getdoc(fn) or "",
            parameters=_schema(fn),
            hold=hold,
            timeout=timeout,
            idempotent=idempotent,
        )
        return FunctionTool(spec, fn)

    return make if function is None else make(function)


def as_tool(candidate: FunctionTool | Callable[..., Any]) -> FunctionTool:
    """A plain function given where a tool is wanted is made one."""
    return candidate if isinstance(candidate, FunctionTool) else tool(candidate)


def shorten(text: str) -> str:
    """At most RESULT_LIMIT characters, saying so where something was cut."""
    return text if len(text) <= RESULT_LIMIT else text[:RESULT_LIMIT] + f"… ({len(text)} characters in all)"


def _arguments_model(fn: Callable[..., Any]) -> Any:
    from typing import get_type_hints

    from pydantic import ConfigDict, create_model

    hints = get_type_hints(fn)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(fn).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise ConfigError(f"tool {fn.__name__!r}: parameter {parameter.name!r} must be an ordinary named one")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints.get(parameter.name, Any), default)
    return create_model(fn.__name__, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **fields)


def _schema(fn: Callable[..., Any]) -> dict[str, Any]:
    from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

    try:
        schema: dict[str, Any] = _arguments_model(fn).model_json_schema()
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError) as error:
        raise ConfigError(
            f"tool {fn.__name__!r}: a parameter's type cannot be described to the model: {error}"
        ) from error
    schema.pop("title", None)
    return schema


def _validated(fn: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    model = _arguments_model(fn).model_validate(arguments)
    return {field: getattr(model, field) for field in type(model).model_fields}


def _as_text(result: Any) -> str:
    if isinstance(result, str):
        return result
    if result is None:
        return ""
    return json.dumps(result, default=str, ensure_ascii=False)


ToolRunner = Callable[[ToolCall], Awaitable[tuple[str, bool]]]
