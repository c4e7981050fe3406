"""The schema of an answer, in every form that is needed."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from langchain_mimo.errors import MiMoConfigurationError

Method: TypeAlias = Literal["function_calling", "json_mode", "json_schema"]


class AnswerSchema:
    """A schema, whatever it was written as.

    Args:
        schema: A pydantic class (v2, or `pydantic.v1`), a TypedDict, a JSON schema, an OpenAI
            function; None for any JSON object.

    Attributes:
        tool: The schema as `bind_tools` takes it; a JSON schema without a title gets one.
        model: The pydantic class to make instances of, or None where answers are dicts.
        name: What to call it: the tool's name, and the name in errors.
        json_schema: It as JSON schema; {} where there is none.

    Raises:
        MiMoConfigurationError: It is no schema.
    """

    def __init__(self, schema: Any) -> None:
        if isinstance(schema, dict) and schema.get("type") == "function" and "function" in schema:
            # Tools in their wrapping go through LangChain untouched, and `strict` would be lost.
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
        if _is_json_schema(schema) and "properties" not in schema:
            # LangChain's conversion takes over nothing of a schema that is all $ref or anyOf.
            self.json_schema = schema
            self.tool = {"name": self.name, "parameters": schema}

    def bound_format(self, method: Method, strict: bool | None) -> dict[str, Any]:
        """Return the response format to bind; `lower_response_format` makes the server's of it."""
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
        """Make the object of a parsed value.

        Dicts are checked for their type and their required keys, since MiMo enforces neither.

        Raises:
            ValueError: The value does not fit the schema; the text says where.
        """
        if self.model is not None:
            if hasattr(self.model, "model_validate"):
                return self.model.model_validate(value)
            return self.model.parse_obj(value)
        if not isinstance(value, dict):
            if self.json_schema.get("type", "object") == "object":
                raise ValueError(f"a JSON object is wanted, not {type(value).__name__}")
            return value
        missing = [key for key in self.json_schema.get("required", ()) if key not in value]
        if missing:
            raise ValueError(f"the object lacks {', '.join(map(repr, missing))}")
        return value


def _is_json_schema(schema: Any) -> bool:
    """Whether a dict is a JSON schema, and none of the tool formats that LangChain reads too."""
    return isinstance(schema, dict) and not schema.keys() & {"name", "toolSpec"}


def _is_model(schema: Any) -> bool:
    return isinstance(schema, type) and is_basemodel_subclass(schema)


def _tool_name(schema: Any) -> str:
    try:
        return str(convert_to_openai_tool(schema)["function"]["name"])
    except (KeyError, TypeError, ValueError) as error:
        raise MiMoConfigurationError(
            "the schema must be a pydantic class, a TypedDict, a JSON schema or an OpenAI "
            f"function, not {type(schema).__name__}: {str(error)[:200]}"
        ) from error
