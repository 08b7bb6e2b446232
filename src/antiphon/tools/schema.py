"""A function's parameters as a JSON Schema for the model, and the model's arguments checked against them.

The schema says what the type hints and the docstring say: `Annotated[int, Field(description=…, ge=1)]`, enums, optional
and nested types, all through pydantic; descriptions also from the docstring's arguments (Google, NumPy or Sphinx).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

from docstring_parser import parse as parse_docstring
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo

from antiphon.errors import ConfigError
from antiphon.tools.base import ToolContext

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class BadArguments(Exception):
    """The model's arguments do not fit. The message tells it what to change."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes. Made once for each tool."""

    description: str
    parameters: dict[str, Any]  # JSON Schema
    model: type[BaseModel]
    context: str | None  # the parameter that is given the ToolContext

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function takes them. Raises BadArguments."""
        try:
            model = self.model.model_validate(self._without_nulls(arguments))
        except ValidationError as error:
            raise BadArguments(_advice(error)) from error
        return {str(field.alias): getattr(model, name) for name, field in self.model.model_fields.items()}

    def _without_nulls(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Models like to send null for what they leave out."""
        optional = {field.alias for field in self.model.model_fields.values() if not field.is_required()}
        return {
            name: value
            for name, value in arguments.items()
            if value is not None or name not in optional or _nullable(self.parameters["properties"][name])
        }


def signature_of(function: Callable[..., Any]) -> Signature:
    """Raises ConfigError for a parameter that cannot be described to a model."""
    name = name_of(function)
    docs = parse_docstring(inspect.getdoc(function) or "")
    told = {param.arg_name: param.description for param in docs.params if param.description}
    hints, context, fields = _hints(function), None, {}
    for number, parameter in enumerate(_parameters(function)):
        if hints.get(parameter.name) is ToolContext:
            context = parameter.name
            continue
        fields[f"p{number}"] = _field(name, parameter, hints, told)
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())
    try:
        model: type[BaseModel] = create_model(name, __config__=config, **fields)
        schema = compact(model.model_json_schema())
    except (PydanticUserError, TypeError, NameError) as error:
        raise ConfigError(f"tool {name!r}: a parameter cannot be described to the model: {error}") from error
    description = "\n\n".join(part for part in (docs.short_description, docs.long_description) if part)
    return Signature(description, schema, model, context)


def name_of(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError) as error:
        raise ConfigError(f"tool {name_of(function)!r}: its parameters cannot be read: {error}") from error


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    target = function if inspect.isroutine(function) else type(function).__call__
    try:
        return get_type_hints(target, include_extras=True)
    except (NameError, TypeError) as error:
        raise ConfigError(f"tool {name_of(function)!r}: its type hints cannot be read: {error}") from error


def _field(tool: str, parameter: inspect.Parameter, hints: Mapping[str, Any], told: Mapping[str, str]) -> Any:
    """A field whose alias is the parameter's name: any name will do, `json` and `_id` too."""
    if parameter.kind not in _NAMED:
        raise ConfigError(f"tool {tool!r}: parameter {parameter.name!r} must be an ordinary named one")
    annotation = hints.get(parameter.name, Any)
    given = [FieldInfo.from_annotation(annotation), parameter.default]
    described = any(isinstance(info, FieldInfo) and info.description for info in given)
    if parameter.name in told and not described:
        extra = Field(alias=parameter.name, description=told[parameter.name])
    else:
        extra = Field(alias=parameter.name)
    default = ... if parameter.default is parameter.empty else parameter.default
    return (Annotated[annotation, extra], default)


# --- schemas ------------------------------------------------------------------------------------------------------


def compact(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema in fewer words: references filled in, for not every model reads them, and titles left out. What
    contains itself stays a reference."""
    definitions = schema.get("$defs", {})
    kept: set[str] = set()
    out: dict[str, Any] = _compacted(schema, definitions, (), kept)
    if kept:
        out["$defs"] = {name: _compacted(definitions[name], definitions, (name,), kept) for name in sorted(kept)}
    return out


def _compacted(node: Any, definitions: Mapping[str, Any], inside: tuple[str, ...], kept: set[str]) -> Any:
    if isinstance(node, list):
        return [_compacted(item, definitions, inside, kept) for item in node]
    if not isinstance(node, Mapping):
        return node
    name = str(node.get("$ref", "")).removeprefix("#/$defs/")
    if name in definitions:
        if name in inside:
            kept.add(name)
            return dict(node)
        filled = {**definitions[name], **{key: value for key, value in node.items() if key != "$ref"}}
        return _compacted(filled, definitions, (*inside, name), kept)
    return {
        key: {k: _compacted(v, definitions, inside, kept) for k, v in value.items()}
        if key == "properties" and isinstance(value, Mapping)
        else _compacted(value, definitions, inside, kept)
        for key, value in node.items()
        if key != "$defs" and not (key == "title" and isinstance(value, str))
    }


def _nullable(schema: Mapping[str, Any]) -> bool:
    kinds = [schema, *schema.get("anyOf", ())]
    if any("null" in (kind.get("type"), *kind.get("enum", ())) for kind in kinds):
        return True
    return not {"type", "anyOf", "enum", "const", "$ref"} & set(schema)  # anything goes


# --- what the model is told ---------------------------------------------------------------------------------------


def _advice(error: ValidationError) -> str:
    """Each argument that is wrong, and how; pydantic's own text is written for programmers."""
    faults = []
    for fault in error.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in fault["loc"]) or "the arguments"
        if fault["type"] == "missing":
            faults.append(f"{where} is missing")
        elif fault["type"] == "extra_forbidden":
            faults.append(f"there is no argument {where}")
        else:
            faults.append(f"{where}: {fault['msg']}, not {str(fault['input'])[:80]!r}")
    return f"The arguments do not fit: {'; '.join(faults)}. Correct them and call again."
