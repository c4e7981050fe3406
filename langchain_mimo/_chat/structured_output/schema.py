"""The schema of a structured answer, in every form that is needed."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from langchain_mimo._chat.structured_output.validation import first_mismatch, schema_error
from langchain_mimo.errors import MiMoConfigurationError

Method: TypeAlias = Literal["function_calling", "json_mode", "json_schema"]


class AnswerSchema:
    """A schema, however it was written.

    Args:
        schema: A pydantic class (v2, or `pydantic.v1`), a TypedDict, a JSON schema, an OpenAI
            function; None for any JSON object.

    Attributes:
        tool: The schema as `bind_tools` takes it; a JSON schema without a title gets one.
        model: The pydantic class to create instances of, or None where answers are dicts.
        name: The tool's name, and the name in errors.
        json_schema: The JSON schema; {} where there is none.

    Raises:
        MiMoConfigurationError: The value is not a schema, or not a valid one.
    """

    def __init__(self, schema: Any) -> None:
        if isinstance(schema, dict) and schema.get("type") == "function" and "function" in schema:
            # LangChain passes wrapped tools through unchanged, and `strict` would be lost.
            schema = schema["function"]
        self.model = schema if _is_model(schema) else None
        self.name = "JSON"
        self.tool: Any = None
        self.json_schema: dict[str, Any] = {}
        if _is_json_schema(schema):
            schema = {"title": "answer", **schema}
        if schema is not None:
            self.name = _tool_name(schema)
            self.tool = schema
            self.json_schema = convert_to_json_schema(schema)
        self._checked_schema = schema if _is_json_schema(schema) else self.json_schema
        if (error := schema_error(self._checked_schema)) is not None:
            raise MiMoConfigurationError(f"the schema is not a usable JSON schema: {error}")
        if _is_json_schema(schema) and "properties" not in schema:
            # LangChain's conversion drops everything in a schema that is only $ref or anyOf.
            self.json_schema = schema
            self.tool = {"name": self.name, "parameters": schema}

    @property
    def is_object(self) -> bool:
        """Whether answers are JSON objects, which tool calls and JSON mode always give."""
        return bool(self.json_schema.get("type", "object") == "object")

    def bound_format(self, method: Method, strict: bool | None) -> dict[str, Any]:
        """Return the response format to bind; `plan_response_format` adapts it to the server."""
        if self.tool is None:
            return {"type": "json_object"}
        schema = self.json_schema
        if strict:
            schema = convert_to_json_schema(self.tool, strict=True)
        if method == "json_mode":
            return {"type": "json_object", "schema": schema}
        strictness = {} if strict is None else {"strict": strict}
        return {
            "type": "json_schema",
            "json_schema": {"name": self.name, "schema": schema, **strictness},
        }

    def build(self, value: Any) -> Any:
        """Create the object from a parsed value.

        Dicts are checked against the schema, since JSON mode and tool calls enforce none.

        Raises:
            ValueError: The value does not fit the schema; the text says where.
        """
        if self.model is not None:
            if hasattr(self.model, "model_validate"):
                return self.model.model_validate(value)
            return self.model.parse_obj(value)
        if isinstance(value, dict):
            missing = [key for key in self.json_schema.get("required", ()) if key not in value]
            if missing:
                raise ValueError(f"missing keys: {', '.join(map(repr, missing))}")
        elif self.is_object:
            raise ValueError(f"expected a JSON object, got {type(value).__name__}")
        if mismatch := first_mismatch(self._checked_schema, value):
            raise ValueError(mismatch)
        return value


def _is_json_schema(schema: Any) -> bool:
    """Return whether a dict is a JSON schema, not one of the tool formats that LangChain reads."""
    return isinstance(schema, dict) and not schema.keys() & {"name", "toolSpec"}


def _is_model(schema: Any) -> bool:
    return isinstance(schema, type) and is_basemodel_subclass(schema)


def _tool_name(schema: Any) -> str:
    try:
        return str(convert_to_openai_tool(schema)["function"]["name"])
    except (KeyError, TypeError, ValueError) as error:
        raise MiMoConfigurationError(
            "the schema must be a pydantic class, a TypedDict, a JSON schema or an OpenAI "
            f"function, got {type(schema).__name__}: {str(error)[:200]}"
        ) from error
