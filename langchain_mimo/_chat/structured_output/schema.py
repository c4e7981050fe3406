"""The schema of a structured answer, in every form that is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from langchain_mimo._chat.structured_output.native import ClassSchema
from langchain_mimo._chat.structured_output.validation import first_mismatch, schema_error
from langchain_mimo._json import dump_json
from langchain_mimo._wire.bound_tools import wire_name
from langchain_mimo._wire.json_schemas import admits_anything, strict_schema
from langchain_mimo._wire.nested_json import decode_nested
from langchain_mimo._wire.python_types import is_dataclass_type, type_adapter
from langchain_mimo._wire.tool_definitions import CONVERSION_ERRORS, function_of
from langchain_mimo.errors import MiMoConfigurationError

Method: TypeAlias = Literal["function_calling", "json_mode", "json_schema"]


class AnswerSchema:
    """A schema, however it was written.

    Args:
        schema: A pydantic class (v2, or `pydantic.v1`), a dataclass, a TypedDict, a JSON schema, or
            one in the form of a tool or of OpenAI's `response_format`; None for any JSON object.

    Attributes:
        tool: The schema as a function for `bind_tools`; a JSON schema without a title gets one.
        strict: The `strict` that the dict has itself, or None.
        makes_instances: Whether answers are instances of a class; all others are dicts.
        is_pydantic: Whether that class is one of pydantic v2.
        name: The tool's name, and the name in errors.
        json_schema: The JSON schema; {} where there is none.

    Raises:
        MiMoConfigurationError: The value is not a schema, or not a valid one.
    """

    def __init__(self, schema: Any) -> None:
        self._build = _builder(schema)
        self.makes_instances = self._build is not None
        self.is_pydantic = isinstance(schema, type) and issubclass(schema, BaseModel)
        self.name = "JSON"
        self.tool: Any = None
        self.json_schema: dict[str, Any] = {}
        self.strict: bool | None = None
        if is_json_schema(schema):
            refuse_any_answer(schema)
            schema = {"title": "answer", **schema}
        if schema is not None:
            self.tool = _function(schema)
            self.name, self.strict = self.tool["name"], self.tool.get("strict")
            parameters = self.tool.get("parameters", {})
            if isinstance(schema, dict) and not is_json_schema(schema):
                refuse_any_answer(parameters)
            named = {key: self.tool[key] for key in ("description",) if key in self.tool}
            self.json_schema = {"title": self.name, **named, **parameters}
        self._checked_schema = schema if is_json_schema(schema) else self.json_schema
        if (error := schema_error(self._checked_schema)) is not None:
            raise MiMoConfigurationError(f"the schema is not a usable JSON schema: {error}")

    @property
    def is_object(self) -> bool:
        """Whether answers are JSON objects, which tool calls and JSON mode always give."""
        return bool(self.json_schema.get("type", "object") == "object")

    def bound_format(self, method: Method, strict: bool | None) -> dict[str, Any]:
        """Return the response format to bind; `plan_response_format` adapts it to the server.

        Args:
            method: "json_schema" or "json_mode".
            strict: None for the dict's own, whose schema stays as it is; True closes the schema.
        """
        if self.tool is None:
            return {"type": "json_object"}
        schema = self.json_schema
        if strict:
            schema = strict_schema(schema)
        if method == "json_mode":
            return {"type": "json_object", "schema": schema}
        strict = self.strict if strict is None else strict
        if self.is_pydantic and not strict:
            schema = ClassSchema(schema, self.build)
        strictness = {} if strict is None else {"strict": strict}
        return {
            "type": "json_schema",
            "json_schema": {"name": wire_name(self.name), "schema": schema, **strictness},
        }

    def build(self, value: Any) -> Any:
        """Create the object from a parsed value, whose nested JSON texts are decoded.

        Dicts are checked against the schema, since JSON mode and tool calls enforce none.

        Raises:
            ValueError: The value does not fit the schema; the text says where.
        """
        value = decode_nested(value, self._checked_schema)
        if self._build is not None:
            return self._build(value)
        if isinstance(value, dict):
            missing = [key for key in self.json_schema.get("required", ()) if key not in value]
            if missing:
                raise ValueError(f"missing keys: {', '.join(map(repr, missing))}")
        elif self.is_object:
            raise ValueError(f"expected a JSON object, got {type(value).__name__}")
        if mismatch := first_mismatch(self._checked_schema, value):
            raise ValueError(mismatch)
        return value


def is_json_schema(schema: Any) -> bool:
    """Return whether a dict is a JSON schema itself, not a tool or response format with one."""
    return (
        isinstance(schema, dict)
        and not schema.keys() & {"name", "toolSpec"}
        and schema.get("type") not in ("function", "json_schema")
    )


def refuse_any_answer(schema: Any) -> None:
    """Refuse a dict that is no JSON schema, or one that would take any JSON for an answer.

    Raises:
        MiMoConfigurationError: It says nothing about the answer.
    """
    if not isinstance(schema, Mapping):
        raise MiMoConfigurationError(f"the JSON schema must be a dict, got {type(schema).__name__}")
    if admits_anything(schema):
        keys = ", ".join(map(repr, list(schema)[:5])) or "an empty dict"
        raise MiMoConfigurationError(
            'the schema would admit any answer: a JSON schema needs "type" and "properties", or '
            f"$ref, anyOf, oneOf, allOf, enum or const, got {keys}; for any object, use "
            '{"type": "object"}'
        )


def _builder(schema: Any) -> Callable[[Any], Any] | None:
    """Return what makes an instance of a class from parsed JSON, or None for a dict."""
    if is_dataclass_type(schema):
        adapter = type_adapter(schema)
        return lambda value: adapter.validate_json(dump_json(value))
    if not (isinstance(schema, type) and is_basemodel_subclass(schema)):
        return None
    model: Any = schema
    if not hasattr(model, "model_validate_json"):
        parse: Callable[[Any], Any] = model.parse_obj
        return parse
    # As JSON, since strict models take dates and the like from JSON texts only.
    return lambda value: model.model_validate_json(dump_json(value))


def _function(schema: Any) -> dict[str, Any]:
    try:
        function = dict(function_of(schema))
        if not isinstance(function["name"], str) or not function["name"]:
            raise TypeError("it has no name")
    except CONVERSION_ERRORS as error:
        raise MiMoConfigurationError(
            "the schema must be a pydantic class, a dataclass, a TypedDict, a JSON schema or an "
            f"OpenAI function, got {_kind_of(schema)}: {str(error)[:200]}"
        ) from error
    return function


def _kind_of(schema: Any) -> str:
    return "another class" if isinstance(schema, type) else type(schema).__name__
